/* What foreign words are called in the operator's language; unknown ones are shown as they came, as text. */
import i18next, { type TFunction } from 'i18next';
import type { Health } from '../api/channel';
import { ApiError } from '../api/client';
import type { Alert, SeenObject } from '../api/types';
import en from '../i18n/en.json';
import { saidInline, saidText } from './said';

type Label = keyof typeof en.label;
const isLabel = (s: string): s is Label => Object.hasOwn(en.label, s);

export function labelText(t: TFunction, label: string): string {
  // Only labels that are known are looked up: a foreign text is never taken for a key.
  return isLabel(label) ? t(`label.${label}`) : label;
}

/** The labels of the objects with their counts, the most frequent first. */
export function objectCounts(objects: readonly SeenObject[]): { label: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const o of objects) counts.set(o.label, (counts.get(o.label) ?? 0) + 1);
  return [...counts].map(([label, count]) => ({ label, count })).sort((a, b) => b.count - a.count);
}

type Wrong = keyof typeof en.wrong;
const isWrong = (s: string): s is Wrong => Object.hasOwn(en.wrong, s);

/** What is wrong with a channel, or with a group of them: a recorder, what is behind a switch. */
function healthText(t: TFunction, health: NonNullable<Alert['health']>): string {
  const state = health.state ?? '';
  const word = isWrong(state) ? state : health.what;
  const what = isWrong(word) ? t(`wrong.${word}`) : word;
  if (health.scope === 'channel') return what;
  return t('kind.healthOf', { what, name: health.name ?? '', count: health.channels });
}

/* The types of rules; with other types comes a word of a newer gateway, which is shown as it came. */
const KINDS = ['intrusion', 'line', 'loitering', 'crowd', 'wrong-way', 'stopped', 'left-object', 'removed-object', 'absence', 'count'] as const;
const isKind = (s: string): s is (typeof KINDS)[number] => (KINDS as readonly string[]).includes(s);

export function kindText(t: TFunction, alert: Pick<Alert, 'kind' | 'objects' | 'health'>): string {
  if (alert.kind === 'health') return alert.health ? healthText(t, alert.health) : t('kind.health');
  if (alert.kind !== 'presence') return isKind(alert.kind) ? t(`kind.${alert.kind}`) : alert.kind;
  const first = objectCounts(alert.objects)[0];
  return first ? t('kind.presenceOf', { what: labelText(t, first.label) }) : t('kind.presence');
}

/** So long an end is kept whole. */
const END = 16;

/**
 * A name that is cut in its middle where there is no room: cameras of one post differ at the end, `(H.265)` from
 * `(MJPEG, UDP)`.
 */
export function ends(name: string): [string, string] {
  const bracket = name.search(/[(（][^(（]*$/);
  const at = bracket > 0 && name.length - bracket <= END ? bracket : Math.max(0, name.length - 4);
  return [name.slice(0, at), name.slice(at)];
}

/** A type of alerts alone, without an alert that would say more. */
export function typeText(t: TFunction, kind: string): string {
  if (kind === 'health' || kind === 'presence') return t(`kind.${kind}`);
  return isKind(kind) ? t(`kind.${kind}`) : kind;
}

const NAMED = ['network', 'forbidden', 'not_found', 'invalid', 'too_many', 'bad_answer', 'unauthenticated', 'conflict', 'too_large', 'other_login'] as const;

/** A failure in the operator's language, with the gateway's own sentence behind it where there is one. */
export function errorText(t: TFunction, error: unknown): string {
  if (!(error instanceof ApiError)) return t('error.other', { kind: error instanceof Error ? error.name : '?' });
  const named = NAMED.find((k) => k === error.kind);
  const said = named ? t(`error.${named}`) : t('error.other', { kind: error.kind });
  return error.message !== '' && error.message !== error.kind ? `${said} ${saidInline(t, error.message)}` : said;
}

/** Somebody else was faster: the gateway's sentence and what to do now. */
export function conflictText(t: TFunction, error: ApiError, now: string): string {
  const said = saidText(t, error.message);
  return `${said && !said.own ? said.text : t('edit.conflict')}${i18next.language === 'zh-CN' ? '。' : '. '}${now}`;
}

/** Why a channel is as it is, in one line. */
export function reasonText(t: TFunction, h: Pick<Health, 'state' | 'reason'>): string {
  const said = saidText(t, h.reason);
  return said && !said.own ? said.text : t(`channelStateHint.${h.state}`);
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let i = 0;
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024;
    i += 1;
  }
  return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[i]}`;
}

export function decimal(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

/** `10 minutes`, `45 seconds`. */
export function windowText(t: TFunction, seconds: number): string {
  return seconds % 60 === 0 ? t('unit.minutesOf', { count: seconds / 60 }) : t('unit.secondsOf', { count: seconds });
}

export function bitrateText(t: TFunction, kbit: number): string {
  if (kbit <= 0) return t('unit.unknown');
  return kbit >= 10_000 ? t('unit.mbit', { n: decimal(kbit / 1000, 1) }) : t('unit.kbit', { n: Math.round(kbit) });
}

export function rateText(t: TFunction, hz: number): string {
  if (hz <= 0) return t('unit.unknown');
  return t('unit.perSecond', { n: decimal(hz, hz < 0.1 ? 3 : hz < 10 ? 2 : 0) });
}

export function codecText(codec: string | null): string | null {
  const known: Record<string, string> = { h264: 'H.264', h265: 'H.265', mjpeg: 'MJPEG' };
  return codec === null ? null : (known[codec] ?? codec);
}

/** "a, b and c", as the language has it. */
export function listText(language: string, parts: readonly string[]): string {
  return new Intl.ListFormat(language, { type: 'conjunction' }).format(parts);
}
