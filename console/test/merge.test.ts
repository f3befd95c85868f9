/* Whatever the order and however often messages come, the outcome is the same. */
import { describe, expect, it } from 'vitest';
import { readHealth, type Health } from '../src/api/channel';
import { readAlert, readEvent, type Alert, type EventFact } from '../src/api/types';
import { fullOfClosed, happenings, madeAt, MAX_CLOSED, MAX_OPEN, mergeAlerts, mergeFacts, mergeHealth, newestFirst, reorder } from '../src/state/merge';
import { alertJson, eventJson, healthJson, mediaJson } from './fixtures';

const alert = (part: Record<string, unknown> = {}): Alert => readAlert(alertJson(part)) as Alert;
const fact = (part: Record<string, unknown> = {}): EventFact => readEvent(eventJson(part)) as EventFact;
const health = (part: Record<string, unknown> = {}): Health => readHealth(healthJson(part)) as Health;

describe('alerts', () => {
  it('are as their newest revision says, in any order and with repeats', () => {
    const revs = [1, 2, 3, 4].map((rev) => alert({ rev, state: rev > 2 ? 'acknowledged' : 'new', owner: rev > 2 ? 'li' : null }));
    const orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 3, 1, 0], [3, 3, 3, 0]];
    for (const order of orders) {
      let have: ReadonlyMap<string, Alert> = new Map();
      for (const i of order) have = mergeAlerts(have, [revs[i] as Alert]).alerts;
      expect(have.get('a1')).toBe(revs[3]);
      const once = mergeAlerts(new Map(), order.map((i) => revs[i] as Alert));
      expect(once.alerts.get('a1')).toBe(revs[3]);
      expect(once.arrived).toHaveLength(1);
      expect(once.changed).toHaveLength(0);
    }
  });

  it('that say nothing new leave the map itself as it was', () => {
    const have = mergeAlerts(new Map(), [alert({ rev: 2 })]).alerts;
    expect(mergeAlerts(have, [alert({ rev: 2 }), alert({ rev: 1 })]).alerts).toBe(have);
  });

  it('tell what arrived and what changed', () => {
    const have = mergeAlerts(new Map(), [alert()]).alerts;
    const merged = mergeAlerts(have, [alert({ rev: 2 }), alert({ id: 'a2' })]);
    expect(merged.changed.map((a) => a.id)).toEqual(['a1']);
    expect(merged.arrived.map((a) => a.id)).toEqual(['a2']);
  });

  it('stand newest first, and updates do not move them', () => {
    const early = alert({ id: 'a', opened: '2026-11-22T08:00:00Z', updated: '2026-11-22T09:00:00Z' });
    const late = alert({ id: 'b', opened: '2026-11-22T08:30:00Z' });
    const broken = alert({ id: 'c', opened: 'yesterday' });
    expect([broken, early, late].sort(newestFirst).map((a) => a.id)).toEqual(['b', 'a', 'c']);
  });

  it('that are closed are not loaded beyond what is kept', () => {
    const page = (n: number): Alert[] => Array.from({ length: 100 }, (_, i) => alert({ id: `p${n}-${i}`, state: 'closed', opened: new Date(1_700_000_000_000 - (n * 100 + i) * 1000).toISOString() }));
    let have = mergeAlerts(new Map(), [alert({ id: 'open' })]).alerts;
    let pages = 0;
    for (; pages < 50 && !fullOfClosed([...have.values()]); pages += 1) have = mergeAlerts(have, page(pages)).alerts;
    // Each page that was loaded is there whole, and none more is asked for once others would go for it.
    expect(have.size).toBe(1 + pages * 100);
    expect(pages * 100).toBeGreaterThan(MAX_CLOSED / 2);
    expect(fullOfClosed([...mergeAlerts(have, Array.from({ length: 5 }, (_, n) => page(-1 - n)).flat()).alerts.values()])).toBe(true);
  });

  it('are bounded, the closed ones and the open ones apart; the oldest go', () => {
    const many = Array.from({ length: MAX_CLOSED + 50 }, (_, i) =>
      alert({ id: `c${i}`, state: 'closed', opened: new Date(1_700_000_000_000 + i * 1000).toISOString() }),
    );
    const open = Array.from({ length: 100 }, (_, i) => alert({ id: `o${i}`, opened: '2020-01-01T00:00:00Z' }));
    const merged = mergeAlerts(new Map(), [...many, ...open]).alerts;
    expect([...merged.values()].filter((a) => a.state !== 'closed')).toHaveLength(100);
    expect(merged.size).toBeLessThanOrEqual(MAX_CLOSED + 100);
    expect(merged.has('c0')).toBe(false);
    expect(merged.has(`c${MAX_CLOSED + 49}`)).toBe(true);

    const flood = Array.from({ length: MAX_OPEN + 1 }, (_, i) => alert({ id: `f${i}`, opened: new Date(1_700_000_000_000 + i * 1000).toISOString() }));
    const full = mergeAlerts(merged, flood);
    expect(full.cut).toBe(true);
    expect([...full.alerts.values()].filter((a) => a.state !== 'closed').length).toBeLessThanOrEqual(MAX_OPEN);
    expect([full.alerts.has('o1'), full.alerts.has(`f${MAX_OPEN}`), full.alerts.has(`c${MAX_CLOSED + 49}`)]).toEqual([false, true, true]);
  });

  it('stand in the order that a sort of all would give, whatever came', () => {
    let have: ReadonlyMap<string, Alert> = new Map();
    let order: Alert[] = [];
    let dice = 7;
    const roll = (n: number): number => (dice = (dice * 48_271) % 2_147_483_647) % n;
    for (let round = 0; round < 60; round += 1) {
      const some = Array.from({ length: roll(5) }, () => {
        const n = roll(40);
        const opened = n === 3 ? 'yesterday' : new Date(1_700_000_000_000 + (n % 17) * 1000).toISOString();
        return alert({ id: `r${n}`, rev: round + 1, opened, state: roll(3) === 0 ? 'closed' : 'new' });
      });
      const merged = mergeAlerts(have, some);
      have = merged.alerts;
      order = reorder(order, have, merged.arrived);
      expect(order).toEqual([...have.values()].sort(newestFirst));
    }
  });
});

describe('health', () => {
  const state = (...told: Health[]): string | undefined => told.reduce((have, h) => mergeHealth(have, [h]), new Map() as ReadonlyMap<string, Health>).get('cam-1')?.state;

  it('is as the newest message says, in whichever order they come', () => {
    const older = health({ uptime_ms: 1000, state: 'offline' });
    const newer = health({ uptime_ms: 11_000, state: 'running' });
    expect([state(newer, older), state(older, newer)]).toEqual(['running', 'running']);
    expect(state(older, health({ uptime_ms: 1000, state: 'stalled' }))).toBe('stalled');
  });

  it('goes on being told after the clock was set back', () => {
    const before = health({ at: '2026-11-22T09:00:00Z', uptime_ms: 1000, state: 'running' });
    const after = health({ at: '2026-11-22T08:00:10Z', uptime_ms: 11_000, state: 'offline' });
    expect([state(before, after), state(after, before)]).toEqual(['offline', 'offline']);
  });

  it('is what the process says that is heard now, where another one spoke before', () => {
    const before = health({ boot: 'one', uptime_ms: 90_000_000, state: 'running' });
    const after = health({ boot: 'two', uptime_ms: 500, state: 'connecting' });
    expect(state(before, after)).toBe('connecting');
    // Whoever does not say how long it has run is taken at its last word.
    expect(state(health({ boot: undefined, uptime_ms: undefined, state: 'running' }), health({ boot: undefined, uptime_ms: undefined, state: 'offline' }))).toBe('offline');
  });
});

describe('happenings', () => {
  it('gather start, updates and end', () => {
    const times = (seen: string) => ({ times: { seen, ingested: seen, committed: seen, clock: 'gateway', skew_ms: null } });
    const facts = [
      fact({ cursor: 3, phase: 'end', end: 'cleared', objects: [], media: [], ...times('2026-11-22T08:00:30Z') }),
      fact({ cursor: 1, ...times('2026-11-22T08:00:00Z') }),
      fact({ cursor: 2, phase: 'update', media: [], ...times('2026-11-22T08:00:10Z') }),
      fact({ id: 'e2', cursor: 4, ...times('2026-11-22T08:01:00Z') }),
    ];
    const [second, first] = happenings(facts);
    expect(second).toMatchObject({ id: 'e2', ended: null });
    expect(first).toMatchObject({ id: 'e1', end: 'cleared' });
    expect((first?.ended ?? 0) - (first?.seen ?? 0)).toBe(30_000);
    expect(first?.pictures[0]?.objects).toHaveLength(1);
  });
  it('tell start, picture and its boxes also where only the end is listed', () => {
    const id = '01936b2e-7d4b-7cc0-a70e-035f2ebf7593';
    const end = fact({ id, cursor: 9, phase: 'end', end: 'cleared', objects: [], media: [mediaJson('pic', `/api/v1/events/${id}/snapshot`)] });
    expect(happenings([end])[0]).toMatchObject({ seen: 0x01936b2e7d4b, ended: end.seen, pictures: [{ sha256: 'pic', objects: [{ label: 'person' }] }] });
    expect(happenings([fact({ id, media: [] })])[0]?.pictures).toEqual([]);
    expect(madeAt('e1')).toBeNaN();
    expect(madeAt('01936b2e-7d4b-4cc0-a70e-035f2ebf7593')).toBeNaN();
  });
  it('take each fact once', () => {
    const have = [fact({ cursor: 1 })];
    expect(mergeFacts(have, [fact({ cursor: 1 })])).toBe(have);
    expect(mergeFacts(have, [fact({ cursor: 2, phase: 'end' })]).map((f) => f.cursor)).toEqual([2, 1]);
  });
});
