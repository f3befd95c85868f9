/*
 * Channels as the gateway sends them: what they are, how they are, and what is drawn on them. For readers in general see
 * `read.ts`: what is not what it should be is dropped.
 */
import { all, ident, list, num, obj, oneOf, optNum, optText, text, texts, time, type Raw } from './read';

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
  /** Of the process that said it, and for how long that had run. */
  boot: string;
  uptimeMs: number;
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

export function readHealth(v: unknown): Health | null {
  const o = obj(v);
  if (!o) return null;
  const channel = ident(o.channel);
  const state = oneOf(o.state, CHANNEL_STATES);
  if (!channel || !state) return null;
  return {
    channel,
    at: time(o.at),
    boot: text(o.boot, 64),
    uptimeMs: num(o.uptime_ms),
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


export function readChannels(v: unknown): Channel[] | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.channels)) return null;
  return o.channels.slice(0, 50_000).map(readChannel).filter((c): c is Channel => c !== null);
}
