/*
 * The shapes that the gateway sends, as far as the console reads them, and the readers that turn foreign JSON into
 * them. A reader returns null for anything that is not what it should be: a hostile or broken message is counted and
 * dropped, it never reaches a component. Texts are cut to a bounded length here, once. Nothing in here does I/O.
 */
import { all, ident, list, num, obj, oneOf, optNum, optText, text, texts, time, type Raw } from './read';

export const ALERT_STATES = ['new', 'acknowledged', 'dispatched', 'resolved', 'closed'] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
export const CHANNEL_STATES = [
  'running',
  'connecting',
  'stalled',
  'offline',
  'unreachable',
  'auth_failed',
  'refused',
  'misconfigured',
  'disabled',
] as const;
export type ChannelState = (typeof CHANNEL_STATES)[number];
export const PHASES = ['start', 'update', 'end'] as const;
export type Phase = (typeof PHASES)[number];
export const EVENT_ENDS = ['cleared', 'lost', 'interrupted', 'reconfigured'] as const;
export type EventEnd = (typeof EVENT_ENDS)[number];
export const ALERT_ACTIONS = ['acknowledge', 'release', 'dispatch', 'resolve', 'close'] as const;
export type AlertAction = (typeof ALERT_ACTIONS)[number];
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
export const CONDITIONS = [
  'frozen',
  'dark',
  'bright',
  'blurred',
  'covered',
  'moved',
  'bitrate_collapsed',
  'key_interval_long',
  'clock_skew',
] as const;
export type ConditionKind = (typeof CONDITIONS)[number];
/** What the pictures and the session tell although the channel runs. */
export interface Condition {
  kind: ConditionKind;
  since: number;
  reason: string;
}
export interface Health {
  channel: string;
  at: number;
  state: ChannelState;
  reason: string;
  since: number;
  codec: string | null;
  width: number;
  height: number;
  kbitS: number;
  unitRateHz: number;
  keyIntervalS: number;
  lookRateHz: number;
  clockSkewMs: number | null;
  lostPackets: number;
  sessions: number;
  conditions: Condition[];
}
export interface Zone {
  id: string;
  name: string;
  polygon: [number, number][];
}
export interface Line {
  id: string;
  name: string;
  points: [number, number][];
}
/** Where a configured thing stands: a file is changed by hand only, the inventory from here. */
export type Origin = 'file' | 'inventory';
export interface Channel {
  id: string;
  name: string;
  area: string[];
  areaNames: string[];
  stream: string;
  transport: string;
  host: string;
  health: Health;
  rules: string[];
  zones: Zone[];
  lines: Line[];
  /** The device's own number, empty where there is none. */
  externalId: string;
  tags: string[];
  place: { lat: number; lon: number } | null;
  origin: Origin;
  enabled: boolean;
  /** It has a main stream beside the one that is looked at. */
  main: boolean;
  /** Only of one channel, and only for those who may change it. */
  config: ChannelConfig | null;
}
/** What can be changed of a channel. */
export interface ChannelConfig {
  url: string;
  mainUrl: string;
  credential: string;
  transport: string;
  stream: string;
  enabled: boolean;
  weight: number;
  area: string;
  externalId: string;
  tags: string[];
  lat: number | null;
  lon: number | null;
  /** What is drawn on its picture. */
  places: ChannelPlaces;
  /** The revision that changed it last; 0 where it was never changed. */
  rev: number;
}
/** Zones, lines and masks, as they are configured. */
export interface ChannelPlaces {
  zone: { id: string; name: string; polygon: [number, number][] }[];
  line: { id: string; name: string; points: [number, number][] }[];
  mask: { kind: 'privacy' | 'ignore'; polygon: [number, number][] }[];
}
export interface NodeStatus {
  node: string;
  site: string;
  status: 'online' | 'offline';
  boot: string;
  program: string;
  degraded: string[];
}
export interface NodeInfo extends NodeStatus {
  uptimeS: number | null;
  channels: Partial<Record<ChannelState, number>>;
  outbox: { rows: number; bytes: number } | null;
  looksPerS: number | null;
}
export interface Session {
  user: string;
  role: string;
  csrf: string;
  mustChangePassword: boolean;
  site: string;
  siteName: string;
  node: string;
  version: string;
  timeZone: string;
}
export interface Change {
  cursor: number;
  topic: string;
  payload: unknown;
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
    severity: oneOf(o.severity, SEVERITIES) ?? 'medium',
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

export function readAlertDetail(v: unknown): AlertDetail | null {
  const o = obj(v);
  const alert = o && readAlert(o.alert);
  if (!o || !alert) return null;
  return { alert, history: all(o.history, readHistory), events: all(o.events, readEvent) };
}

export function readHealth(v: unknown): Health | null {
  const o = obj(v);
  if (!o) return null;
  const channel = ident(o.channel);
  const state = oneOf(o.state, CHANNEL_STATES);
  if (!channel || !state) return null;
  return {
    channel,
    at: time(o.at),
    state,
    reason: text(o.reason, 500),
    since: time(o.since),
    codec: optText(o.codec),
    width: num(o.width),
    height: num(o.height),
    kbitS: num(o.kbit_s),
    unitRateHz: num(o.unit_rate_hz),
    keyIntervalS: num(o.key_interval_s),
    lookRateHz: num(o.look_rate_hz),
    clockSkewMs: optNum(o.clock_skew_ms),
    lostPackets: num(o.lost_packets),
    sessions: num(o.sessions),
    conditions: all(o.conditions, readCondition, CONDITIONS.length),
  };
}

function readCondition(v: unknown): Condition | null {
  const o = obj(v);
  const kind = o && oneOf(o.kind, CONDITIONS);
  return o && kind ? { kind, since: time(o.since), reason: text(o.reason, 500) } : null;
}

export function readPlace(o: Record<string, unknown>): { lat: number; lon: number } | null {
  const [lat, lon] = [optNum(o.lat), optNum(o.lon)];
  return lat !== null && lon !== null && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

function readConfig(v: unknown): ChannelConfig | null {
  const o = obj(v);
  if (!o) return null;
  return {
    url: text(o.url, 2048),
    mainUrl: text(o.main_url, 2048),
    credential: text(o.credential, 64),
    transport: text(o.transport, 20),
    stream: text(o.stream, 20),
    enabled: o.enabled !== false,
    weight: num(o.weight, 1),
    area: text(o.area, 64),
    externalId: text(o.external_id, 64),
    tags: texts(o.tags),
    lat: optNum(o.lat),
    lon: optNum(o.lon),
    places: readPlaces(o),
    rev: num(o.rev),
  };
}

/** Points inside the picture. */
export function readPoints(v: unknown): [number, number][] {
  return list(v)
    .map((p): [number, number] | null => {
      const [x, y] = Array.isArray(p) ? [optNum(p[0]), optNum(p[1])] : [null, null];
      return x === null || y === null ? null : [Math.min(Math.max(x, 0), 1), Math.min(Math.max(y, 0), 1)];
    })
    .filter((p): p is [number, number] => p !== null);
}

function readPlaces(o: Raw): ChannelPlaces {
  const shape = (v: unknown, key: 'polygon' | 'points', least: number): { id: string; name: string; points: [number, number][] } | null => {
    const s = obj(v);
    const points = s ? readPoints(s[key]) : [];
    return s && points.length >= least ? { id: ident(s.id) ?? '', name: text(s.name, 120), points } : null;
  };
  return {
    zone: all(o.zone, (z) => shape(z, 'polygon', 3)).map(({ id, name, points }) => ({ id, name, polygon: points })),
    line: all(o.line, (l) => shape(l, 'points', 2)),
    mask: all(o.mask, (m) => {
      const polygon = shape(m, 'polygon', 3)?.points;
      return polygon ? { kind: obj(m)?.kind === 'ignore' ? ('ignore' as const) : ('privacy' as const), polygon } : null;
    }),
  };
}

function readLine(v: unknown): Line | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const points = o ? readPoints(o.points) : [];
  return o && id && points.length >= 2 ? { id, name: text(o.name, 120) || id, points } : null;
}

function readZone(v: unknown): Zone | null {
  const o = obj(v);
  const id = o && ident(o.id);
  if (!o || !id) return null;
  const polygon = readPoints(o.polygon);
  return polygon.length >= 3 ? { id, name: text(o.name, 120) || id, polygon } : null;
}

export function readChannel(v: unknown): Channel | null {
  const o = obj(v);
  const id = o && ident(o.id);
  if (!o || !id) return null;
  const health = readHealth({ channel: id, ...(obj(o.health) ?? {}) });
  if (!health) return null;
  return {
    id,
    name: text(o.name, 120) || id,
    area: texts(o.area),
    areaNames: texts(o.area_names),
    stream: text(o.stream, 20),
    transport: text(o.transport, 20),
    host: text(o.host, 120),
    health,
    rules: texts(o.rules),
    zones: all(o.zones, readZone),
    lines: all(o.lines, readLine),
    externalId: text(o.external_id, 64),
    tags: texts(o.tags),
    place: readPlace(o),
    // A gateway that does not say where it stands has it from its file.
    origin: o.origin === 'inventory' ? 'inventory' : 'file',
    enabled: o.enabled !== false,
    main: o.main === true,
    config: readConfig(o.config),
  };
}

export function readNodeStatus(v: unknown): NodeStatus | null {
  const o = obj(v);
  const node = o && ident(o.node);
  const status = o && oneOf(o.status, ['online', 'offline'] as const);
  if (!o || !node || !status) return null;
  return {
    node,
    site: text(o.site, 64),
    status,
    boot: text(o.boot, 64),
    program: text(o.program, 64),
    degraded: list(o.degraded).map((x) => text(x, 500)).filter((x) => x !== ''),
  };
}

export function readNodeInfo(v: unknown): NodeInfo | null {
  const base = readNodeStatus(v);
  const o = obj(v);
  if (!base || !o) return null;
  const counts = obj(o.channels) ?? {};
  const outbox = obj(o.outbox);
  const channels: Partial<Record<ChannelState, number>> = {};
  for (const s of CHANNEL_STATES) if (typeof counts[s] === 'number') channels[s] = num(counts[s]);
  return {
    ...base,
    uptimeS: optNum(o.uptime_s),
    channels,
    outbox: outbox ? { rows: num(outbox.rows), bytes: num(outbox.bytes) } : null,
    looksPerS: optNum(o.looks_per_s),
  };
}

export function readSession(v: unknown): Session | null {
  const o = obj(v);
  const user = o && ident(o.user);
  const site = o && ident(o.site);
  if (!o || !user || !site) return null;
  return {
    user,
    role: text(o.role, 40),
    csrf: text(o.csrf, 200),
    mustChangePassword: o.must_change_password === true,
    site,
    siteName: text(o.site_name, 120) || site,
    node: text(o.node, 64),
    version: text(o.version, 40),
    timeZone: text(o.time_zone, 64) || 'UTC',
  };
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

export interface ChannelList {
  channels: Channel[];
}
export function readChannels(v: unknown): Channel[] | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.channels)) return null;
  return o.channels.slice(0, 50_000).map(readChannel).filter((c): c is Channel => c !== null);
}

export interface ChangePage {
  changes: Change[];
  cursor: number;
  more: boolean;
}
export function readChangePage(v: unknown): ChangePage | null {
  const o = obj(v);
  const cursor = o && optNum(o.cursor);
  if (!o || cursor === null || !Array.isArray(o.changes)) return null;
  const changes = o.changes
    .map((c): Change | null => {
      const r = obj(c);
      return r && typeof r.topic === 'string' ? { cursor: num(r.cursor), topic: r.topic, payload: r.payload } : null;
    })
    .filter((c): c is Change => c !== null);
  return { changes, cursor, more: o.more === true };
}

/** `{"error":{"kind","message"}}` of any failed answer. */
export function readError(v: unknown): { kind: string; message: string; alert: Alert | null } {
  const o = obj(v);
  const e = obj(o?.error);
  return { kind: text(e?.kind, 60) || 'unknown', message: text(e?.message, 500), alert: readAlert(o?.alert) };
}
