/* Words of the configuration in the operator's language: fields, kinds of areas, conditions. Unknown ones stay as they came. */
import type { TFunction } from 'i18next';
import en from '../i18n/en.json';

type FieldKey = keyof typeof en.field;
type RuleFieldKey = keyof typeof en.ruleField;
type AreaKindKey = keyof typeof en.areaKind;

export function fieldText(t: TFunction, field: string): string {
  const numbered = /^(person|role|phone|email)_(\d{1,2})$/.exec(field);
  if (numbered) return `${t(`field.${numbered[1] as 'person'}`)} ${numbered[2]}`;
  if (Object.hasOwn(en.field, field)) return t(`field.${field as FieldKey}`);
  return Object.hasOwn(en.ruleField, field) ? t(`ruleField.${field as RuleFieldKey}`) : field;
}

export function areaKindText(t: TFunction, kind: string): string {
  return Object.hasOwn(en.areaKind, kind) ? t(`areaKind.${kind as AreaKindKey}`) : kind;
}

/** What a value says where it is one of a few words; else as it is. */
export function valueWord(t: TFunction, field: string, value: string | null): string {
  if (value === null || value === '') return t('edit.nothing');
  if (value === 'true' || value === 'false') return t(value === 'true' ? 'edit.yes' : 'edit.no');
  if (field === 'stream' && (value === 'main' || value === 'sub')) return t(value === 'main' ? 'health.streamMain' : 'health.streamSub');
  if (field === 'kind') return areaKindText(t, value);
  if (field === 'transport') return transportText(t, value);
  return value;
}

export const TRANSPORTS = ['tcp', 'udp', 'auto'] as const;
export function transportText(t: TFunction, transport: string): string {
  return transport === 'auto' ? t('edit.transportAuto') : transport.toUpperCase();
}
