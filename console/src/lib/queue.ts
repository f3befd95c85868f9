/* What the queue shows, and in which order. */
import { SEVERITIES, type Alert } from '../api/types';

/** Of the open ones: what needs a person, what was put aside, or all of it. */
export const SHOWN = ['rows', 'shelved', 'every'] as const;
export type Shown = (typeof SHOWN)[number];

/** The gateway decides what is a row. */
export function isShown(a: Alert, how: Shown): boolean {
  const shelved = a.handling.shelved !== null;
  return how === 'every' || (how === 'shelved' ? shelved : a.handling.how === 'row' && !shelved);
}

/** Stable: of the same priority the newest stays first. */
export function byPriority(a: Alert, b: Alert): number {
  return SEVERITIES.indexOf(b.handling.priority) - SEVERITIES.indexOf(a.handling.priority);
}

/** Whether a person is to take it now. */
export function waits(a: Alert): boolean {
  return a.state === 'new' && isShown(a, 'rows');
}
