/* What may be done with an alert in which state, and doing it. The gateway decides; this only keeps hopeless tries away. */
import type { TFunction } from 'i18next';
import { api, ApiError } from '../api/client';
import type { Alert, AlertAction, AlertState } from '../api/types';
import { absorb } from '../state/live';
import { notify } from '../state/notices';
import { errorText } from './words';

const POSSIBLE: Record<AlertState, readonly AlertAction[]> = {
  new: ['acknowledge'],
  acknowledged: ['resolve', 'release'],
  dispatched: ['resolve', 'acknowledge'],
  resolved: ['close', 'acknowledge'],
  closed: [],
};
/** What one key may do: never what takes an alert a step back. */
const BY_KEY: Record<'acknowledge' | 'resolve', readonly AlertState[]> = {
  acknowledge: ['new'],
  resolve: ['acknowledged', 'dispatched'],
};

export function keyMay(action: 'acknowledge' | 'resolve', state: AlertState): boolean {
  return BY_KEY[action].includes(state);
}

/** The word on the button: acknowledging what is further on already is taking it back. */
export function actionWord(action: AlertAction, state: AlertState) {
  if (action === 'acknowledge' && state === 'dispatched') return 'takeBack';
  if (action === 'acknowledge' && state === 'resolved') return 'reopen';
  return action;
}

export function possibleActions(state: AlertState): readonly AlertAction[] {
  return POSSIBLE[state];
}

/** True where it was done. What came of it is said to the operator in either case. */
export async function act(t: TFunction, alert: Alert, action: AlertAction, note: string): Promise<boolean> {
  try {
    absorb([await api.act(alert.id, action, alert.rev, note)]);
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
