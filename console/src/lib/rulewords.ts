/* Rules in the operator's language: what they are for, where they are armed, how long something took. */
import type { TFunction } from 'i18next';
import { RULE_KINDS, type Rule, type RuleKind, type RuleView } from '../api/rules';

const isKind = (s: string): s is RuleKind => (RULE_KINDS as readonly string[]).includes(s);

export const ruleKindText = (t: TFunction, kind: string): string => (isKind(kind) ? t(`ruleKind.${kind}`) : kind);

/** Which channels it is for, in a few words. */
export function scopeText(t: TFunction, rule: Rule, areaName: (id: string) => string): string {
  if (rule.channels.includes('*')) return t('rules.scopeAll');
  const parts = [...rule.areas.map(areaName), ...rule.tags.map((tag) => `#${tag}`)];
  if (rule.channels.length > 0) parts.push(rule.channels.length <= 2 ? rule.channels.join(', ') : t('rules.scopeNamed', { count: rule.channels.length }));
  return parts.join(' · ');
}

export type ArmedState = 'armed' | 'partly' | 'off' | 'nowhere';

/** Everywhere that it has a place, in some places, in none; or it has no place at all. */
export function armedState(view: Pick<RuleView, 'placed' | 'armed'>): ArmedState {
  if (view.placed === 0) return 'nowhere';
  return view.armed === 0 ? 'off' : view.armed < view.placed ? 'partly' : 'armed';
}

/** Alerts a day as a person says it: `3`, `0.4`, `120`. */
export function rateOfDay(perDay: number): string {
  return perDay >= 10 ? String(Math.round(perDay)) : String(Number(perDay.toFixed(1)));
}
