/* What a position is judged by: figures beside their targets, read like every answer, and the requests. */
import { json, query } from './client';
import { all, ident, list, num, obj, oneOf, optText, text, time, type Raw } from './read';
import { ALERT_STATES, SEVERITIES, type AlertState, type Severity } from './types';

export const VERDICTS = ['good', 'watch', 'bad', 'few'] as const;
export type Verdict = (typeof VERDICTS)[number];
export const CHOSEN = ['shift', 'hours', 'asked'] as const;
export type Chosen = (typeof CHOSEN)[number];
/** Windows that a gateway tells one by one: a month of those of ten minutes. */
const MAX_WINDOWS = 4464;

export interface Figure {
  value: number;
  target: number;
  limit: number;
  /** More is better. */
  least: boolean;
  verdict: Verdict;
}
export interface Judged {
  judged: number;
  wrong: number;
  nuisance: number;
}
export interface StaleRow {
  id: string;
  channel: string;
  channelName: string;
  rule: string;
  kind: string;
  state: AlertState;
  priority: Severity;
  owner: string | null;
  since: number;
}
export interface Source extends Judged {
  channel: string;
  channelName: string;
  rule: string;
  kind: string;
  rows: number;
  share: number;
}
export interface Took {
  rows: number;
  p50: number;
  p90: number;
  max: number;
}
export interface Numbers {
  from: number;
  to: number;
  chosen: Chosen;
  position: string | null;
  positions: number;
  rows: number;
  perHour: Figure;
  /** `rows` are those of each window of so many `seconds`, or the largest of so many `together`. */
  windows: { seconds: number; together: number; flood: number; rows: number[]; largest: Figure; mean: Figure; flooded: Figure };
  stale: { count: Figure; rows: StaleRow[] };
  chattering: { count: Figure; sources: { channel: string; channelName: string; rule: string; alerts: number }[] };
  top: { share: Figure; sources: Source[] };
  priorities: { priority: Severity; rows: number; share: Figure }[];
  times: { acknowledge: Took; resolve: Took; due: number; inTime: number; inTimeShare: Figure };
  wrong: Judged & { share: Figure; rules: (Judged & { rule: string; rows: number })[] };
  aside: { held: number; under: number; brief: number; heldBack: number; groups: { how: string; because: string | null; alerts: number }[] };
}
export interface Position {
  id: string;
  name: string;
  /** The login sees all of it, and so may hand it over. */
  whole: boolean;
}

function figure(v: unknown): Figure | null {
  const o = obj(v);
  if (!o || typeof o.value !== 'number' || !Number.isFinite(o.value)) return null;
  // A word of a newer gateway is no verdict that could be shown.
  const verdict = oneOf(o.verdict, VERDICTS) ?? 'few';
  return { value: o.value, target: num(o.target), limit: num(o.limit), least: o.least === true, verdict };
}
const judged = (o: Raw): Judged => ({ judged: num(o.judged), wrong: num(o.false), nuisance: num(o.nuisance) });

function place(o: Raw): { channel: string; channelName: string; rule: string } | null {
  const channel = ident(o.channel);
  const rule = ident(o.rule);
  return channel && rule ? { channel, rule, channelName: text(o.channel_name, 200) || channel } : null;
}

function stale(v: unknown): StaleRow | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const where = o && place(o);
  const state = o && oneOf(o.state, ALERT_STATES);
  const priority = o && oneOf(o.priority, SEVERITIES);
  return o && id && where && state && priority
    ? { id, ...where, state, priority, kind: text(o.type, 64), owner: optText(o.owner), since: time(o.since) }
    : null;
}

function source(v: unknown): Source | null {
  const o = obj(v);
  const where = o && place(o);
  return o && where ? { ...where, ...judged(o), kind: text(o.type, 64), rows: num(o.rows), share: num(o.share) } : null;
}

function took(v: unknown): Took {
  const o = obj(v) ?? {};
  return { rows: num(o.rows), p50: num(o.p50_ms), p90: num(o.p90_ms), max: num(o.max_ms) };
}

export function readNumbers(v: unknown): Numbers | null {
  const o = obj(v);
  if (!o) return null;
  const part = (key: string): Raw => obj(o[key]) ?? {};
  const [windows, stales, chattering, top, times, wrong, aside] = ['windows', 'stale', 'chattering', 'top', 'times', 'false', 'aside'].map(part) as [Raw, Raw, Raw, Raw, Raw, Raw, Raw];
  const perHour = figure(o.rows_per_hour);
  const figures = {
    largest: figure(windows.largest),
    mean: figure(windows.mean),
    flooded: figure(windows.flooded),
    stale: figure(stales.count),
    chattering: figure(chattering.count),
    top: figure(top.share),
    inTime: figure(times.in_time_share),
    wrong: figure(wrong.share),
  };
  const { largest, mean, flooded } = figures;
  if (!perHour || !largest || !mean || !flooded || !figures.stale || !figures.chattering || !figures.top || !figures.inTime || !figures.wrong) return null;
  return {
    from: time(o.from),
    to: time(o.to),
    chosen: oneOf(o.chosen, CHOSEN) ?? 'asked',
    position: ident(o.position),
    positions: Math.max(1, num(o.positions)),
    rows: num(o.rows),
    perHour,
    windows: {
      // What was frozen before the window could be another one says nothing of how long it is.
      seconds: num(windows.seconds, 600),
      together: Math.max(1, num(windows.together, 1)),
      flood: num(windows.flood_alerts, 10),
      rows: list(windows.rows, MAX_WINDOWS).map((n) => num(n)),
      largest,
      mean,
      flooded,
    },
    stale: { count: figures.stale, rows: all(stales.rows, stale) },
    chattering: {
      count: figures.chattering,
      sources: all(chattering.sources, (x) => {
        const c = obj(x);
        const where = c && place(c);
        return c && where ? { ...where, alerts: num(c.alerts) } : null;
      }),
    },
    top: { share: figures.top, sources: all(top.sources, source) },
    priorities: all(o.priorities, (x) => {
      const p = obj(x);
      const priority = p && oneOf(p.priority, SEVERITIES);
      const share = p && figure(p.share);
      return p && priority && share ? { priority, rows: num(p.rows), share } : null;
    }),
    times: { acknowledge: took(times.acknowledge), resolve: took(times.resolve), due: num(times.due), inTime: num(times.in_time), inTimeShare: figures.inTime },
    wrong: {
      ...judged(wrong),
      share: figures.wrong,
      rules: all(wrong.rules, (x) => {
        const r = obj(x);
        const rule = r && ident(r.rule);
        return r && rule ? { rule, rows: num(r.rows), ...judged(r) } : null;
      }),
    },
    aside: {
      held: num(aside.held),
      under: num(aside.under),
      brief: num(aside.brief),
      heldBack: num(aside.held_back),
      groups: all(aside.groups, (x) => {
        const g = obj(x);
        return g ? { how: text(g.how, 40), because: optText(g.because), alerts: num(g.alerts) } : null;
      }),
    },
  };
}

export function readPositions(v: unknown): Position[] | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.positions)) return null;
  return all(o.positions, (x) => {
    const p = obj(x);
    const id = p && ident(p.id);
    return p && id ? { id, name: text(p.name, 200) || id, whole: p.whole === true } : null;
  });
}

export const numbersApi = {
  /** `from` null: the present shift. */
  numbers: (position: string | null, from: number | null): Promise<Numbers> =>
    json(readNumbers, 'GET', `/api/v1/numbers${query({ position, from: from === null ? null : new Date(from).toISOString() })}`),
  positions: (): Promise<Position[]> => json(readPositions, 'GET', '/api/v1/numbers/positions'),
};
