/* What fields of the configuration are called; unknown ones stay as they came. */
import type { TFunction } from 'i18next';
import en from '../i18n/en.json';

type FieldKey = keyof typeof en.field;
type RuleFieldKey = keyof typeof en.ruleField;

export function fieldText(t: TFunction, field: string): string {
  const numbered = /^(person|role|phone|email)_(\d{1,2})$/.exec(field);
  if (numbered) return `${t(`field.${numbered[1] as 'person'}`)} ${numbered[2]}`;
  if (Object.hasOwn(en.field, field)) return t(`field.${field as FieldKey}`);
  return Object.hasOwn(en.ruleField, field) ? t(`ruleField.${field as RuleFieldKey}`) : field;
}
