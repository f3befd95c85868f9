/*
 * Alerts and events as the gateway sends them, as far as the console reads them, and the readers that turn foreign JSON
 * into them. A reader returns null for anything that is not what it should be: a hostile or broken message is counted and
 * dropped, it never reaches a component. Texts are cut to a bounded length here, once. Nothing in here does I/O.
 */
import { ALERT_ACTIONS, readHandling, type Handling } from './alerts';
import { all, ident, num, obj, oneOf, optNum, optText, text, texts, time } from './read';

export const ALERT_STATES = ['new', 'acknowledged', 'dispatched', 'resolved', 'closed'] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
export const PHASES = ['start', 'update', 'end'] as const;
export type Phase = (typeof PHASES)[number];
export const EVENT_ENDS = ['cleared', 'lost', 'interrupted', 'reconfigured'] as const;
export type EventEnd = (typeof EVENT_ENDS)[number];
export const HISTORY_ACTIONS = ['opened', 'event', ...ALERT_ACTIONS] as const;
export type HistoryAction = (typeof HISTORY_ACTIONS)[number];
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface SeenObject {
  track: number;
  label: string;
  score: number;
  bbox: Box;
}
export interface Media {
  kind: string;
  url: string;
  sha256: string;
  width: number;
  height: number;
  /** When what it shows was seen; NaN where the gateway does not say. */
  seen: number;
  /** What was seen in this very picture; the alert's and the event's own objects move on. */
  objects: SeenObject[];
}
export interface Alert {
  id: string;
  cursor: number;
  rev: number;
  node: string;
  channel: string;
  channelName: string;
  area: string[];
  kind: string;
  state: AlertState;
  active: boolean;
  severity: Severity;
  rule: { id: string; revision: string };
  zone: string | null;
  incident: string | null;
  firstEvent: string;
  lastEvent: string;
  events: number;
  /** Unix milliseconds. */
  opened: number;
  updated: number;
  committed: number;
  owner: string | null;
  handling: Handling;
  objects: SeenObject[];
  media: Media[];
  /** What is wrong, where it is about a channel's health; `channels`: how many are under it, 0 where it is one. */
  health: { scope: string; name: string | null; what: string; state: string | null; reason: string; channels: number } | null;
}
export interface EventFact {
  id: string;
  cursor: number;
  channel: string;
  kind: string;
  phase: Phase;
  end: EventEnd | null;
  seen: number;
  ingested: number;
  committed: number;
  clock: 'camera' | 'gateway';
  skewMs: number | null;
  severity: Severity;
  model: { name: string; sha256: string } | null;
  rateHz: number;
  objects: SeenObject[];
  zone: string | null;
  alert: string | null;
  media: Media[];
}
export interface HistoryEntry {
  rev: number;
  at: number;
  author: string | null;
  action: HistoryAction | string;
  from: AlertState | null;
  to: AlertState | null;
  note: string | null;
}
export interface AlertDetail {
  alert: Alert;
  history: HistoryEntry[];
  events: EventFact[];
}

/** The part of the box that lies in the picture; null where there is none. */
export function readBox(v: unknown): Box | null {
  const o = obj(v);
  if (!o) return null;
  const [x, y, w, h] = [optNum(o.x), optNum(o.y), optNum(o.w), optNum(o.h)];
  if (x === null || y === null || w === null || h === null) return null;
  const x0 = Math.min(Math.max(x, 0), 1);
  const y0 = Math.min(Math.max(y, 0), 1);
  const x1 = Math.min(Math.max(x + w, 0), 1);
  const y1 = Math.min(Math.max(y + h, 0), 1);
  return x1 > x0 && y1 > y0 ? { x: x0, y: y0, w: x1 - x0, h: y1 - y0 } : null;
}
export const readObjects = (v: unknown): SeenObject[] => all(v, readObject);

function readObject(v: unknown): SeenObject | null {
  const o = obj(v);
  const bbox = o && readBox(o.bbox);
  if (!o || !bbox) return null;
  return { track: num(o.track), label: text(o.label, 40), score: Math.min(Math.max(num(o.score), 0), 1), bbox };
}

/** Only pictures that the gateway itself serves: an address of elsewhere in a payload is never asked for. */
function readMedia(v: unknown): Media | null {
  const o = obj(v);
  if (!o || typeof o.url !== 'string' || !/^\/api\/v1\/[A-Za-z0-9._~/-]{1,200}$/.test(o.url) || o.url.includes('..')) {
    return null;
  }
  return {
    kind: text(o.kind, 40),
    url: o.url,
    sha256: text(o.sha256, 64),
    width: num(o.width),
    height: num(o.height),
    seen: time(o.seen),
    objects: all(o.objects, readObject),
  };
}

function readRule(v: unknown): { id: string; revision: string } {
  const o = obj(v);
  return { id: text(o?.id, 64), revision: text(o?.revision, 64) };
}

export function readAlert(v: unknown): Alert | null {
  const o = obj(v);
  if (!o) return null;
  const id = ident(o.id);
  const state = oneOf(o.state, ALERT_STATES);
  const rev = optNum(o.rev);
  const channel = ident(o.channel);
  if (!id || !state || rev === null || !channel) return null;
  const severity = oneOf(o.severity, SEVERITIES) ?? 'medium';
  return {
    id,
    cursor: num(o.cursor),
    rev,
    node: text(o.node, 64),
    channel,
    channelName: text(o.channel_name, 120) || channel,
    area: texts(o.area),
    kind: text(o.type, 64),
    state,
    active: o.active === true,
    severity,
    rule: readRule(o.rule),
    zone: ident(o.zone),
    incident: ident(o.incident),
    firstEvent: text(o.first_event, 64),
    lastEvent: text(o.last_event, 64),
    events: Math.max(0, Math.trunc(num(o.events))),
    opened: time(o.opened),
    updated: time(o.updated),
    committed: time(o.committed),
    owner: ident(o.owner),
    handling: readHandling(o, SEVERITIES, severity),
    objects: all(o.objects, readObject),
    media: all(o.media, readMedia),
    health: readHealthFact(o.health, o.subjects),
  };
}

function readHealthFact(v: unknown, subjects: unknown): Alert['health'] {
  const o = obj(v);
  if (!o) return null;
  return {
    scope: text(o.scope, 64),
    name: optText(o.name),
    what: text(o.what, 64),
    state: optText(o.state),
    reason: text(o.reason, 500),
    channels: Math.max(0, Math.trunc(num(obj(subjects)?.count))),
  };
}

export function readEvent(v: unknown): EventFact | null {
  const o = obj(v);
  if (!o) return null;
  const id = ident(o.id);
  const phase = oneOf(o.phase, PHASES);
  const channel = ident(o.channel);
  if (!id || !phase || !channel) return null;
  const times = obj(o.times) ?? {};
  const model = obj(o.model);
  return {
    id,
    cursor: num(o.cursor),
    channel,
    kind: text(o.type, 64),
    phase,
    end: oneOf(o.end, EVENT_ENDS),
    seen: time(times.seen),
    ingested: time(times.ingested),
    committed: time(times.committed),
    clock: times.clock === 'camera' ? 'camera' : 'gateway',
    skewMs: optNum(times.skew_ms),
    severity: oneOf(o.severity, SEVERITIES) ?? 'medium',
    model: model ? { name: text(model.name, 64), sha256: text(model.sha256, 64) } : null,
    rateHz: num(o.rate_hz),
    objects: all(o.objects, readObject),
    zone: ident(o.zone),
    alert: ident(o.alert),
    media: all(o.media, readMedia),
  };
}

function readHistory(v: unknown): HistoryEntry | null {
  const o = obj(v);
  if (!o) return null;
  return {
    rev: num(o.rev),
    at: time(o.at),
    author: optText(o.author),
    action: oneOf(o.action, HISTORY_ACTIONS) ?? text(o.action, 40),
    from: oneOf(o.from, ALERT_STATES),
    to: oneOf(o.to, ALERT_STATES),
    note: typeof o.note === 'string' && o.note !== '' ? text(o.note, 2000) : null,
  };
}

/** As many as a gateway sends: the oldest come first, so that a shorter list would end before the latest. */
const MAX_HISTORY = 500;

export function readAlertDetail(v: unknown): AlertDetail | null {
  const o = obj(v);
  const alert = o && readAlert(o.alert);
  if (!o || !alert) return null;
  return { alert, history: all(o.history, readHistory, MAX_HISTORY), events: all(o.events, readEvent) };
}
export interface AlertPage {
  alerts: Alert[];
  cursor: number | null;
  next: number | string | null;
}

export function readAlertPage(v: unknown): AlertPage | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.alerts)) return null;
  const next = typeof o.next === 'number' || typeof o.next === 'string' ? o.next : null;
  return {
    alerts: o.alerts.slice(0, 2000).map(readAlert).filter((a): a is Alert => a !== null),
    cursor: optNum(o.cursor),
    next,
  };
}
