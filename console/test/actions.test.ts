/* Doing something to an alert that goes on meanwhile: by what a camera saw nobody is refused, by what a person did everybody. */
import i18next, { type TFunction } from 'i18next';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import { ACTION_KEYS, act, actionOfKey, addNote, keyMay } from '../src/lib/actions';
import { absorb, reset } from '../src/state/live';
import { useNotices } from '../src/state/notices';
import { alertJson } from './fixtures';

let t: TFunction;
beforeAll(async () => {
  await i18next.init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
  t = i18next.getFixedT('en');
});

/** The gateway's alert, and what goes on before each request arrives. */
let now: Record<string, unknown>;
let meanwhile: Record<string, unknown>[];
let asked: number[];

beforeEach(() => {
  now = alertJson({ rev: 5 });
  meanwhile = [];
  asked = [];
  reset();
  useNotices.setState({ list: [] });
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    const next = meanwhile.shift();
    if (next) now = { ...now, rev: Number(now.rev) + 1, ...next };
    const { rev } = JSON.parse(String(init.body)) as { rev: number };
    asked.push(rev);
    if (rev !== now.rev) return Promise.resolve(new Response(JSON.stringify({ error: { kind: 'conflict', message: 'another revision' }, alert: now }), { status: 409 }));
    now = { ...now, rev: rev + 1, state: 'acknowledged', owner: 'ann' };
    return Promise.resolve(new Response(JSON.stringify(now), { status: 200 }));
  });
});
afterEach(() => void vi.unstubAllGlobals());

const mine = (): Alert => readAlert(alertJson({ rev: 5 })) as Alert;
const said = (): string => useNotices.getState().list.map((n) => n.text).join(' | ');

describe('an action', () => {
  it('is done although a camera has seen more meanwhile', async () => {
    meanwhile = [{ events: 2 }, { events: 3, active: false }, { last_event: 'e9' }];
    expect(await act(t, mine(), 'acknowledge')).toBe(true);
    expect(asked).toEqual([5, 6, 7, 8]);
    expect(said()).toBe('Acknowledged.');
  });

  it('is not tried for ever', async () => {
    meanwhile = Array.from({ length: 20 }, (_, i) => ({ events: i }));
    expect(await act(t, mine(), 'acknowledge')).toBe(false);
    expect(asked).toHaveLength(4);
    expect(said()).toBe('Not done: the alert has changed meanwhile. Look at it and try again.');
  });

  it.each([
    [{ owner: 'bob', state: 'acknowledged' }, 'bob has this alert'],
    [{ state: 'resolved' }, 'it is Resolved now'],
    [{ priority: 'critical' }, 'has changed meanwhile. Look at it'],
    [{ position: 'west' }, 'has changed meanwhile. Look at it'],
    [{ shelved: { by: 'bob', reason: 'rain', until: '2026-11-22T09:00:00Z' } }, 'has changed meanwhile. Look at it'],
  ])('is left to the person where another one has changed %j', async (change, words) => {
    meanwhile = [change];
    expect(await act(t, mine(), 'acknowledge')).toBe(false);
    expect(asked).toEqual([5]);
    expect(said().toLowerCase()).toContain(words.toLowerCase());
  });

  it('that is refused at the very revision it was asked for is asked once', async () => {
    vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
      asked.push((JSON.parse(String(init.body)) as { rev: number }).rev);
      return Promise.resolve(new Response(JSON.stringify({ error: { kind: 'conflict', message: 'no' }, alert: now }), { status: 409 }));
    });
    expect(await act(t, mine(), 'acknowledge')).toBe(false);
    expect(asked).toEqual([5]);
  });
});

describe('keys', () => {
  it('are one for each action, and none of those that do something else on the desk', () => {
    const keys = Object.values(ACTION_KEYS);
    expect(new Set([...keys, 'J', 'K', 'G', 'F', 'L']).size).toBe(keys.length + 5);
    expect(['n', 'C', 'o', 'u', 'a', 'x', 'Enter'].map(actionOfKey)).toEqual(['note', 'close', 'reopen', 'release', 'acknowledge', null, null]);
  });

  it('do what the state lets be done', () => {
    const at = (state: string): Alert => readAlert(alertJson({ state })) as Alert;
    expect(keyMay('release', at('acknowledged'))).toBe(true);
    expect([keyMay('close', at('resolved')), keyMay('reopen', at('resolved')), keyMay('close', at('new'))]).toEqual([true, true, false]);
    expect([keyMay('note', at('resolved')), keyMay('note', at('closed'))]).toEqual([true, false]);
  });
});

describe('a note', () => {
  it('is added whatever the alert has come to, from its form and by a step', async () => {
    meanwhile = [{ state: 'resolved', owner: 'bob' }];
    expect(await act(t, mine(), 'note', { note: 'x' })).toBe(true);
    meanwhile = [{ state: 'resolved', owner: 'bob' }];
    reset();
    absorb([mine()]);
    asked = [];
    expect(await addNote(t, 'a1', 'x')).toBe(true);
    expect(asked).toHaveLength(2);
  });
});
