/* Words of the configuration in the operator's language: fields, kinds of areas, conditions. Unknown ones stay as they came. */
import type { TFunction } from 'i18next';
import type { Thing } from '../api/inventory';
import en from '../i18n/en.json';
import { fieldText } from './fieldwords';
import { ruleKindText } from './rulewords';
import { labelText } from './words';

type AreaKindKey = keyof typeof en.areaKind;

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
  if (field === 'type') return ruleKindText(t, value);
  if (field === 'labels') return value.split(', ').map((label) => labelText(t, label)).join(', ');
  if (field === 'severity' && Object.hasOwn(en.severity, value) && value !== 'label') return t(`severity.${value as 'low'}`);
  if (field === 'direction' && Object.hasOwn(en.direction, value)) return t(`direction.${value as 'any'}`);
  if (field === 'focus_when' && Object.hasOwn(en.focusWhen, value)) return t(`focusWhen.${value as 'seen'}`);
  return value;
}

/** One of a list of things, in a few words: `Gate (2 points)`, `yard: Score to start 0.4`, `Wang Fang, guard`. */
export function thingText(t: TFunction, thing: Thing): string {
  const { id = '', name = '', kind = '', channel, polygon, points, from, to, on, ...rest } = thing;
  const n = polygon ?? points;
  if (n !== undefined) {
    const what = name || id || (kind === 'ignore' ? t('draw.kind.ignore') : t('draw.kind.privacy'));
    return t('diff.shape', { what, count: Number(n) });
  }
  if (from !== undefined && to !== undefined) return t('diff.exception', { from, to, what: t(on === 'false' ? 'timetables.exceptOff' : 'timetables.exceptOn') });
  const told = Object.entries(rest).filter(([, value]) => value !== '');
  if (channel !== undefined) return [channel, ...told.map(([key, value]) => `${fieldText(t, key)} ${valueWord(t, key, value)}`)].join(' · ');
  return [name || id, ...told.map(([, value]) => value)].filter((x) => x !== '').join(', ');
}

export const TRANSPORTS = ['tcp', 'udp', 'auto'] as const;
export function transportText(t: TFunction, transport: string): string {
  return transport === 'auto' ? t('edit.transportAuto') : transport.toUpperCase();
}
