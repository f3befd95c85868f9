/* The gateway itself: its node, who is logged in, what was committed since a cursor, and how it says that something failed. */
import { CHANNEL_STATES, type ChannelState } from './channel';
import { all, ident, list, num, obj, oneOf, optNum, text, texts, time } from './read';
import { readAlert, type Alert } from './types';

export interface NodeStatus {
  node: string;
  site: string;
  status: 'online' | 'offline';
  boot: string;
  program: string;
  degraded: string[];
}
export const HOOK_STATES = ['good', 'retrying', 'paused', 'unusable', 'off'] as const;
export interface Hook {
  id: string;
  host: string;
  state: (typeof HOOK_STATES)[number];
  reason: string;
  delivered: number;
  failed: number;
  givenUp: number;
  missed: number;
  lag: number;
  /** 0: nothing yet. */
  lastDelivered: number;
}
export interface NodeInfo extends NodeStatus {
  uptimeS: number | null;
  channels: Partial<Record<ChannelState, number>>;
  outbox: { rows: number; bytes: number } | null;
  looksPerS: number | null;
  hooks: Hook[];
}
export interface Session {
  user: string;
  role: string;
  /** What the role may. */
  rights: string[];
  /** Roots of the subtrees that the login is limited to; null: it sees everything. */
  areas: string[] | null;
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

function readHook(v: unknown): Hook | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const state = o && oneOf(o.state, HOOK_STATES);
  if (!o || !id || !state) return null;
  return {
    id,
    host: text(o.host, 300),
    state,
    reason: text(o.reason, 500),
    delivered: num(o.delivered),
    failed: num(o.failed),
    givenUp: num(o.given_up),
    missed: num(o.missed),
    lag: num(o.lag),
    lastDelivered: time(o.last_delivered),
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
    hooks: all(o.hooks, readHook),
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
    rights: texts(o.rights),
    areas: o.areas === null ? null : texts(o.areas),
    csrf: text(o.csrf, 200),
    mustChangePassword: o.must_change_password === true,
    site,
    siteName: text(o.site_name, 120) || site,
    node: text(o.node, 64),
    version: text(o.version, 40),
    timeZone: text(o.time_zone, 64) || 'UTC',
  };
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
