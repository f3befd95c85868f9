/*
 * The one place that talks HTTP to the gateway. Every answer goes through a reader of `types.ts`; every failure is an
 * `ApiError` with a kind that the pages can name in the operator's language. It keeps the request token of the login
 * and the difference between the gateway's clock and the browser's, and tells the session store when a login has ended
 * or is another one. It never retries, for who asks knows whether asking again is right; but for one case: what was refused
 * because another window of this browser has begun a session of the same user is sent once more with that one's token.
 */
import type { ActBody, AlertAction } from './alerts';
import { readBox, type Box } from './box';
import { readChannel, readChannels, type Channel } from './channel';
import { readChangePage, readError, readNodeInfo, readSession, type ChangePage, type NodeInfo, type Session } from './gateway';
import { readAlert, readAlertDetail, readAlertPage, type Alert, type AlertDetail, type AlertPage } from './types';

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly retryAfterS: number | null = null,
    /** With a 409: the alert as it is now. */
    readonly alert: Alert | null = null,
  ) {
    super(message || kind);
    this.name = 'ApiError';
  }
}

let csrf = '';
/** Whose the token is. */
let holder = '';
let clockOffset = 0;
let onUnauthenticated: () => void = () => {};
let onPasswordChange: () => void = () => {};
let onSession: (session: Session) => void = () => {};

/** `session`: what this browser's login is now, where it is not the one that the request was sent with. */
export function listen(handlers: { unauthenticated: () => void; passwordChange: () => void; session: (now: Session) => void }): void {
  onUnauthenticated = handlers.unauthenticated;
  onPasswordChange = handlers.passwordChange;
  onSession = handlers.session;
}

/** The gateway's time as far as known: ages must be right on a desk whose clock is wrong. */
export function gatewayNow(): number {
  return Date.now() + clockOffset;
}

function learnClock(date: string | null): void {
  const there = date ? Date.parse(date) : Number.NaN;
  if (!Number.isFinite(there)) return;
  // The header has whole seconds, so small differences say nothing.
  const offset = there + 500 - Date.now();
  clockOffset = Math.abs(offset) > 3000 ? offset : 0;
}

const TIMEOUT_MS = 20_000;
/** Whether anybody answers at the gateway's address, whatever the answer. */
export async function gatewayAnswers(): Promise<boolean> {
  try {
    const response = await fetch('/api/v1/session', { credentials: 'same-origin', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    // What stands before a gateway that is away answers by these.
    return response.status !== 502 && response.status !== 503 && response.status !== 504;
  } catch {
    return false;
  }
}

/** `body` is sent as JSON, a `Blob` as it is. */
export async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const sent = csrf;
  try {
    return await once(method, path, body, signal);
  } catch (error) {
    const refused = error instanceof ApiError && error.status === 403 && error.kind === 'forbidden';
    if (!refused || method === 'GET' || path === '/api/v1/login' || !(await tokenIsAnother(sent))) throw error;
  }
  return once(method, path, body, signal);
}

/**
 * All windows of a browser share one cookie: a login in one of them leaves the others with the token of the session before.
 * Gives whether the same user has another token now than the one that was sent; another user is a failure of its own.
 */
async function tokenIsAnother(sent: string): Promise<boolean> {
  const user = holder;
  const now = await api.session().catch(() => null);
  if (now === null || (now.user === user && now.csrf === sent)) return false;
  onSession(now);
  if (now.user !== user) throw new ApiError(403, 'other_login', '');
  return true;
}

async function once(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  const raw = body instanceof Blob;
  if (body !== undefined) headers['Content-Type'] = raw ? 'application/octet-stream' : 'application/json';
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : raw ? body : JSON.stringify(body),
      credentials: 'same-origin',
      redirect: 'error',
      // A large file takes its time on a slow line.
      signal: signal ?? AbortSignal.timeout(raw ? 6 * TIMEOUT_MS : TIMEOUT_MS),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'network', '');
  }
  learnClock(response.headers.get('date'));
  if (response.ok) return response;
  const found = readError(await response.json().catch(() => null));
  const retry = Number(response.headers.get('retry-after'));
  const error = new ApiError(
    response.status,
    found.kind === 'unknown' ? `http_${response.status}` : found.kind,
    found.message,
    Number.isFinite(retry) && retry > 0 ? retry : null,
    found.alert,
  );
  if (response.status === 401 && path !== '/api/v1/login' && path !== '/api/v1/session') onUnauthenticated();
  if (response.status === 403 && error.kind === 'password_change_required') onPasswordChange();
  throw error;
}

export async function json<T>(read: (v: unknown) => T | null, method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  const value = read(await response.json().catch(() => null));
  if (value === null) throw new ApiError(response.status, 'bad_answer', '');
  return value;
}

function keepToken(session: Session): Session {
  csrf = session.csrf;
  holder = session.user;
  return session;
}

export function query(params: Record<string, string | number | boolean | null | undefined>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== null && v !== undefined && v !== '') q.set(k, String(v));
  const s = q.toString();
  return s === '' ? '' : `?${s}`;
}
export const seg = encodeURIComponent;

export const api = {
  session: (): Promise<Session> => json(readSession, 'GET', '/api/v1/session').then(keepToken),
  login: (user: string, password: string): Promise<Session> =>
    json(readSession, 'POST', '/api/v1/login', { user, password }).then(keepToken),
  password: (old: string, fresh: string): Promise<Session> =>
    json(readSession, 'POST', '/api/v1/password', { old, new: fresh }).then(keepToken),
  logout: async (): Promise<void> => {
    await send('POST', '/api/v1/logout', {});
    csrf = '';
  },
  alerts: (params: {
    state: 'open' | 'all';
    channel?: string;
    before?: number | string | null;
    limit?: number;
  }): Promise<AlertPage> => json(readAlertPage, 'GET', `/api/v1/alerts${query(params)}`),
  alert: (id: string): Promise<AlertDetail> => json(readAlertDetail, 'GET', `/api/v1/alerts/${seg(id)}`),
  act: (id: string, action: AlertAction, rev: number, body: ActBody): Promise<Alert> =>
    json(readAlert, 'POST', `/api/v1/alerts/${seg(id)}/${action}`, { rev, ...body }),
  channels: (): Promise<Channel[]> => json(readChannels, 'GET', '/api/v1/channels'),
  channel: (id: string): Promise<Channel> => json(readChannel, 'GET', `/api/v1/channels/${seg(id)}`),
  changes: (after: number, limit = 500): Promise<ChangePage> =>
    json(readChangePage, 'GET', `/api/v1/changes${query({ after, limit })}`),
  box: (): Promise<Box> => json(readBox, 'GET', '/api/v1/box'),
  node: (): Promise<NodeInfo> => json(readNodeInfo, 'GET', '/api/v1/node'),
  openapi: async (): Promise<unknown> => (await send('GET', '/api/v1/openapi.json')).json(),
  /** The latest key frame as a picture and how old it was when the gateway answered. */
  picture: async (id: string, signal: AbortSignal): Promise<{ blob: Blob; seen: number; ageMs: number | null }> => {
    const response = await send('GET', `/api/v1/channels/${seg(id)}/picture`, undefined, signal);
    const age = Number(response.headers.get('x-skyeye-age-ms') ?? Number.NaN);
    return {
      blob: await response.blob(),
      seen: Date.parse(response.headers.get('x-skyeye-seen') ?? ''),
      ageMs: Number.isFinite(age) ? age : null,
    };
  },
};
