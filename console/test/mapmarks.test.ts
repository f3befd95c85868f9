/* What stands on the map: what is joined and what never is, where alerts stand, what is under the pointer. */
import { describe, expect, it } from 'vitest';
import type { Channel } from '../src/api/channel';
import { readChannel } from '../src/api/channel';
import { readAreas, type Area } from '../src/api/inventory';
import { readMap } from '../src/api/map';
import { readAlert, type Alert } from '../src/api/types';
import { grouped } from '../src/lib/cluster';
import { alertMarks, channelMarks, hit, lookOf, placed, Whereabouts } from '../src/lib/mapmarks';
import { spotOf, worldSize } from '../src/lib/mercator';
import { signOf } from '../src/ui/map/signs';
import { alertJson } from './fixtures';

function channel(id: string, lat: number | null, lon: number | null, state = 'running', conditions: object[] = []): Channel {
  const health = { state, since: '2026-01-01T00:00:00Z', at: '2026-01-01T00:00:00Z', conditions };
  return readChannel({ id, name: id, area: ['d', 's'], lat, lon, health }) as Channel;
}
function alert(id: string, of: string, priority: string, part: object = {}): Alert {
  return readAlert(alertJson({ id, channel: of, area: ['d', 's'], priority, showing: { how: 'row' }, ...part })) as Alert;
}
/** A district of 6,314 channels over ten kilometres. */
function district(n: number): Channel[] {
  let s = 7;
  const random = (): number => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: n }, (_, i) => channel(`c${i}`, 30.2 + random() / 10, 120.1 + random() / 10));
}

describe('joining', () => {
  it('loses nothing and joins only what is within reach', () => {
    const points = placed(district(2000));
    const reach = 42 / worldSize(13);
    const groups = grouped(points, reach);
    expect(groups.reduce((n, g) => n + g.members.length, 0)).toBe(2000);
    expect(new Set(groups.flatMap((g) => g.members)).size).toBe(2000);
    for (const g of groups) {
      const [first] = g.members;
      for (const m of g.members) expect(Math.hypot(m.at[0] - (first?.at[0] ?? 9), m.at[1] - (first?.at[1] ?? 9))).toBeLessThanOrEqual(reach);
    }
  });
  it('gives the same for the same', () => {
    const points = placed(district(500));
    const ids = (): string[] => channelMarks(points, 12).map((m) => `${signOf(m)} ${m.at.join()}`);
    expect(ids()).toEqual(ids());
  });
  it('takes 6,314 points in a moment, all of them at one place too', () => {
    const points = placed(district(6314));
    const same = placed(Array.from({ length: 6314 }, (_, i) => channel(`c${i}`, 30.2, 120.1)));
    const began = performance.now();
    for (const zoom of [3, 8, 12, 14, 16, 18]) {
      const marks = channelMarks(points, zoom);
      expect(marks.reduce((n, m) => n + (m.kind === 'group' ? m.channels.length : 1), 0)).toBe(6314);
      expect(channelMarks(same, zoom)).toHaveLength(1);
    }
    // A loaded machine is slow, but the square of six thousand would take minutes.
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('channels', () => {
  it('look different by state, and by a finding of the picture', () => {
    const dark = [{ kind: 'dark', since: '2026-01-01T00:00:00Z', reason: '' }];
    const looks = [channel('a', 1, 1), channel('b', 1, 1, 'running', dark), channel('c', 1, 1, 'stalled'), channel('d', 1, 1, 'offline'), channel('e', 1, 1, 'auth_failed'), channel('f', 1, 1, 'disabled')].map(lookOf);
    expect(looks).toEqual(['running', 'poor', 'waiting', 'away', 'refused', 'off']);
  });
  it('stand alone from near, joined from afar, and a group says how its members are', () => {
    const points = placed([channel('a', 30.2, 120.1), channel('b', 30.2005, 120.1, 'offline'), channel('nowhere', null, null)]);
    expect(points).toHaveLength(2);
    const [far, ...rest] = channelMarks(points, 10);
    expect(rest).toEqual([]);
    expect(far).toMatchObject({ kind: 'group', looks: { running: 1, away: 1 }, tight: false });
    expect(far && signOf(far)).toBe('g:2:12.0.12.0');
    expect(channelMarks(points, 17).map((m) => m.kind)).toEqual(['channel', 'channel']);
  });
  it('at one place stay one mark at any zoom, and say so', () => {
    const points = placed([channel('a', 30.2, 120.1), channel('b', 30.2, 120.1)]);
    for (const zoom of [10, 17, 21]) expect(channelMarks(points, zoom)).toMatchObject([{ kind: 'group', tight: true }]);
  });
});

describe('alerts', () => {
  const channels = [channel('a', 30.2, 120.1), channel('b', 30.2001, 120.1001), channel('c', 30.2002, 120.1), channel('lost', null, null)];
  const areas = readAreas({
    areas: [
      { id: 'd', name: 'D', kind: 'district', parent: null, people: [], lat: 30, lon: 120, polygon: [] },
      { id: 's', name: 'S', kind: 'street', parent: 'd', people: [], polygon: [[30.2, 120.1], [30.4, 120.1], [30.4, 120.3], [30.2, 120.3]] },
    ],
  }) as Area[];
  const where = new Whereabouts(channels, areas);

  it('that are critical are never joined with others, from however far', () => {
    const marks = alertMarks([alert('1', 'a', 'critical'), alert('2', 'b', 'critical'), alert('3', 'c', 'high'), alert('4', 'a', 'low')], where, 2);
    expect(marks.map((m) => [m.priority, m.alerts.map((a) => a.id)])).toEqual([
      ['high', ['3', '4']],
      ['critical', ['1']],
      ['critical', ['2']],
    ]);
  });
  it('of one channel are one mark with their number', () => {
    const [mark] = alertMarks([alert('1', 'a', 'critical'), alert('2', 'a', 'critical')], where, 18);
    expect(mark && signOf(mark)).toBe('a:critical:2:new:at');
  });
  it('stand in the middle of the nearest area with a place where their channel has none', () => {
    expect(where.of({ channel: 'lost', area: ['d', 's'] })).toMatchObject({ about: true, place: { lat: expect.closeTo(30.3), lon: expect.closeTo(120.2) } });
    expect(where.of({ channel: 'lost', area: ['d', 'x'] })).toMatchObject({ about: true, place: { lat: 30, lon: 120 } });
    expect(where.of({ channel: 'lost', area: ['x'] })).toBeNull();
    expect(where.of({ channel: 'a', area: ['d'] })?.about).toBe(false);
  });
  it('that are closed, shelved or no row are not there', () => {
    const gone = [alert('1', 'a', 'high', { state: 'closed' }), alert('2', 'a', 'high', { showing: { how: 'under' } }), alert('3', 'a', 'high', { shelved: { by: 'li', reason: 'rain', at: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z' } })];
    expect(alertMarks(gone, where, 12)).toEqual([]);
  });
  it('lie above channels under the pointer', () => {
    const marks = [...channelMarks(placed(channels), 18), ...alertMarks([alert('1', 'a', 'low')], where, 18)];
    expect(hit(marks, spotOf({ lat: 30.2, lon: 120.1 }), 18)?.kind).toBe('alert');
    expect(hit(marks, spotOf({ lat: 30.2001, lon: 120.1001 }), 18)?.kind).toBe('channel');
    expect(hit(marks, spotOf({ lat: 30.3, lon: 120.1 }), 18)).toBeNull();
  });
});

describe('what the gateway has for a map', () => {
  it('names no other host', () => {
    const plan = (image: string): object => ({ id: 'p', name: 'P', area: 'd', image, corners: [[2, 1], [2, 2], [1, 2], [1, 1]] });
    const read = (url: string, image: string) => readMap({ tiles: { url, attribution: 'A', min_zoom: 2, max_zoom: 9 }, bounds: [1, 2, 3, 4], plans: [plan(image)] });
    const good = read('/api/v1/map/tiles/{z}/{x}/{y}', '/api/v1/map/plans/p/image');
    expect(good).toMatchObject({ tiles: { minZoom: 2, maxZoom: 9 }, bounds: { south: 1, west: 2, north: 3, east: 4 }, plans: [{ id: 'p' }] });
    for (const bad of ['https://tiles.example/{z}/{x}/{y}', '//tiles.example/', 'javascript:alert(1)', '']) {
      expect(read(bad, bad)).toMatchObject({ tiles: null, plans: [] });
    }
    expect(readMap({ tiles: null, bounds: [1, 2, null], plans: [{ ...plan('/api/v1/map/x'), corners: [[2, 1], [99, 2]] }] })).toEqual({ tiles: null, bounds: null, plans: [] });
  });
});
