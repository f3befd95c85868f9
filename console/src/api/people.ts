/*
 * Users, their sessions, tokens for programs, and the record of who did what. Only the pages about people load this.
 * One-time passwords and tokens come in one answer each and are kept nowhere but on the page that shows them.
 */
import { json, query, seg, send } from './client';
import { all, ident, num, obj, oneOf, optText, text, texts, time } from './read';

export const ROLES = ['viewer', 'operator', 'supervisor', 'engineer', 'administrator'] as const;
export type RoleName = (typeof ROLES)[number];
export const SCOPES = ['read', 'act', 'feedback', 'configure'] as const;
export type Scope = (typeof SCOPES)[number];
const LEFT = ['all', 'part', 'nothing'] as const;

/** A role or scope and what it may, as the gateway's table says. */
export interface Grant {
  name: string;
  rights: string[];
}
export interface User {
  user: string;
  role: string;
  /** Null: everything. */
  areas: string[] | null;
  disabled: boolean;
  mustChangePassword: boolean;
  created: number;
  sessions: number;
  last: number;
}
export interface UserPage {
  users: User[];
  roles: Grant[];
}
export interface OneTime {
  user: User;
  password: string;
}
export interface UserSession {
  id: string;
  created: number;
  last: number;
  address: string;
  own: boolean;
}
export interface Token {
  name: string;
  scope: string;
  areas: string[] | null;
  createdBy: string;
  created: number;
  expires: number;
  expired: boolean;
  /** What its maker, who may have lost rights and areas since, leaves of it. */
  left: (typeof LEFT)[number];
  last: number;
  address: string;
}
export interface TokenPage {
  tokens: Token[];
  scopes: Grant[];
}
export interface MadeToken {
  token: string;
  made: Token;
}
export interface Deed {
  id: number;
  at: number;
  user: string;
  action: string;
  what: string;
  address: string;
}
export interface DeedPage {
  records: Deed[];
  next: string | null;
  actions: string[];
}

const MAX_USERS = 1000;

/** Null for everything; a list that is none is nothing at all and never everything. */
function readAreas(v: unknown): string[] | null {
  return v === null ? null : texts(v);
}

function readGrant(v: unknown): Grant | null {
  const o = obj(v);
  const name = o && (ident(o.role) ?? null);
  return o && name ? { name, rights: texts(o.rights) } : null;
}

export function readUser(v: unknown): User | null {
  const o = obj(v);
  const user = o && ident(o.user);
  const role = o && ident(o.role);
  if (!o || !user || !role) return null;
  return {
    user,
    role,
    areas: readAreas(o.areas),
    disabled: o.disabled === true,
    mustChangePassword: o.must_change_password === true,
    created: time(o.created),
    sessions: num(o.sessions),
    last: time(o.last),
  };
}

export function readUsers(v: unknown): UserPage | null {
  const o = obj(v);
  return o && Array.isArray(o.users) ? { users: all(o.users, readUser, MAX_USERS), roles: all(o.roles, readGrant) } : null;
}

export function readOneTime(v: unknown): OneTime | null {
  const o = obj(v);
  const user = readUser(o?.user);
  const password = text(o?.password, 200);
  return user && password !== '' ? { user, password } : null;
}

function readSessionOf(v: unknown): UserSession | null {
  const o = obj(v);
  const id = o && ident(o.id);
  return o && id ? { id, created: time(o.created), last: time(o.last), address: text(o.address, 64), own: o.own === true } : null;
}
export function readSessions(v: unknown): UserSession[] | null {
  const o = obj(v);
  return o && Array.isArray(o.sessions) ? all(o.sessions, readSessionOf) : null;
}

export function readToken(v: unknown): Token | null {
  const o = obj(v);
  const name = o && ident(o.name);
  const scope = o && ident(o.scope);
  if (!o || !name || !scope) return null;
  return {
    name,
    scope,
    areas: readAreas(o.areas),
    createdBy: text(o.created_by, 64),
    created: time(o.created),
    expires: time(o.expires),
    expired: o.expired === true,
    left: oneOf(o.left, LEFT) ?? 'all',
    last: time(o.last),
    address: text(o.address, 64),
  };
}

export function readTokens(v: unknown): TokenPage | null {
  const o = obj(v);
  return o && Array.isArray(o.tokens) ? { tokens: all(o.tokens, readToken), scopes: all(o.scopes, readGrant) } : null;
}

export function readMade(v: unknown): MadeToken | null {
  const o = obj(v);
  const made = readToken(o?.made);
  const token = text(o?.token, 200);
  return made && token !== '' ? { token, made } : null;
}

function readDeed(v: unknown): Deed | null {
  const o = obj(v);
  if (!o || typeof o.id !== 'number' || typeof o.action !== 'string') return null;
  return { id: o.id, at: time(o.at), user: text(o.user, 64), action: text(o.action, 64), what: text(o.what, 500), address: text(o.address, 64) };
}
export function readDeeds(v: unknown): DeedPage | null {
  const o = obj(v);
  return o && Array.isArray(o.records) ? { records: all(o.records, readDeed), next: optText(o.next), actions: texts(o.actions) } : null;
}

export interface RightsEdit {
  role?: string;
  areas?: string[] | null;
  disabled?: boolean;
}
export interface DeedFilter {
  user: string;
  action: string;
  /** RFC 3339, or nothing. */
  from: string;
  to: string;
  text: string;
}

const V1 = '/api/v1';
const none = async (response: Promise<Response>): Promise<void> => {
  await response;
};
const at = (user: string): string => `${V1}/users/${seg(user)}`;

export const people = {
  users: (): Promise<UserPage> => json(readUsers, 'GET', `${V1}/users`),
  add: (user: string, role: string, areas: string[] | null): Promise<OneTime> => json(readOneTime, 'POST', `${V1}/users`, { user, role, areas }),
  change: (user: string, rights: RightsEdit): Promise<User> => json(readUser, 'PATCH', at(user), rights),
  remove: (user: string): Promise<void> => none(send('DELETE', at(user))),
  reset: (user: string): Promise<OneTime> => json(readOneTime, 'POST', `${at(user)}/reset`, {}),
  sessions: (user: string): Promise<UserSession[]> => json(readSessions, 'GET', `${at(user)}/sessions`),
  endSessions: (user: string): Promise<void> => none(send('DELETE', `${at(user)}/sessions`)),
  endSession: (user: string, id: string): Promise<void> => none(send('DELETE', `${at(user)}/sessions/${seg(id)}`)),
  tokens: (): Promise<TokenPage> => json(readTokens, 'GET', `${V1}/tokens`),
  makeToken: (name: string, scope: string, areas: string[] | null, days: number): Promise<MadeToken> =>
    json(readMade, 'POST', `${V1}/tokens`, { name, scope, areas, days }),
  revoke: (name: string): Promise<void> => none(send('DELETE', `${V1}/tokens/${seg(name)}`)),
  deeds: (filter: DeedFilter, before: string | null, limit: number): Promise<DeedPage> =>
    json(readDeeds, 'GET', `${V1}/audit${query({ ...filter, before, limit })}`),
  exportUrl: (filter: DeedFilter): string => `${V1}/audit/export${query({ ...filter })}`,
};
