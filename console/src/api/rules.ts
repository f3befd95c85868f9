/*
 * Rules, timetables, traces and dry runs: their shapes, read like every answer, and the requests. A rule is kept as the
 * gateway names its fields, so that what the form does not know is never lost; the form asks `lib/rulefields` for the rest.
 */
import { readPoints, type Origin } from './channel';
import { json, query, seg, send } from './client';
import { all, ident, list, num, obj, oneOf, optNum, optText, text, texts, time, type Raw } from './read';
import { EVENT_ENDS, readObjects, type EventEnd, type SeenObject } from './types';

export const RULE_KINDS = [
  'presence',
  'intrusion',
  'line',
  'loitering',
  'crowd',
  'wrong-way',
  'stopped',
  'left-object',
  'removed-object',
  'absence',
  'count',
] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/** Another value of some keys for one channel. */
export type RuleException = Raw & { channel: string };
/** Fields as in the configuration. */
export interface Rule extends Raw {
  id: string;
  type: RuleKind;
  channels: string[];
  tags: string[];
  areas: string[];
  except: string[];
  for: RuleException[];
  zones: string[];
  lines: string[];
  labels: string[];
  timetable: string | null;
  severity: string;
  enabled: boolean;
}
export interface RuleView {
  rule: Rule;
  origin: Origin;
  rev: number;
  chosen: number;
  placed: number;
  armed: number;
  raised24h: number;
  looks: { needed: number; inViewS: number; patrol: number; got: number; focusHz: number };
  warning: string;
}
export interface RuleChannel {
  id: string;
  name: string;
  areaNames: string[];
  placed: boolean;
  armed: boolean;
  raised24h: number;
}
export interface RuleDetail extends RuleView {
  of: RuleChannel[];
}
export interface Timetable {
  id: string;
  name: string;
  timeZone: string | null;
  weekly: string[];
  holidays: string[];
  onHolidays: string[];
  exceptions: { from: string; to: string; on: boolean }[];
  origin: Origin;
  rev: number;
  rules: number;
  /** The time zone that it is read in. */
  zone: string;
  on: boolean | null;
  next: number | null;
}
export interface Path {
  label: string;
  from: number;
  to: number;
  points: [number, number][];
}
export interface Traces {
  looks: number;
  from: number;
  to: number;
  paths: Path[];
  heat: { columns: number; rows: number; cells: number[] };
}
export interface DryRunChannel {
  id: string;
  name: string;
  looks: number;
  from: number;
  to: number;
  events: number;
  alerts: number;
  alertsPerDay: number | null;
  raised24h: number;
  problem: string;
}
export interface DryRunEvent {
  channel: string;
  type: string;
  zone: string | null;
  start: number;
  end: number | null;
  ended: EventEnd | null;
  joined: boolean;
  objects: SeenObject[];
  /** Of what goes over lines. */
  line: string | null;
  direction: 'forward' | 'backward' | null;
}
export interface DryRun {
  from: number;
  to: number;
  looks: number;
  channels: DryRunChannel[];
  leftOut: number;
  events: DryRunEvent[];
  eventsTotal: number;
  alertsTotal: number;
  alertsPerDay: number | null;
}

const MAX_RULES = 5000;
const MAX_CHANNELS = 20_000;
const origin = (v: unknown): Origin => (v === 'inventory' ? 'inventory' : 'file');
const ids = (v: unknown): string[] => all(v, ident, MAX_CHANNELS);

const NOT_RULE = ['origin', 'rev', 'chosen', 'placed', 'armed', 'raised_24h', 'looks', 'warning', 'of'];

function readException(v: unknown): RuleException | null {
  const o = obj(v);
  const channel = o && ident(o.channel);
  return o && channel ? { ...o, channel } : null;
}

export function readRuleView(v: unknown): RuleView | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const type = o && oneOf(o.type, RULE_KINDS);
  if (!o || !id || !type) return null;
  const fields = Object.fromEntries(Object.entries(o).filter(([k]) => !NOT_RULE.includes(k)));
  const looks = obj(o.looks) ?? {};
  return {
    rule: {
      ...fields,
      id,
      type,
      channels: ids(o.channels),
      tags: texts(o.tags),
      areas: ids(o.areas),
      except: ids(o.except),
      for: all(o.for, readException, MAX_CHANNELS),
      zones: ids(o.zones),
      lines: ids(o.lines),
      labels: texts(o.labels),
      timetable: ident(o.timetable),
      severity: text(o.severity, 20),
      enabled: o.enabled !== false,
    },
    origin: origin(o.origin),
    rev: num(o.rev),
    chosen: num(o.chosen),
    placed: num(o.placed),
    armed: num(o.armed),
    raised24h: num(o.raised_24h),
    looks: { needed: num(looks.needed), inViewS: num(looks.in_view_s), patrol: num(looks.patrol), got: num(looks.got), focusHz: num(looks.focus_hz) },
    warning: text(o.warning, 600),
  };
}
export function readRules(v: unknown): RuleView[] | null {
  const o = obj(v);
  return o && Array.isArray(o.rules) ? all(o.rules, readRuleView, MAX_RULES) : null;
}
export function readRuleDetail(v: unknown): RuleDetail | null {
  const view = readRuleView(v);
  if (!view) return null;
  const of = all(
    obj(v)?.of,
    (x): RuleChannel | null => {
      const c = obj(x);
      const id = c && ident(c.id);
      if (!c || !id) return null;
      return { id, name: text(c.name, 120) || id, areaNames: texts(c.area_names), placed: c.placed === true, armed: c.armed === true, raised24h: num(c.raised_24h) };
    },
    MAX_CHANNELS,
  );
  return { ...view, of };
}

export function readTimetable(v: unknown): Timetable | null {
  const o = obj(v);
  const id = o && ident(o.id);
  if (!o || !id) return null;
  const next = time(o.next);
  return {
    id,
    name: text(o.name, 120),
    timeZone: optText(o.time_zone),
    weekly: texts(o.weekly),
    holidays: texts(o.holidays),
    onHolidays: texts(o.on_holidays),
    exceptions: all(o.exceptions, (x) => {
      const e = obj(x);
      return e ? { from: text(e.from, 40), to: text(e.to, 40), on: e.on === true } : null;
    }),
    origin: origin(o.origin),
    rev: num(o.rev),
    rules: num(o.rules),
    zone: text(o.zone, 60),
    on: typeof o.on === 'boolean' ? o.on : null,
    next: Number.isFinite(next) ? next : null,
  };
}
export function readTimetables(v: unknown): Timetable[] | null {
  const o = obj(v);
  return o && Array.isArray(o.timetables) ? all(o.timetables, readTimetable, MAX_RULES) : null;
}

const MAX_CELLS = 10_000;
export function readTraces(v: unknown): Traces | null {
  const o = obj(v);
  const heat = o && obj(o.heat);
  if (!o || !heat) return null;
  const [columns, rows] = [num(heat.columns), num(heat.rows)];
  const cells = list(heat.cells, MAX_CELLS).map((c) => Math.max(0, num(c)));
  const whole = Number.isInteger(columns) && columns > 0 && cells.length === columns * rows;
  return {
    looks: num(o.looks),
    from: time(o.from),
    to: time(o.to),
    paths: all(
      o.paths,
      (x): Path | null => {
        const p = obj(x);
        const points = p ? readPoints(p.points) : [];
        return p && points.length > 0 ? { label: text(p.label, 60), from: time(p.from), to: time(p.to), points } : null;
      },
      500,
    ),
    heat: whole ? { columns, rows, cells } : { columns: 0, rows: 0, cells: [] },
  };
}

function readDryRunEvent(v: unknown): DryRunEvent | null {
  const o = obj(v);
  const channel = o && ident(o.channel);
  const start = o ? time(o.start) : Number.NaN;
  if (!o || !channel || !Number.isFinite(start)) return null;
  const end = time(o.end);
  const details = obj(o.details);
  return {
    channel,
    type: text(o.type, 40),
    zone: ident(o.zone),
    start,
    end: Number.isFinite(end) ? end : null,
    ended: oneOf(o.ended, EVENT_ENDS),
    joined: o.joined === true,
    objects: readObjects(o.objects),
    line: ident(details?.line),
    direction: oneOf(details?.direction, ['forward', 'backward'] as const),
  };
}
export function readDryRun(v: unknown): DryRun | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.channels)) return null;
  return {
    from: time(o.from),
    to: time(o.to),
    looks: num(o.looks),
    channels: all(
      o.channels,
      (x): DryRunChannel | null => {
        const c = obj(x);
        const id = c && ident(c.id);
        if (!c || !id) return null;
        return {
          id,
          name: text(c.name, 120) || id,
          looks: num(c.looks),
          from: time(c.from),
          to: time(c.to),
          events: num(c.events),
          alerts: num(c.alerts),
          alertsPerDay: optNum(c.alerts_per_day),
          raised24h: num(c.raised_24h),
          problem: text(c.problem, 300),
        };
      },
      MAX_CHANNELS,
    ),
    leftOut: num(o.left_out),
    events: all(o.events, readDryRunEvent, 2000),
    eventsTotal: num(o.events_total),
    alertsTotal: num(o.alerts_total),
    alertsPerDay: optNum(o.alerts_per_day),
  };
}

const V1 = '/api/v1';
const none = async (response: Promise<Response>): Promise<void> => {
  await response;
};

export const rulesApi = {
  rules: (): Promise<RuleView[]> => json(readRules, 'GET', `${V1}/rules`),
  rule: (id: string): Promise<RuleDetail> => json(readRuleDetail, 'GET', `${V1}/rules/${seg(id)}`),
  add: (rule: Raw): Promise<RuleDetail> => json(readRuleDetail, 'POST', `${V1}/rules`, rule),
  change: (id: string, fields: Raw): Promise<RuleDetail> => json(readRuleDetail, 'PATCH', `${V1}/rules/${seg(id)}`, fields),
  /** For these channels, or for all that it is for where none is named. */
  arm: (id: string, armed: boolean, channels: readonly string[] = []): Promise<RuleDetail> =>
    json(readRuleDetail, 'POST', `${V1}/rules/${seg(id)}/arm`, channels.length > 0 ? { armed, channels } : { armed }),
  remove: (id: string): Promise<void> => none(send('DELETE', `${V1}/rules/${seg(id)}`)),
  dryRun: (ask: { id?: string; rule?: Raw; channels?: string[]; hours: number }): Promise<DryRun> =>
    json(readDryRun, 'POST', `${V1}/dry-run`, ask),
  timetables: (): Promise<Timetable[]> => json(readTimetables, 'GET', `${V1}/timetables`),
  addTimetable: (table: Raw): Promise<Timetable> => json(readTimetable, 'POST', `${V1}/timetables`, table),
  changeTimetable: (id: string, fields: Raw): Promise<Timetable> => json(readTimetable, 'PATCH', `${V1}/timetables/${seg(id)}`, fields),
  removeTimetable: (id: string): Promise<void> => none(send('DELETE', `${V1}/timetables/${seg(id)}`)),
  traces: (channel: string, hours: number): Promise<Traces> => json(readTraces, 'GET', `${V1}/channels/${seg(channel)}/traces${query({ hours })}`),
};
