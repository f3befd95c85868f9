/* What the gateway says of alerts of all that is kept: found, counted, and as a file. */
import { json, query } from './client';
import { all, ident, num, obj, optNum, text, type Raw } from './read';
import { readAlert, type Alert } from './types';

export interface Found {
  alerts: Alert[];
  /** Ids of those whose record is damaged. */
  unreadable: string[];
  /** Where the next page begins; null at the end. */
  next: number | null;
  /** Words are found only in newer alerts yet. */
  filling: boolean;
}
export interface Group {
  /** When the hour or day begins, or a type, id or word; empty where there is none. */
  key: string;
  count: number;
}
export interface Summary {
  total: number;
  groups: Group[];
  more: boolean;
  filling: boolean;
}
const MAX_FOUND = 500;
const MAX_GROUPS = 5000;

export function readFound(v: unknown): Found | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.alerts)) return null;
  return { alerts: all(o.alerts, readAlert, MAX_FOUND), unreadable: all(o.unreadable, ident, MAX_FOUND), next: optNum(o.next), filling: o.filling === true };
}

function readGroup(v: unknown): Group | null {
  const o: Raw | null = obj(v);
  return o && typeof o.key === 'string' ? { key: text(o.key), count: Math.max(0, Math.trunc(num(o.count))) } : null;
}

export function readSummary(v: unknown): Summary | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.groups)) return null;
  return { total: Math.max(0, num(o.total)), groups: all(o.groups, readGroup, MAX_GROUPS), more: o.more === true, filling: o.filling === true };
}

export type Asked = Readonly<Record<string, string>>;

export const historyApi = {
  find: (asked: Asked, before: number | null, limit: number): Promise<Found> =>
    json(readFound, 'GET', `/api/v1/alerts/search${query({ ...asked, before, limit })}`),
  count: (asked: Asked, by: string): Promise<Summary> => json(readSummary, 'GET', `/api/v1/alerts/summary${query({ ...asked, by })}`),
  exportUrl: (asked: Asked, format: 'csv' | 'json'): string => `/api/v1/alerts/export${query({ ...asked, format })}`,
};
