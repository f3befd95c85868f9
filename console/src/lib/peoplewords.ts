/* Words of people and their deeds in the operator's language; unknown ones are shown as they came. */
import type { TFunction } from 'i18next';
import en from '../i18n/en.json';

export function roleText(t: TFunction, role: string): string {
  return Object.hasOwn(en.role, role) ? t(`role.${role as keyof typeof en.role}`) : role;
}

export function roleHint(t: TFunction, role: string): string {
  return Object.hasOwn(en.roleHint, role) ? t(`roleHint.${role as keyof typeof en.roleHint}`) : '';
}

export function deedText(t: TFunction, action: string): string {
  return Object.hasOwn(en.deed, action) ? t(`deed.${action as keyof typeof en.deed}`) : action;
}
