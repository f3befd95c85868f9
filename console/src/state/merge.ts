/*
 * Merging, without side effects: the newest revision of an alert wins, whatever the order in which revisions come; the
 * facts of an event (start, updates, end) become one happening.
 */
import type { Health } from '../api/channel';
import type { Alert, EventFact, Media } from '../api/types';

/** So many alerts are kept; of more the oldest go first. */
export const MAX_OPEN = 20_000;
export const MAX_CLOSED = 2000;

export interface Merged {
  alerts: ReadonlyMap<string, Alert>;
  /** Whether open ones went because there were too many. */
  cut: boolean;
  /** Alerts that were not there before. */
  arrived: Alert[];
  changed: Alert[];
}

export function mergeAlerts(have: ReadonlyMap<string, Alert>, incoming: readonly Alert[]): Merged {
  const before = have;
  let next: Map<string, Alert> | null = null;
  const arrived = new Map<string, Alert>();
  const changed = new Map<string, Alert>();
  for (const alert of incoming) {
    const old = (next ?? before).get(alert.id);
    if (old && old.rev >= alert.rev) continue;
    next ??= new Map(before);
    next.set(alert.id, alert);
    if (before.has(alert.id)) changed.set(alert.id, alert);
    else arrived.set(alert.id, alert);
  }
  if (!next) return { alerts: before, cut: false, arrived: [], changed: [] };
  const cut = bound(next);
  return { alerts: next, cut, arrived: [...arrived.values()], changed: [...changed.values()] };
}

/** Leaves room below the bound, so that the oldest are not looked for again with the next message. */
const ROOM = 200;

/** Whether older closed ones would only be loaded to be let go at once. */
export function fullOfClosed(alerts: readonly Alert[]): boolean {
  return alerts.reduce((n, a) => n + (a.state === 'closed' ? 1 : 0), 0) >= MAX_CLOSED - ROOM;
}

/** Gives whether open ones had to go. */
function bound(alerts: Map<string, Alert>): boolean {
  let closed = 0;
  for (const a of alerts.values()) if (a.state === 'closed') closed += 1;
  const cut = alerts.size - closed > MAX_OPEN;
  if (closed > MAX_CLOSED) drop(alerts, (a) => a.state === 'closed', MAX_CLOSED - ROOM);
  if (cut) drop(alerts, (a) => a.state !== 'closed', MAX_OPEN - ROOM);
  return cut;
}

function drop(alerts: Map<string, Alert>, which: (a: Alert) => boolean, keep: number): void {
  const of = [...alerts.values()].filter(which).sort(newestFirst);
  for (const a of of.slice(keep)) alerts.delete(a.id);
}

/**
 * The alerts newest first, out of the order in which they were before: when an alert was opened never changes, so only
 * those that came are to be sorted.
 */
export function reorder(order: readonly Alert[], alerts: ReadonlyMap<string, Alert>, arrived: readonly Alert[]): Alert[] {
  const came = arrived.filter((a) => alerts.has(a.id)).sort(newestFirst);
  const out: Alert[] = [];
  let i = 0;
  for (const old of order) {
    const now = alerts.get(old.id);
    if (!now) continue;
    for (let next = came[i]; next && newestFirst(next, now) < 0; next = came[i]) {
      out.push(next);
      i += 1;
    }
    out.push(now);
  }
  while (i < came.length) out.push(came[i++] as Alert);
  return out;
}

/** By the time at which the alert was opened; ids are made in time order, so they break ties. */
export function newestFirst(a: Alert, b: Alert): number {
  const d = (Number.isFinite(b.opened) ? b.opened : 0) - (Number.isFinite(a.opened) ? a.opened : 0);
  return d !== 0 ? d : a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/**
 * Whether what is known is newer than what comes. Only what one process said has an order, by how long it had run: the
 * clock on the wall may have been set in between. Of two processes the one that is heard now is the one that runs.
 */
export function isLater(known: Health, coming: Health): boolean {
  return known.boot === coming.boot && known.uptimeMs > coming.uptimeMs;
}

export function mergeHealth(have: ReadonlyMap<string, Health>, incoming: readonly Health[]): ReadonlyMap<string, Health> {
  let next: Map<string, Health> | null = null;
  for (const h of incoming) {
    const old = (next ?? have).get(h.channel);
    if (old && isLater(old, h)) continue;
    next ??= new Map(have);
    next.set(h.channel, h);
  }
  return next ?? have;
}

/** When an id of version 7 was made, which for an event is when it was first seen; NaN for any other id. */
export function madeAt(id: string): number {
  const hex = id.replaceAll('-', '');
  return /^[0-9a-f]{12}7[0-9a-f]{19}$/i.test(hex) ? Number.parseInt(hex.slice(0, 12), 16) : Number.NaN;
}

/** One happening out of its facts (start, updates, end carry one id). */
export interface Happening {
  id: string;
  seen: number;
  ended: number | null;
  end: EventFact['end'];
  latest: EventFact;
  /** Its pictures, which every later fact of it carries: of its start, and as it went on. */
  pictures: readonly Media[];
}

export function happenings(facts: readonly EventFact[]): Happening[] {
  const byId = new Map<string, EventFact[]>();
  for (const f of facts) {
    const group = byId.get(f.id);
    if (group) group.push(f);
    else byId.set(f.id, [f]);
  }
  const out: Happening[] = [];
  for (const [id, group] of byId) {
    group.sort((a, b) => a.cursor - b.cursor);
    const latest = group[group.length - 1] as EventFact;
    const first = group[0] as EventFact;
    const end = group.find((f) => f.phase === 'end') ?? null;
    out.push({
      id,
      seen: first.phase === 'start' ? first.seen : earliest(madeAt(id), first.seen),
      ended: end ? end.seen : null,
      end: end?.end ?? null,
      latest,
      pictures: group.findLast((f) => f.media.length > 0)?.media ?? [],
    });
  }
  return out.sort((a, b) => b.seen - a.seen);
}

function earliest(...times: number[]): number {
  const known = times.filter((t) => Number.isFinite(t));
  return known.length > 0 ? Math.min(...known) : Number.NaN;
}

/** Adds facts to a list of facts, once each. */
export function mergeFacts(have: readonly EventFact[], incoming: readonly EventFact[], max = 200): EventFact[] {
  const key = (f: EventFact): string => `${f.id} ${f.phase} ${f.cursor}`;
  const seen = new Set(have.map(key));
  const fresh = incoming.filter((f) => !seen.has(key(f)));
  if (fresh.length === 0) return have as EventFact[];
  return [...fresh, ...have].sort((a, b) => b.cursor - a.cursor).slice(0, max);
}
