/* The store between feed and pages: batches, announcements, and reloading after a long break. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readAlert, readEvent, type Alert } from '../src/api/types';
import { api, gatewayNow } from '../src/api/client';
import { absorb, deliver, flush, onFacts, replaceOpen, reset, setFeed, useLive } from '../src/state/live';
import { hoursAgo } from '../src/state/shifts';
import { alertJson, eventJson } from './fixtures';

const alert = (part: Record<string, unknown> = {}): Alert => readAlert(alertJson(part)) as Alert;
const ids = (): string[] => useLive.getState().order.map((a) => a.id);

beforeEach(() => {
  vi.useFakeTimers();
  reset();
});
afterEach(() => void vi.useRealTimers());

describe('live', () => {
  it('merges a burst at once', () => {
    let renders = 0;
    const stop = useLive.subscribe(() => void (renders += 1));
    for (let i = 0; i < 500; i += 1) deliver([{ what: 'alert', alert: alert({ id: `a${i % 50}`, rev: i }) }]);
    expect(renders).toBe(0);
    vi.advanceTimersByTime(200);
    stop();
    expect(renders).toBe(1);
    expect(ids()).toHaveLength(50);
  });

  it('bounds what waits, and keeps the newest', () => {
    deliver(Array.from({ length: 30_000 }, (_, i) => ({ what: 'alert' as const, alert: alert({ rev: i }) })));
    flush();
    expect(useLive.getState().alerts.get('a1')?.rev).toBe(29_999);
  });

  it('announces what arrives new, not what was loaded, changed or handled already', () => {
    const said = () => useLive.getState().arrival.count;
    replaceOpen([alert({ id: 'loaded' })], false);
    absorb([alert({ id: 'older', state: 'closed' })]);
    expect(said()).toBe(0);
    deliver([{ what: 'alert', alert: alert({ id: 'new' }) }, { what: 'alert', alert: alert({ id: 'done', state: 'acknowledged' }) }]);
    flush();
    expect(said()).toBe(1);
    deliver([{ what: 'alert', alert: alert({ id: 'new', rev: 2 }) }]);
    flush();
    expect(said()).toBe(1);
    expect(useLive.getState().arrival.latest?.id).toBe('new');
  });

  it('drops on a reload what is no longer open, unless the list was cut', () => {
    replaceOpen([alert({ id: 'a' }), alert({ id: 'b' })], false);
    absorb([alert({ id: 'c', state: 'closed' })]);
    replaceOpen([alert({ id: 'b' })], false);
    expect(ids().sort()).toEqual(['b', 'c']);
    replaceOpen([alert({ id: 'd' })], true);
    expect(ids().sort()).toEqual(['b', 'c', 'd']);
  });

  it('keeps on a reload what came after the list was read', () => {
    deliver([{ what: 'alert', alert: alert({ id: 'gone', cursor: 5 }) }, { what: 'alert', alert: alert({ id: 'later', cursor: 11 }) }]);
    flush();
    replaceOpen([alert({ id: 'listed', cursor: 9 })], false, 10);
    expect(ids().sort()).toEqual(['later', 'listed']);
  });

  it('never goes back to an older revision on a reload', () => {
    replaceOpen([alert({ rev: 5, state: 'acknowledged' })], false);
    replaceOpen([alert({ rev: 3 })], false);
    expect(useLive.getState().alerts.get('a1')).toMatchObject({ rev: 5, state: 'acknowledged' });
  });

  it('hands facts on to whoever shows them', () => {
    const got: string[] = [];
    const stop = onFacts((facts) => got.push(...facts.map((f) => f.id)));
    const event = readEvent(eventJson({ id: 'e9' }));
    if (event) deliver([{ what: 'event', event }]);
    flush();
    stop();
    expect(got).toEqual(['e9']);
  });
});

describe('a desk whose clock is an hour slow', () => {
  const HOUR = 3_600_000;
  /** Any answer tells the time. */
  const hear = async (ahead: number): Promise<void> => {
    vi.stubGlobal('fetch', async () => new Response('{}', { headers: { date: new Date(Date.now() + ahead).toUTCString() } }));
    await api.session().catch(() => {});
    vi.unstubAllGlobals();
  };
  afterEach(() => hear(0));

  it('tells by the gateway\'s clock since when the feed stands as it does, and counts the last hours by it', async () => {
    vi.useRealTimers();
    await hear(HOUR);
    reset();
    const about = (ms: number | null): number => Math.round(((ms ?? 0) - Date.now()) / HOUR);
    expect(about(gatewayNow())).toBe(1);
    expect(about(useLive.getState().feed.since)).toBe(1);
    setFeed('live');
    expect(about(useLive.getState().feed.since)).toBe(1);
    expect([about(hoursAgo(8)), hoursAgo(null)]).toEqual([-7, null]);
  });
});
