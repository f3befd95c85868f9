/* One shift handing over to the next: what is signed, read like every answer, and the requests. */
import { json, query, seg } from './client';
import { readNumbers, type Numbers } from './numbers';
import { all, ident, num, obj, oneOf, optNum, optText, text, time, type Raw } from './read';
import { ALERT_STATES, SEVERITIES, type AlertState, type Severity } from './types';

export const HANDOVER_STATES = ['draft', 'offered', 'accepted', 'withdrawn'] as const;
export type HandoverState = (typeof HANDOVER_STATES)[number];
export const MAX_NOTES = 4000;
export const MAX_REMARK = 2000;
/** Rows that the gateway lists in one. */
const MAX_ROWS = 300;

export interface HandoverRow {
  id: string;
  kind: string;
  rule: string;
  channel: string;
  channelName: string;
  state: AlertState;
  priority: Severity;
  since: number;
  owner: string | null;
  dispatchedTo: string | null;
  shelved: { by: string; reason: string; until: number } | null;
  note: { by: string; at: number; text: string } | null;
}
export interface HandoverLine {
  id: number;
  position: string;
  state: HandoverState;
  from: number;
  to: number;
  outgoing: string;
  written: number;
  offered: number;
  incoming: string | null;
  ended: number;
  open: number;
  shelved: number;
}
export interface Handover extends HandoverLine {
  notes: string;
  remark: string;
  rows: HandoverRow[];
  numbers: Numbers | null;
}
export interface HandoverNow {
  position: string;
  open: number;
  shelved: number;
  rows: HandoverRow[];
  numbers: Numbers;
  draft: Handover | null;
  offered: HandoverLine | null;
}
export interface HandoverPage {
  handovers: HandoverLine[];
  next: number | null;
}

function row(v: unknown): HandoverRow | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const channel = o && ident(o.channel);
  const state = o && oneOf(o.state, ALERT_STATES);
  const priority = o && oneOf(o.priority, SEVERITIES);
  if (!o || !id || !channel || !state || !priority) return null;
  const shelf = obj(o.shelved);
  const note = obj(o.note);
  return {
    id,
    kind: text(o.type, 64),
    rule: text(o.rule, 64),
    channel,
    channelName: text(o.channel_name, 200) || channel,
    state,
    priority,
    since: time(o.since),
    owner: optText(o.owner),
    dispatchedTo: optText(o.dispatched_to),
    shelved: shelf && { by: text(shelf.by, 64), reason: text(shelf.reason, 600), until: time(shelf.until) },
    note: note && { by: text(note.by, 64), at: time(note.at), text: text(note.text, 600) },
  };
}
const rows = (v: unknown): HandoverRow[] => all(v, row, MAX_ROWS);

export function readHandoverLine(v: unknown): HandoverLine | null {
  const o = obj(v);
  const id = o && optNum(o.id);
  const position = o && ident(o.position);
  const state = o && oneOf(o.state, HANDOVER_STATES);
  const outgoing = o && ident(o.outgoing);
  if (!o || id === null || !position || !state || !outgoing) return null;
  return {
    id,
    position,
    state,
    from: time(o.from),
    to: time(o.to),
    outgoing,
    written: time(o.written),
    offered: time(o.offered),
    incoming: optText(o.incoming),
    ended: time(o.ended),
    open: num(o.open),
    shelved: num(o.shelved),
  };
}

export function readHandover(v: unknown): Handover | null {
  const line = readHandoverLine(v);
  const o = obj(v) as Raw;
  return line && { ...line, notes: text(o.notes, MAX_NOTES), remark: text(o.remark, MAX_REMARK), rows: rows(o.rows), numbers: readNumbers(o.numbers) };
}

export function readHandoverNow(v: unknown): HandoverNow | null {
  const o = obj(v);
  const position = o && ident(o.position);
  const numbers = o && readNumbers(o.numbers);
  if (!o || !position || !numbers) return null;
  return { position, open: num(o.open), shelved: num(o.shelved), rows: rows(o.rows), numbers, draft: readHandover(o.draft), offered: readHandoverLine(o.offered) };
}

export function readHandoverPage(v: unknown): HandoverPage | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.handovers)) return null;
  return { handovers: all(o.handovers, readHandoverLine), next: optNum(o.next) };
}

export const handoverApi = {
  now: (position: string): Promise<HandoverNow> => json(readHandoverNow, 'GET', `/api/v1/handovers/now${query({ position })}`),
  list: (position: string | null, before: number | null, limit: number): Promise<HandoverPage> =>
    json(readHandoverPage, 'GET', `/api/v1/handovers${query({ position, before, limit })}`),
  get: (id: number): Promise<Handover> => json(readHandover, 'GET', `/api/v1/handovers/${id}`),
  write: (position: string, notes: string, offer: boolean): Promise<Handover> => json(readHandover, 'POST', '/api/v1/handovers', { position, notes, offer }),
  accept: (id: number, remark: string): Promise<Handover> => json(readHandover, 'POST', `/api/v1/handovers/${seg(String(id))}/accept`, { remark }),
  withdraw: (id: number): Promise<Handover> => json(readHandover, 'POST', `/api/v1/handovers/${seg(String(id))}/withdraw`, {}),
};
