/* What the queue shows, and in which order. */
import { SEVERITIES, type Alert, type Severity } from '../api/types';

/** Of the open ones: what needs a person, what was put aside, or all of it. */
export const SHOWN = ['rows', 'shelved', 'every'] as const;
export type Shown = (typeof SHOWN)[number];

/** The gateway decides what is a row. */
export function isShown(a: Alert, how: Shown): boolean {
  const shelved = a.handling.shelved !== null;
  return how === 'every' || (how === 'shelved' ? shelved : a.handling.how === 'row' && !shelved);
}

/**
 * Whether it stands before a position: its own, and what was escalated to it, until somebody takes it; who took it keeps
 * it in sight. Empty: every position.
 */
export function isBefore(a: Alert, position: string, me: string): boolean {
  if (position === '' || a.handling.position === position) return true;
  return a.handling.escalated?.to === position && (a.state === 'new' || (a.owner === me && a.state !== 'closed'));
}

/** The most urgent first; of the same priority the order stays. One pass: it is done with every message of the feed. */
export function byPriority(alerts: readonly Alert[]): Alert[] {
  const of: Record<Severity, Alert[]> = { low: [], medium: [], high: [], critical: [] };
  for (const a of alerts) of[a.handling.priority].push(a);
  return SEVERITIES.toReversed().flatMap((s) => of[s]);
}

/** Whether a person is to take it now. */
export function waits(a: Alert): boolean {
  return a.state === 'new' && isShown(a, 'rows');
}

/** Of all that are known: how many wait for a person, and how many open rows there are. Counted once a list. */
export function tally(alerts: readonly Alert[]): { waiting: number; open: number } {
  const known = tallies.get(alerts);
  if (known) return known;
  const found = { waiting: 0, open: 0 };
  for (const a of alerts) {
    if (a.state === 'closed' || !isShown(a, 'rows')) continue;
    found.open += 1;
    if (a.state === 'new') found.waiting += 1;
  }
  tallies.set(alerts, found);
  return found;
}
const tallies = new WeakMap<readonly Alert[], { waiting: number; open: number }>();
