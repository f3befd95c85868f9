/*
 * What the login may do, as far as pages show or hide it. The gateway says it with the session and decides every request
 * by it; this only keeps hopeless tries away.
 */
import type { TFunction } from 'i18next';
import type { Session } from '../api/gateway';
import { useSession } from './session';

export const RIGHTS = ['see', 'feedback', 'act', 'act_over_others', 'hand_over', 'hand_over_for_others', 'numbers', 'configure', 'people', 'audit'] as const;
export type Right = (typeof RIGHTS)[number];

/** For whom a right that is missing would be there, for the sentence that says so. */
const HOLDERS: Record<Right, 'any' | 'operators' | 'supervisors' | 'engineers' | 'administrators'> = {
  see: 'any',
  feedback: 'operators',
  act: 'operators',
  act_over_others: 'supervisors',
  hand_over: 'operators',
  hand_over_for_others: 'supervisors',
  numbers: 'supervisors',
  configure: 'engineers',
  people: 'administrators',
  audit: 'administrators',
};

export function may(session: Session | null, right: Right): boolean {
  return session !== null && session.rights.includes(right);
}

/** What is about all areas is not for a login that is limited to some. */
export function mayEverywhere(session: Session | null, right: Right): boolean {
  return may(session, right) && session?.areas === null;
}

export function useMay(right: Right): boolean {
  return useSession((s) => may(s.session, right));
}

export function useMayEverywhere(right: Right): boolean {
  return useSession((s) => mayEverywhere(s.session, right));
}

/** Whether the login may change channels, areas and credentials. */
export function useMayConfigure(): boolean {
  return useMay('configure');
}

/** Why something cannot be done: which roles may. */
export function rightsText(t: TFunction, right: Right): string {
  return t(`rights.${HOLDERS[right]}`);
}

/** Another value: what is shown was loaded with other rights. */
export function rightsKey(session: Session | null): string {
  return session === null ? '' : JSON.stringify([session.role, session.rights, session.areas]);
}
