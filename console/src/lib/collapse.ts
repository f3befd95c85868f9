/*
 * A flooded queue as few lines: rows of one incident, one area or one recorder stand behind their most urgent one. What is
 * critical always stands apart, and so does everything of a position that is not flooded. Pure; the order stays.
 */
import type { Alert } from '../api/types';

export type By = 'incident' | 'area' | 'recorder';

/** A line of the queue: an alert, and what stands behind it. */
export interface Line {
  alert: Alert;
  /** The rows behind it, itself not among them, and what they have in common. */
  behind: readonly Alert[];
  by: By | null;
  /** Whether those behind it are listed below it now. */
  open: boolean;
  /** The line that it is listed below. */
  under: string | null;
}

const place = (a: Alert): string => a.area[a.area.length - 1] ?? '';
const KEYS: readonly (readonly [By, (a: Alert) => string])[] = [
  ['incident', (a) => a.incident ?? ''],
  ['area', place],
  ['recorder', (a) => a.handling.recorder ?? ''],
];

/** An alert that did not change has the very same line, so that ten thousand are not made anew with each message. */
const plain = new WeakMap<Alert, Line>();
function plainLine(alert: Alert): Line {
  let line = plain.get(alert);
  if (!line) plain.set(alert, (line = { alert, behind: [], by: null, open: false, under: null }));
  return line;
}

export function plainLines(rows: readonly Alert[]): Line[] {
  return rows.map(plainLine);
}

/** Where an alert is, looked for from where it was: it seldom moves far, and the list is long. */
export function indexNear(lines: readonly Line[], id: string, was: number): number {
  const from = Math.min(Math.max(was, 0), lines.length - 1);
  for (let by = 0; by <= lines.length; by += 1) {
    if (lines[from + by]?.alert.id === id) return from + by;
    if (lines[from - by]?.alert.id === id) return from - by;
  }
  return -1;
}

/**
 * `flooded` says whether a row's position is; `opened` are the leading alerts whose lines a person opened. A group that
 * holds the chosen alert behind its first is open, so that what is chosen can be seen.
 */
export function collapse(rows: readonly Alert[], flooded: (a: Alert) => boolean, opened: ReadonlySet<string>, chosen: string | null): Line[] {
  const groups = new Map<Alert, { by: By; members: Alert[] }>();
  let free = rows.filter((a) => flooded(a) && a.handling.priority !== 'critical');
  for (const [by, key] of KEYS) {
    const alike = new Map<string, Alert[]>();
    for (const a of free) {
      const k = key(a);
      if (k === '') continue;
      const list = alike.get(k);
      if (list) list.push(a);
      else alike.set(k, [a]);
    }
    const taken = new Set<Alert>();
    for (const members of alike.values()) {
      if (members.length < 2) continue;
      const group = { by, members };
      for (const a of members) {
        groups.set(a, group);
        taken.add(a);
      }
    }
    free = free.filter((a) => !taken.has(a));
  }
  const lines: Line[] = [];
  for (const alert of rows) {
    const group = groups.get(alert);
    if (!group) {
      lines.push(plainLine(alert));
      continue;
    }
    // The rows come most urgent first: the first of a group leads it.
    const [lead, ...behind] = group.members;
    if (!lead || lead !== alert) continue;
    const open = opened.has(alert.id) || behind.some((a) => a.id === chosen);
    lines.push({ alert, behind, by: group.by, open, under: null });
    if (open) lines.push(...behind.map((a) => ({ alert: a, behind: [], by: null, open: false, under: alert.id })));
  }
  return lines;
}
