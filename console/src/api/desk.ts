/* What the desk asks for beside the alerts: how positions stand, what belongs together, and what is to be done. */
import { json, query } from './client';
import { all, ident, num, obj, optText, text, texts, time } from './read';
import { readAlertPage, type AlertPage } from './types';

export interface Flood {
  since: number;
  rows: number;
  /** Alerts that were counted under other rows because of it. */
  collapsed: number;
}
/** A row that took others during a flood. */
export interface Lead {
  alert: string;
  kind: string;
  channelName: string;
  under: number;
}
/** What a flood came to. */
export interface Digest extends Flood {
  until: number;
  /** By type, most first; an empty type stands for all others. */
  came: { kind: string; count: number }[];
  leads: Lead[];
}
export interface Position {
  id: string;
  name: string;
  areas: string[];
  escalateTo: string | null;
  flood: Flood | null;
  digest: Digest | null;
  /** Open rows, shelved ones among them, and those of them that nobody has taken. */
  rows: number;
  waiting: number;
  /** Rows of other positions, counted apart: they were escalated to this one, and nobody has taken them. */
  escalated: number;
}
export interface Procedure {
  id: string;
  title: string;
  steps: string[];
}

const count = (v: unknown): number => Math.max(0, Math.trunc(num(v)));

function readFlood(v: unknown): Flood | null {
  const o = obj(v);
  const since = time(o?.since);
  return o && Number.isFinite(since) ? { since, rows: count(o.rows), collapsed: count(o.collapsed) } : null;
}

function readLead(v: unknown): Lead | null {
  const o = obj(v);
  const alert = ident(o?.alert);
  if (!o || !alert) return null;
  return { alert, kind: text(o.type, 64), channelName: text(o.channel_name, 120) || text(o.channel, 64), under: count(o.under) };
}

function readCame(v: unknown): { kind: string; count: number } | null {
  const o = obj(v);
  return o ? { kind: text(o.type, 64), count: count(o.count) } : null;
}

function readDigest(v: unknown): Digest | null {
  const flood = readFlood(v);
  const o = obj(v);
  const until = time(o?.until);
  if (!flood || !o || !Number.isFinite(until)) return null;
  return { ...flood, until, came: all(o.came, readCame), leads: all(o.leads, readLead) };
}

export function readPosition(v: unknown): Position | null {
  const o = obj(v);
  const id = ident(o?.id);
  if (!o || !id) return null;
  const rows = obj(o.rows) ?? {};
  return {
    id,
    name: text(o.name, 200) || id,
    areas: texts(o.areas),
    escalateTo: optText(o.escalate_to),
    flood: readFlood(o.flood),
    digest: readDigest(o.digest),
    rows: count(rows.low) + count(rows.medium) + count(rows.high) + count(rows.critical),
    waiting: count(rows.waiting),
    escalated: count(rows.escalated),
  };
}

export function readPositions(v: unknown): Position[] | null {
  const o = obj(v);
  return o && Array.isArray(o.positions) ? all(o.positions, readPosition) : null;
}

function readProcedure(v: unknown): Procedure | null {
  const o = obj(v);
  const id = ident(o?.id);
  if (!o || !id || !Array.isArray(o.steps)) return null;
  // A step keeps its number even where its text cannot be read.
  return { id, title: text(o.title, 200) || id, steps: o.steps.slice(0, 30).map((s) => text(s, 500)) };
}

export function readProcedures(v: unknown): Procedure[] | null {
  const o = obj(v);
  return o && Array.isArray(o.procedures) ? all(o.procedures, readProcedure) : null;
}

export const MEMBERS = 50;

export const deskApi = {
  positions: (): Promise<Position[]> => json(readPositions, 'GET', '/api/v1/positions'),
  members: (of: { incident: string } | { under: string }): Promise<AlertPage> =>
    json(readAlertPage, 'GET', `/api/v1/alerts${query({ ...of, limit: MEMBERS })}`),
  procedures: (alert: string): Promise<Procedure[]> => json(readProcedures, 'GET', `/api/v1/procedures${query({ alert })}`),
};
