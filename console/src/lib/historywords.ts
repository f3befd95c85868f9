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

const CHANGE = /^(\w+) -> (\w+)$/;

/** A priority that was set: which it was and which it is. */
function changeText(t: TFunction, note: string): string | null {
  const [from, to] = (CHANGE.exec(note) ?? []).slice(1).map((word) => SEVERITIES.find((s) => s === word));
  return from && to ? `${t(`severity.${from}`)} → ${t(`severity.${to}`)}` : null;
}

/** The note under it; what a person wrote stays as it was written. */
export function historyNote(t: TFunction, times: Words, h: HistoryEntry): string | null {
  if (h.note === null) return null;
  const change = h.action === 'priority' ? changeText(t, h.note) : null;
  if (change !== null) return change;
  if (h.author !== null) {
    // Without words of his own the result stands in their place.
    const result = h.action === 'resolve' ? RESULTS.find((r) => r === h.note) : undefined;
    return result ? t(`result.${result}`) : (readTick(h.note)?.text ?? h.note);
  }
  const [, since = '', under, folded, rows] = DIGEST.exec(h.note) ?? [];
  if (since !== '') return t('history.digestNote', { since: times.moment(Date.parse(since), 'minute'), under, folded, rows });
  return saidText(t, h.note)?.text ?? h.note;
}
