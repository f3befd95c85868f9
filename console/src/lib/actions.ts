/* What may be done with an alert in which state, and doing it. The gateway decides; this only keeps hopeless tries away. */
import type { TFunction } from 'i18next';
import { api, ApiError } from '../api/client';
import type { ActBody, AlertAction } from '../api/alerts';
import type { Alert, AlertState } from '../api/types';
import { absorb, useLive } from '../state/live';
import { may, rightsText } from '../state/rights';
import { useSession } from '../state/session';
import { notify } from '../state/notices';
import { errorText } from './words';

/** Without shelf, note and priority, which leave the state as it is. */
const POSSIBLE: Record<AlertState, readonly AlertAction[]> = {
  new: ['acknowledge'],
  acknowledged: ['dispatch', 'resolve', 'release'],
  dispatched: ['resolve', 'return', 'feedback'],
  resolved: ['close', 'reopen'],
  closed: [],
};
export type KeyAction = 'acknowledge' | 'dispatch' | 'resolve' | 'shelve';

/** Why the login may not do this to the alert; null: it may. */
export function withheld(t: TFunction, alert: Alert, action: AlertAction): string | null {
  const session = useSession.getState().session;
  const right = action === 'note' || action === 'feedback' ? 'feedback' : 'act';
  if (!may(session, right)) return rightsText(t, right);
  if (may(session, 'act_over_others')) return null;
  const others = (who: string | null | undefined): boolean => !!who && who !== session?.user;
  const held = (action === 'release' || action === 'return' || action === 'shelve') && others(alert.owner);
  const aside = (action === 'shelve' || action === 'unshelve') && others(alert.handling.shelved?.by);
  if (!held && !aside) return null;
  return t('rights.others', { user: (held ? alert.owner : alert.handling.shelved?.by) ?? '' });
}

/** What one key may do. */
export function keyMay(action: KeyAction, alert: Alert): boolean {
  return action === 'shelve' ? mayShelve(alert) : POSSIBLE[alert.state].includes(action);
}

export function possibleActions(state: AlertState): readonly AlertAction[] {
  return POSSIBLE[state];
}

/** Shelf and priority are for what is not done yet. */
export function mayPrioritise(alert: Alert): boolean {
  return alert.state !== 'resolved' && alert.state !== 'closed';
}

/** What is critical is never put aside. */
export function mayShelve(alert: Alert): boolean {
  return mayPrioritise(alert) && !alert.handling.shelved && alert.handling.priority !== 'critical';
}

/** True where it was done. What came of it is said to the operator in either case. */
export async function act(t: TFunction, alert: Alert, action: AlertAction, body: ActBody = {}): Promise<boolean> {
  try {
    absorb([await api.act(alert.id, action, alert.rev, body)]);
    notify('good', t(`action.done.${action}`));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) {
      const now = error.alert;
      if (now) absorb([now]);
      const state = t(`state.${(now ?? alert).state}`);
      notify(
        'bad',
        now?.owner && now.owner !== alert.owner
          ? t('action.conflictOwner', { user: now.owner, state })
          : now
            ? t('action.conflictState', { state })
            : errorText(t, error),
      );
    } else {
      notify('bad', errorText(t, error));
    }
    return false;
  }
}

const NOTE_TRIES = 3;
/**
 * Adds a note to the alert as it is now. A note overwrites nothing, so that the alert has gone on meanwhile is no reason to
 * ask the operator again.
 */
export async function addNote(t: TFunction, id: string, note: string): Promise<boolean> {
  for (let left = NOTE_TRIES - 1; ; left -= 1) {
    const alert = useLive.getState().alerts.get(id);
    if (!alert) return false;
    try {
      absorb([await api.act(id, 'note', alert.rev, { note })]);
      return true;
    } catch (error) {
      const now = error instanceof ApiError && error.status === 409 ? error.alert : null;
      if (!now || now.rev === alert.rev || left === 0) {
        notify('bad', errorText(t, error));
        return false;
      }
      absorb([now]);
    }
  }
}
