/* What a line of an alert's history says, in the operator's language. */
import type { TFunction } from 'i18next';
import { ALERT_ACTIONS, RESULTS } from '../api/alerts';
import { SEVERITIES, type HistoryEntry } from '../api/types';
import type { Words } from './hooks';
import { readTick } from './procedure';
import { saidText } from './said';

/** What people do, and what the gateway does by itself. */
const KNOWN = ['opened', 'event', ...ALERT_ACTIONS, 'shown', 'raised', 'closed', 'escalated', 'digest'] as const;

export function historyTitle(t: TFunction, h: HistoryEntry): string {
  const tick = h.action === 'note' ? readTick(h.note) : null;
  if (tick) return t(tick.done ? 'history.tick' : 'history.untick', { step: tick.step });
  const known = KNOWN.find((a) => a === h.action);
  return known ? t(`history.${known}`) : h.action;
}

const DIGEST = /^the flood since (\S+) is over: (\d+) of its (\d+) folded alerts are under this row; (\d+) rows were shown$/;

const PRIORITY = /^(\w+) -> (\w+)(?=$|: )/;

/** Which priority became which, in the operator's language; the words behind it stay as they were written. */
export function priorityNote(t: TFunction, note: string): string {
  return note.replace(PRIORITY, (change, from: string, to: string) => {
    const [before, after] = [from, to].map((word) => SEVERITIES.find((s) => s === word));
    return before && after ? `${t(`severity.${before}`)} → ${t(`severity.${after}`)}` : change;
  });
}

/** The note under it; what a person wrote stays as it was written. */
export function historyNote(t: TFunction, times: Words, h: HistoryEntry): string | null {
  if (h.note === null) return null;
  if (h.author !== null) {
    // Without words of his own the result stands in their place.
    const result = h.action === 'resolve' ? RESULTS.find((r) => r === h.note) : undefined;
    if (h.action === 'priority') return priorityNote(t, h.note);
    return result ? t(`result.${result}`) : (readTick(h.note)?.text ?? h.note);
  }
  const [, since = '', under, folded, rows] = DIGEST.exec(h.note) ?? [];
  if (since !== '') return t('history.digestNote', { since: times.moment(Date.parse(since), 'minute'), under, folded, rows });
  return saidText(t, h.note)?.text ?? h.note;
}
