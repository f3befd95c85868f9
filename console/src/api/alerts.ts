/*
 * How an alert is handled, beside its state: who is responsible, whether it is a row of its own and if not why, how urgent
 * it is, what it came to. A payload from before all this was known reads as a row whose priority is its severity.
 */
import { ident, num, obj, oneOf, optText, text, time } from './read';
import type { Severity } from './types';

export const ALERT_ACTIONS = [
  'acknowledge',
  'release',
  'dispatch',
  'return',
  'resolve',
  'reopen',
  'close',
  'shelve',
  'unshelve',
  'note',
  'feedback',
  'priority',
] as const;
export type AlertAction = (typeof ALERT_ACTIONS)[number];
export const RESULTS = ['true', 'false', 'nuisance', 'test'] as const;
export type Result = (typeof RESULTS)[number];
export const HOWS = ['row', 'held', 'under', 'brief'] as const;
export type How = (typeof HOWS)[number];
export const REASONS = ['weak', 'chattering', 'explained', 'incident', 'flood'] as const;
export type Because = (typeof REASONS)[number];

export interface Handling {
  priority: Severity;
  priorityBy: string | null;
  position: string | null;
  how: How;
  because: Because | null;
  /** The alert whose row it is counted under. */
  row: string | null;
  /** Unix milliseconds; null where nobody waits for it. */
  due: number | null;
  escalated: { level: number; to: string | null; at: number } | null;
  shelved: { by: string; reason: string; until: number } | null;
  result: Result | null;
  dispatchedTo: string | null;
  /** Events that joined without being shown. */
  heldBack: number;
  /** Alerts that are counted under this row. */
  under: number;
  chattering: boolean;
  /** The alert of the same source that was over before. */
  recurs: string | null;
  /** The device that the stream comes from; channels of one recorder share it. */
  recorder: string | null;
}

/** What an action carries; the gateway refuses what is missing or does not fit. */
export interface ActBody {
  note?: string;
  result?: Result;
  priority?: Severity;
  minutes?: number;
  to?: string;
}

function count(v: unknown): number {
  return Math.max(0, Math.trunc(num(v)));
}

/** `levels` and `severity` are the caller's: the priority of an old payload is its severity. */
export function readHandling(o: Record<string, unknown>, levels: readonly Severity[], severity: Severity): Handling {
  const showing = obj(o.showing);
  const escalated = obj(o.escalated);
  const shelved = obj(o.shelved);
  const due = time(o.due);
  return {
    priority: oneOf(o.priority, levels) ?? severity,
    priorityBy: optText(o.priority_by),
    position: ident(o.position),
    how: oneOf(showing?.how, HOWS) ?? 'row',
    because: oneOf(showing?.because, REASONS),
    row: ident(showing?.row),
    due: Number.isFinite(due) ? due : null,
    escalated: escalated ? { level: count(escalated.level), to: ident(escalated.to), at: time(escalated.at) } : null,
    shelved: shelved ? { by: text(shelved.by, 64), reason: text(shelved.reason, 2000), until: time(shelved.until) } : null,
    result: oneOf(o.result, RESULTS),
    dispatchedTo: optText(o.dispatched_to),
    heldBack: count(o.held_back),
    under: count(o.under),
    chattering: o.chattering === true,
    recurs: ident(o.recurs),
    recorder: optText(o.recorder),
  };
}
