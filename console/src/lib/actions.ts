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
export type KeyAction = 'acknowledge' | 'release' | 'dispatch' | 'resolve' | 'close' | 'reopen' | 'shelve' | 'note';
/** By which key, on the desk. */
export const ACTION_KEYS: Readonly<Record<KeyAction, string>> = {
  acknowledge: 'A',
  release: 'U',
  dispatch: 'D',
  resolve: 'R',
  close: 'C',
  reopen: 'O',
  shelve: 'S',
  note: 'N',
};
const KEY_ACTIONS = Object.keys(ACTION_KEYS) as KeyAction[];

export function actionOfKey(key: string): KeyAction | null {
  const upper = key.toUpperCase();
  return KEY_ACTIONS.find((a) => ACTION_KEYS[a] === upper) ?? null;
}

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
  if (action === 'note') return alert.state !== 'closed';
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

/** So often it is tried, with an alert that goes on meanwhile. */
const TRIES = 4;

/**
 * What a person saw of an alert when they decided. Its events raise its revision, too, every few seconds as long as somebody is
 * in the picture; that is no reason to ask the person again.
 */
function asSeen(alert: Alert): string {
  const { priority, position, shelved, result, dispatchedTo } = alert.handling;
  return JSON.stringify([alert.state, alert.owner, priority, position, shelved, result, dispatchedTo]);
}

/** A note overwrites nothing, whatever the alert has come to. */
async function send(alert: Alert, action: AlertAction, body: ActBody): Promise<Alert> {
  let known = alert;
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await api.act(alert.id, action, known.rev, body);
    } catch (error) {
      const now = error instanceof ApiError && error.status === 409 ? error.alert : null;
      if (now) absorb([now]);
      // What is refused at the revision that it was asked for is refused for another reason.
      if (!now || now.rev === known.rev || left === 0 || (action !== 'note' && asSeen(now) !== asSeen(alert))) throw error;
      known = now;
    }
  }
}

/** True where it was done. What came of it is said to the operator in either case. */
export async function act(t: TFunction, alert: Alert, action: AlertAction, body: ActBody = {}): Promise<boolean> {
  try {
    absorb([await send(alert, action, body)]);
    notify('good', t(`action.done.${action}`));
    return true;
  } catch (error) {
    notify('bad', refusedText(t, alert, error));
    return false;
  }
}

function refusedText(t: TFunction, alert: Alert, error: unknown): string {
  const now = error instanceof ApiError && error.status === 409 ? error.alert : null;
  if (!now) return errorText(t, error);
  const state = t(`state.${now.state}`);
  if (now.owner && now.owner !== alert.owner) return t('action.conflictOwner', { user: now.owner, state });
  return now.state === alert.state ? t('action.conflictOther') : t('action.conflictState', { state });
}

/** Adds a note to the alert as it is now. */
export async function addNote(t: TFunction, id: string, note: string): Promise<boolean> {
  const alert = useLive.getState().alerts.get(id);
  if (!alert) return false;
  try {
    absorb([await send(alert, 'note', { note })]);
    return true;
  } catch (error) {
    notify('bad', errorText(t, error));
    return false;
  }
}
