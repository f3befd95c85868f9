/* One login for all windows of a browser: what a window does when another one has begun a session, and a logout that does not arrive. */
import i18next from 'i18next';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { api, ApiError } from '../src/api/client';
import { readSession, type Session } from '../src/api/gateway';
import en from '../src/i18n/en.json';
import { useNotices } from '../src/state/notices';
import { clearSession, joinSession, loadSession, logOut, tryAgain, useSession } from '../src/state/session';
import { alertJson } from './fixtures';

/** The gateway as far as logins go: who the browser's cookie stands for, and what was done by whom. */
const gateway = { user: 'ann', csrf: 'first', reached: true, done: [] as string[] };

const sessionJson = (user: string, csrf: string): Record<string, unknown> => ({ user, role: 'operator', rights: ['see', 'act'], areas: null, csrf, must_change_password: false, site: 's', site_name: 'S', node: 'n', version: '1', time_zone: 'UTC' });

async function answer(path: string, init: RequestInit): Promise<Response> {
  if (!gateway.reached) throw new TypeError('no network');
  const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status });
  if (gateway.user === '') return json(401, { error: { kind: 'unauthenticated', message: 'log in' } });
  if (path === '/api/v1/session') return json(200, sessionJson(gateway.user, gateway.csrf));
  const token = new Headers(init.headers).get('x-csrf-token');
  if (token !== gateway.csrf) return json(403, { error: { kind: 'forbidden', message: 'not the token of the session' } });
  gateway.done.push(`${gateway.user} ${path.split('/').at(-1)}`);
  if (path === '/api/v1/logout') {
    gateway.user = '';
    return new Response(null, { status: 204 });
  }
  return json(200, alertJson({ state: 'acknowledged' }));
}

beforeAll(async () => {
  await i18next.init({ lng: 'en', resources: { en: { translation: en } } });
});
beforeEach(async () => {
  Object.assign(gateway, { user: 'ann', csrf: 'first', reached: true, done: [] });
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => answer(path, init));
  useNotices.setState({ list: [] });
  await loadSession();
});
afterEach(() => void vi.unstubAllGlobals());

const user = (): string | undefined => useSession.getState().session?.user;
const take = (): Promise<unknown> => api.act('a1', 'acknowledge', 1, {});

describe('a login in another window', () => {
  it('of the same user disarms nothing', async () => {
    gateway.csrf = 'second';
    await take();
    await take();
    expect(gateway.done).toEqual(['ann acknowledge', 'ann acknowledge']);
    expect(user()).toBe('ann');
    expect(useNotices.getState().list).toEqual([]);
  });

  it('of somebody else makes this window theirs, and does nothing in their name', async () => {
    Object.assign(gateway, { user: 'bob', csrf: 'second' });
    await expect(take()).rejects.toMatchObject({ status: 403, kind: 'other_login' });
    expect(gateway.done).toEqual([]);
    expect(user()).toBe('bob');
    expect(useNotices.getState().list.map((n) => n.text).join()).toContain('bob');
  });

  it('is asked about once, and not for what a right is missing for', async () => {
    let asked = 0;
    vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
      if (path === '/api/v1/session') asked += 1;
      return path === '/api/v1/session' ? answer(path, init) : Promise.resolve(new Response(JSON.stringify({ error: { kind: 'forbidden', message: 'no' } }), { status: 403 }));
    });
    await expect(take()).rejects.toBeInstanceOf(ApiError);
    expect(asked).toBe(1);
    expect(user()).toBe('ann');
  });

  it('is joined by a window that waits for one', async () => {
    clearSession();
    gateway.reached = false;
    await joinSession();
    expect(useSession.getState().status).toBe('none');
    gateway.reached = true;
    await joinSession();
    expect([useSession.getState().status, user()]).toEqual(['ready', 'ann']);
  });

  it('is not joined by one that has a login', async () => {
    const before: Session | null = readSession(sessionJson('ann', 'first'));
    useSession.setState({ status: 'ready', session: before });
    gateway.user = 'bob';
    await joinSession();
    expect(user()).toBe('ann');
  });
});

describe('logging out', () => {
  it('without a network is done as soon as there is one, and logs nobody in', async () => {
    gateway.reached = false;
    expect(await logOut()).toBeNull();
    expect(useSession.getState()).toMatchObject({ status: 'unreachable', session: null, leaving: true });
    await tryAgain();
    expect(useSession.getState().leaving).toBe(true);
    gateway.reached = true;
    await tryAgain();
    expect(useSession.getState()).toMatchObject({ status: 'none', session: null, leaving: false });
    expect(gateway.done).toEqual(['ann logout']);
  });

  it('after a login of the same user in another window ends that login', async () => {
    gateway.csrf = 'second';
    expect(await logOut()).toBeNull();
    expect(gateway.done).toEqual(['ann logout']);
    expect(useSession.getState().status).toBe('none');
  });

  it('does not log out who came in another window, nor is it refused in silence', async () => {
    Object.assign(gateway, { user: 'bob', csrf: 'second' });
    expect(await logOut()).toBeNull();
    expect([gateway.done, user(), useNotices.getState().list.length]).toEqual([[], 'bob', 1]);
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({ error: { kind: 'too_many', message: 'wait' } }), { status: 429 })));
    expect(await logOut()).toMatchObject({ status: 429 });
    expect(useSession.getState().status).toBe('ready');
  });

  it('that is over already is no failure', async () => {
    gateway.user = '';
    expect(await logOut()).toBeNull();
    expect(useSession.getState().status).toBe('none');
  });

  it('does not stand in the way of a gateway that was away before the login', async () => {
    gateway.reached = false;
    await loadSession();
    gateway.reached = true;
    await tryAgain();
    expect([useSession.getState().status, user()]).toEqual(['ready', 'ann']);
  });
});
