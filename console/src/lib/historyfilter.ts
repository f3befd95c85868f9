/*
 * What the history page looks for, as it stands in the page's address and as the gateway is asked. Times are moments of the
 * site's clock, whatever the browser's is. Pure.
 */
import { RESULTS, type Result } from '../api/alerts';
import { ALERT_STATES, SEVERITIES, type AlertState, type Severity } from '../api/types';

export const SPANS = ['24h', '7d', '30d', 'all', 'own'] as const;
export type Span = (typeof SPANS)[number];
const DEFAULT_SPAN: Span = '7d';
const HOUR = 3_600_000;
const LENGTH: Partial<Record<Span, number>> = { '24h': 24 * HOUR, '7d': 7 * 24 * HOUR, '30d': 30 * 24 * HOUR };
export const COUNTS = ['type', 'area', 'channel', 'rule', 'result', 'priority'] as const;
export type CountKey = (typeof COUNTS)[number];

export interface HistoryFilter {
  text: string;
  span: Span;
  /** With the span `own`: `2026-11-27T08:00` by the site's clock; empty: no end on this side. */
  from: string;
  to: string;
  area: string;
  channel: string;
  type: string;
  priority: Severity | '';
  state: AlertState | 'open' | '';
  result: Result | '';
  rule: string;
  owner: string;
  position: string;
  /** What the second chart counts by. */
  by: CountKey;
}
export const NO_FILTER: HistoryFilter = {
  text: '', span: DEFAULT_SPAN, from: '', to: '', area: '', channel: '', type: '', priority: '', state: '', result: '', rule: '', owner: '', position: '', by: 'type',
};

const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/;
const IDENT = /^[a-z0-9._-]{1,64}$/;
const MAX_TEXT = 200;

export function historyFrom(params: URLSearchParams): HistoryFilter {
  const one = <T extends string>(key: string, all: readonly T[]): T | '' => all.find((x) => x === params.get(key)) ?? '';
  const ident = (key: string): string => {
    const value = params.get(key) ?? '';
    return IDENT.test(value) ? value : '';
  };
  const local = (key: string): string => {
    const value = params.get(key) ?? '';
    return LOCAL.test(value) ? value : '';
  };
  const [from, to] = [local('from'), local('to')];
  const span = from !== '' || to !== '' ? 'own' : one('span', SPANS) || DEFAULT_SPAN;
  return {
    text: (params.get('q') ?? '').slice(0, MAX_TEXT),
    span,
    from,
    to,
    area: ident('area'),
    channel: ident('channel'),
    type: ident('type'),
    priority: one('priority', SEVERITIES),
    state: one('state', ['open', ...ALERT_STATES]),
    result: one('result', RESULTS),
    rule: ident('rule'),
    owner: ident('owner'),
    position: ident('position'),
    by: one('by', COUNTS) || 'type',
  };
}

/** What stands in the field of the search: blanks round what is typed are typed still, though nothing is asked for by them. */
export function fieldShows(typed: string, asked: string): string {
  return typed.trim() === asked ? typed : asked;
}

export function historyTo(f: HistoryFilter): URLSearchParams {
  const params = new URLSearchParams();
  const put = (key: string, value: string, usual = ''): void => {
    if (value !== usual) params.set(key, value);
  };
  put('q', f.text);
  put('span', f.span, DEFAULT_SPAN);
  if (f.span === 'own') {
    put('from', f.from);
    put('to', f.to);
  }
  for (const key of ['area', 'channel', 'type', 'priority', 'state', 'result', 'rule', 'owner', 'position'] as const) put(key, f[key]);
  put('by', f.by, 'type');
  return params;
}

/** How many of the filters behind "more" are set. */
export function moreSet(f: HistoryFilter): number {
  return [f.channel, f.rule, f.owner, f.position].filter((v) => v !== '').length;
}

export function isPlain(f: HistoryFilter): boolean {
  return historyTo({ ...f, by: 'type' }).size === 0;
}

/** How far a zone's clock is ahead of UTC at a moment. */
function offset(zone: string, at: number): number {
  let parts: Intl.DateTimeFormatPart[];
  try {
    parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }).formatToParts(at);
  } catch {
    return 0;
  }
  const n = (type: string): number => Number(parts.find((p) => p.type === type)?.value ?? 0);
  return Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second')) - Math.floor(at / 1000) * 1000;
}

/** The moment at which the zone's clock shows this; NaN for what is no time. */
export function zonedMs(local: string, zone: string): number {
  const asUtc = LOCAL.test(local) ? Date.parse(`${local}:00Z`) : Number.NaN;
  if (Number.isNaN(asUtc)) return asUtc;
  // Twice, for the offset is that of the moment looked for and not of the guess.
  const guess = asUtc - offset(zone, asUtc);
  return asUtc - offset(zone, guess);
}

/** What the zone's clock shows, as a form's field takes it. */
export function zonedText(ms: number, zone: string): string {
  return new Date(ms + offset(zone, ms)).toISOString().slice(0, 16);
}

/** The filter as the gateway is asked. `now` moves by whole minutes, so that the same question is not asked anew each second. */
export function historyQuery(f: HistoryFilter, zone: string, now: number): Record<string, string> {
  const asked: Record<string, string> = {};
  const put = (key: string, value: string): void => {
    if (value !== '') asked[key] = value;
  };
  const length = LENGTH[f.span];
  if (length !== undefined) put('from', new Date(Math.floor(now / 60_000) * 60_000 - length).toISOString());
  if (f.span === 'own') {
    for (const key of ['from', 'to'] as const) {
      const at = zonedMs(f[key], zone);
      if (!Number.isNaN(at)) put(key, new Date(at).toISOString());
    }
  }
  put('text', f.text.trim());
  for (const key of ['area', 'channel', 'type', 'priority', 'state', 'result', 'rule', 'owner', 'position'] as const) put(key, f[key]);
  return asked;
}

/** Hours for up to three days, days for what is longer. */
export function grain(f: HistoryFilter, zone: string, now: number): 'hour' | 'day' {
  const length = LENGTH[f.span];
  if (length !== undefined) return length <= 72 * HOUR ? 'hour' : 'day';
  if (f.span !== 'own' || f.from === '') return 'day';
  const from = zonedMs(f.from, zone);
  const to = f.to === '' ? now : zonedMs(f.to, zone);
  return to - from <= 72 * HOUR ? 'hour' : 'day';
}
