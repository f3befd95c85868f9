/*
 * The shapes of the inventory: areas, credentials, import plans, revisions. Read like every answer: what is not what it
 * should be is left out, lists are bounded by what the gateway takes. Values of fields become one line of text each.
 */
import { CHANNEL_STATES, readPlace, type ChannelState, type Origin } from './channel';
import { readBorder } from './map';
import { all, ident, list, num, obj, oneOf, optText, text, time, type Raw } from './read';

/** More rows than an import may have are no answer of a gateway. */
const MAX_ROWS = 100_000;
const MAX_AREAS = 20_000;

export const AREA_KINDS = ['district', 'street', 'community', 'grid', 'micro-grid'] as const;
export type AreaKind = (typeof AREA_KINDS)[number];
export interface Person {
  name: string;
  role: string;
  phone: string;
  email: string;
}
export interface Area {
  id: string;
  name: string;
  /** One of `AREA_KINDS`, or another word of the file's. */
  kind: string;
  parent: string | null;
  people: Person[];
  place: { lat: number; lon: number } | null;
  /** Its border on the map; empty where there is none. */
  polygon: { lat: number; lon: number }[];
  origin: Origin;
  /** Channels below it. */
  channels: number;
}
export interface Credential {
  id: string;
  username: string;
  channels: number;
  origin: Origin;
  /** Why its password cannot be used. */
  problem: string;
}
export interface StateChange {
  at: number;
  state: ChannelState;
  reason: string;
}
/** A thing with keys of its own; of a list of points how many there are. */
export type Thing = Readonly<Record<string, string>>;
export interface FieldChange {
  field: string;
  before: string | null;
  after: string | null;
  /** Where the values are lists of things (zones, exceptions, people): each thing, key by key. */
  things: { before: Thing[]; after: Thing[] } | null;
}
export interface Refusal {
  id: string;
  reason: string;
}
export interface BulkResult {
  rev: number;
  changed: number;
  refused: Refusal[];
}
export interface PlanRow {
  row: number;
  id: string;
  name: string;
  fields: FieldChange[];
}
export interface RefusedRow {
  row: number;
  column: string;
  value: string;
  reason: string;
}
export interface Mapping {
  column: number;
  heading: string;
  field: string | null;
  guessed: boolean;
}
export interface Plan {
  kind: 'channels' | 'areas';
  format: string;
  encoding: string;
  delimiter: string;
  mapping: Mapping[];
  rows: number;
  baseRev: number;
  unchanged: number;
  added: PlanRow[];
  changed: PlanRow[];
  removed: { id: string; name: string }[];
  missing: number;
  areasAdded: { id: string; name: string; parent: string | null }[];
  credentialsAdded: { id: string; username: string }[];
  /** What is worth knowing and stands against nothing. */
  notes: string[];
  refused: RefusedRow[];
  applied: boolean;
  rev: number | null;
}
export const SOURCES = ['import', 'api', 'console', 'cli', 'command', 'undo'] as const;
export type Source = (typeof SOURCES)[number];
export interface Revision {
  rev: number;
  at: number;
  author: string;
  source: Source | null;
  summary: string;
  added: number;
  changed: number;
  removed: number;
  /** The revision that this one took back. */
  undoes: number | null;
  /** The revision that took this one back. */
  undoneBy: number | null;
}
export const CHANGE_KINDS = ['channel', 'area', 'credential', 'rule', 'timetable'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];
export interface Change {
  kind: ChangeKind;
  id: string;
  op: 'add' | 'change' | 'remove';
  fields: FieldChange[];
}
export interface RevisionDetail extends Revision {
  changes: Change[];
}

const origin = (v: unknown): Origin => (v === 'inventory' ? 'inventory' : 'file');
const rev = (v: unknown): number | null => (typeof v === 'number' && v > 0 ? v : null);

/** A value of the configuration as a person reads it; null where there is none. */
export function valueText(v: unknown): string | null {
  if (v === null || v === undefined || v === '') return null;
  if (typeof v === 'string') return text(v, 500);
  if (typeof v === 'number' || typeof v === 'boolean') return String(v);
  if (Array.isArray(v)) return v.length === 0 ? null : text(v.map((x) => valueText(x) ?? '').join(', '), 500);
  return text(JSON.stringify(v), 500);
}

function readField(v: unknown): FieldChange | null {
  const o = obj(v);
  const field = o && text(o.field, 60);
  if (!o || !field) return null;
  const [before, after] = [things(o.before), things(o.after)];
  // Nobody reads a border as numbers: how many points it has.
  const value = (v: unknown): string | null => (field === 'polygon' && Array.isArray(v) ? String(v.length) : valueText(v));
  return { field, before: value(o.before), after: value(o.after), things: before || after ? { before: before ?? [], after: after ?? [] } : null };
}

const MAX_THINGS = 50;
function things(v: unknown): Thing[] | null {
  const found = Array.isArray(v) && v.length > 0 ? list(v, MAX_THINGS).map(obj) : [];
  if (found.length === 0 || found.some((x) => x === null)) return null;
  const told = (key: string, x: unknown): string => (key === 'polygon' || key === 'points' ? String(Array.isArray(x) ? x.length : 0) : (valueText(x) ?? ''));
  return found.map((x) => Object.fromEntries(Object.entries(x ?? {}).slice(0, MAX_THINGS).map(([key, value]) => [text(key, 60), told(key, value)])));
}

function readPerson(v: unknown): Person | null {
  const o = obj(v);
  const name = o && text(o.name, 120);
  return o && name ? { name, role: text(o.role, 120), phone: text(o.phone, 60), email: text(o.email, 120) } : null;
}

export function readArea(v: unknown): Area | null {
  const o = obj(v);
  const id = o && ident(o.id);
  if (!o || !id) return null;
  return {
    id,
    name: text(o.name, 120) || id,
    kind: text(o.kind, 40),
    parent: ident(o.parent),
    people: all(o.people, readPerson),
    place: readPlace(o),
    polygon: readBorder(o.polygon),
    origin: origin(o.origin),
    channels: num(o.channels),
  };
}
export function readAreas(v: unknown): Area[] | null {
  const o = obj(v);
  return o && Array.isArray(o.areas) ? all(o.areas, readArea, MAX_AREAS) : null;
}

function readCredential(v: unknown): Credential | null {
  const o = obj(v);
  const id = o && ident(o.id);
  return o && id ? { id, username: text(o.username, 120), channels: num(o.channels), origin: origin(o.origin), problem: text(o.problem, 500) } : null;
}
export function readCredentials(v: unknown): Credential[] | null {
  const o = obj(v);
  return o && Array.isArray(o.credentials) ? all(o.credentials, readCredential, MAX_AREAS) : null;
}

/** Newest first, as the gateway sends them. */
export function readStates(v: unknown): StateChange[] | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.states)) return null;
  return all(o.states, (x) => {
    const s = obj(x);
    const state = s && oneOf(s.state, CHANNEL_STATES);
    const at = s ? time(s.at) : Number.NaN;
    return s && state && Number.isFinite(at) ? { at, state, reason: text(s.reason, 500) } : null;
  });
}

export function readBulk(v: unknown): BulkResult | null {
  const o = obj(v);
  if (!o || typeof o.changed !== 'number') return null;
  return {
    rev: num(o.rev),
    changed: num(o.changed),
    refused: all(o.refused, (x) => readRefusal(obj(x)), MAX_ROWS),
  };
}
function readRefusal(o: Raw | null): Refusal | null {
  return o ? { id: text(o.id, 64), reason: text(o.reason, 500) } : null;
}

function readPlanRow(v: unknown): PlanRow | null {
  const o = obj(v);
  return o ? { row: num(o.row), id: text(o.id, 64), name: text(o.name, 120), fields: all(o.fields, readField) } : null;
}
function readRefusedRow(v: unknown): RefusedRow | null {
  const o = obj(v);
  if (!o) return null;
  const column = typeof o.column === 'number' ? String(o.column) : text(o.column, 120);
  return { row: num(o.row), column, value: valueText(o.value) ?? '', reason: text(o.reason, 500) };
}
export function readPlan(v: unknown): Plan | null {
  const o = obj(v);
  const kind = o && oneOf(o.kind, ['channels', 'channel', 'areas', 'area'] as const);
  if (!o || !kind) return null;
  return {
    kind: kind.startsWith('channel') ? 'channels' : 'areas',
    format: text(o.format, 20),
    encoding: text(o.encoding, 20),
    delimiter: text(o.delimiter, 4),
    mapping: list(o.mapping, 500)
      .map((x) => obj(x))
      .filter((m): m is Raw => m !== null)
      .map((m) => ({ column: num(m.column), heading: text(m.heading, 120), field: optText(m.field), guessed: m.guessed === true })),
    rows: num(o.rows),
    baseRev: num(o.base_rev),
    unchanged: num(o.unchanged),
    added: all(o.added, readPlanRow, MAX_ROWS),
    changed: all(o.changed, readPlanRow, MAX_ROWS),
    removed: all(o.removed, readNamed, MAX_ROWS),
    missing: num(o.missing),
    areasAdded: all(o.areas_added, readNewArea, MAX_AREAS),
    credentialsAdded: all(o.credentials_added, readNewCredential, MAX_AREAS),
    notes: list(o.notes).map((x) => text(x, 500)).filter((x) => x !== ''),
    refused: all(o.refused, readRefusedRow, MAX_ROWS),
    applied: o.applied === true,
    rev: rev(o.rev),
  };
}
function readNamed(v: unknown): { id: string; name: string } | null {
  const o = obj(v);
  return o ? { id: text(o.id, 64), name: text(o.name, 120) } : null;
}
function readNewCredential(v: unknown): { id: string; username: string } | null {
  const o = obj(v);
  return o ? { id: text(o.id, 64), username: text(o.username, 120) } : null;
}
function readNewArea(v: unknown): { id: string; name: string; parent: string | null } | null {
  const o = obj(v);
  return o ? { id: text(o.id, 64), name: text(o.name, 120), parent: ident(o.parent) } : null;
}

function readRevision(v: unknown): Revision | null {
  const o = obj(v);
  const n = o && rev(o.rev);
  if (!o || !n) return null;
  return {
    rev: n,
    at: time(o.at),
    author: text(o.author, 64),
    source: oneOf(o.source, SOURCES),
    summary: text(o.summary, 500),
    added: num(o.added),
    changed: num(o.changed),
    removed: num(o.removed),
    undoes: rev(o.undoes),
    undoneBy: rev(o.undone_by),
  };
}
export interface RevisionPage {
  revisions: Revision[];
  /** The newest there is. */
  rev: number;
}
export function readRevisions(v: unknown): RevisionPage | null {
  const o = obj(v);
  return o && Array.isArray(o.revisions) ? { revisions: all(o.revisions, readRevision, 1000), rev: num(o.rev) } : null;
}
export function readRevisionDetail(v: unknown): RevisionDetail | null {
  const base = readRevision(v);
  const o = obj(v);
  if (!base || !o) return null;
  const changes = all(
    o.changes,
    (x): Change | null => {
      const c = obj(x);
      const kind = c && oneOf(c.kind, CHANGE_KINDS);
      const op = c && oneOf(c.op, ['add', 'change', 'remove'] as const);
      return c && kind && op ? { kind, op, id: text(c.id, 64), fields: all(c.fields, readField) } : null;
    },
    MAX_ROWS,
  );
  return { ...base, changes };
}

/** Revisions with what they did to one thing. */
export function readRevisionsOf(v: unknown): RevisionDetail[] | null {
  const o = obj(v);
  return o && Array.isArray(o.revisions) ? all(o.revisions, readRevisionDetail, 1000) : null;
}

/** `{rev}` of what was done. */
export function readRev(v: unknown): number | null {
  const o = obj(v);
  return o ? rev(o.rev) : null;
}

/** Words of a list that a person typed: tags and the like. */
export function words(typed: string): string[] {
  return [...new Set(typed.split(/[\s,，;；、]+/).filter((w) => w !== ''))];
}
