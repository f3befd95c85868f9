/* Foreign JSON of the inventory and of discovery: read where it is right, refused where it is not, and nothing throws. */
import { describe, expect, it } from 'vitest';
import { readChannel, readHealth } from '../src/api/channel';
import { readBrands, readDiscovery, readProbe, readStarted } from '../src/api/discover';
import {
  readArea,
  readAreas,
  readBulk,
  readRevisionsOf,
  readCredentials,
  readPlan,
  readRev,
  readRevisionDetail,
  readRevisions,
  readStates,
  valueText,
  words,
} from '../src/api/inventory';
import { channel, planJson } from './channelfixtures';
import { healthJson } from './fixtures';

const NASTY: unknown[] = [null, undefined, 0, Number.NaN, '', 'x', [], [[]], {}, { id: {} }, { id: 'x'.repeat(65) }, { __proto__: null }, true];

describe('readers of the inventory', () => {
  it('never throw and never pass nonsense', () => {
    const readers = [readArea, readAreas, readBulk, readCredentials, readPlan, readRev, readRevisionDetail, readRevisions, readRevisionsOf, readStates];
    for (const read of [...readers, readBrands, readDiscovery, readProbe, readStarted]) for (const v of NASTY) expect(read(v), read.name).toBeNull();
  });

  it('survive each field of a plan being anything', () => {
    for (const key of Object.keys(planJson())) {
      for (const v of NASTY) {
        const plan = readPlan(planJson({ [key]: v }));
        if (plan === null) expect(key).toBe('kind');
        else for (const list of [plan.added, plan.changed, plan.removed, plan.refused, plan.mapping, plan.areasAdded, plan.notes]) expect(Array.isArray(list)).toBe(true);
      }
    }
  });

  it('take the kind in the singular and in the plural', () => {
    expect([readPlan(planJson())?.kind, readPlan(planJson({ kind: 'areas' }))?.kind]).toEqual(['channels', 'areas']);
  });

  it('keep ten thousand rows and more', () => {
    const added = Array.from({ length: 10_000 }, (_, i) => ({ row: i, id: `c${i}`, name: '', fields: [] }));
    expect(readPlan(planJson({ added }))?.added).toHaveLength(10_000);
  });

  it('make one line of text of any value', () => {
    expect([null, '', [], 3, true, ['a', 'b'], { a: 1 }].map(valueText)).toEqual([null, null, null, '3', 'true', 'a, b', '{"a":1}']);
    expect(valueText('x'.repeat(5000))?.length).toBe(500);
    // Lists of things keep their keys, cut as all that is foreign; of points it is enough how many.
    const zone = { field: 'zone', before: [], after: [{ id: 'yard', polygon: [[0, 0], [1, 0], [1, 1]], name: '' }] };
    const revision = readRevisionDetail({ rev: 1, changes: [{ kind: 'channel', id: 'a', op: 'change', fields: [zone, { field: 'tags', before: ['a'], after: ['b'] }] }] });
    expect(revision?.changes[0]?.fields.map((f) => f.things)).toEqual([{ before: [], after: [{ id: 'yard', polygon: '3', name: '' }] }, null]);
  });

  it('leave out of a revision what is no change', () => {
    const r = readRevisionDetail({ rev: 3, at: '2026-11-22T08:00:00Z', source: 'hacker', undone_by: 0, changes: [{ kind: 'zebra', op: 'add' }, { kind: 'area', op: 'add', id: 'a' }] });
    expect([r?.source, r?.undoneBy, r?.changes]).toEqual([null, null, [{ kind: 'area', op: 'add', id: 'a', fields: [] }]]);
  });

  it('leave out states without a time or a name', () => {
    const states = [{ at: '2026-11-22T08:00:00Z', state: 'running' }, { at: 'soon', state: 'running' }, { at: '2026-11-22T08:00:00Z', state: 'melted' }];
    expect(readStates({ states })).toHaveLength(1);
  });

  it('take a channel of an older gateway as one of the file, without conditions', () => {
    const c = readChannel({ id: 'c', health: healthJson() });
    expect([c?.origin, c?.enabled, c?.tags, c?.place, c?.config, c?.health.conditions]).toEqual(['file', true, [], null, null, []]);
  });

  it('read what a channel gained', () => {
    const c = channel('c', { tags: ['学校', 7], lat: 30.1, lon: 120.2, main: true, config: { url: 'rtsp://h/', area: null, weight: 0.5, lat: null } });
    expect([c.tags, c.place, c.main, c.config?.area, c.config?.weight, c.config?.rev]).toEqual([['学校'], { lat: 30.1, lon: 120.2 }, true, '', 0.5, 0]);
    expect(channel('c', { lat: 300, lon: 0 }).place).toBeNull();
  });

  it('know only conditions that there are', () => {
    const conditions = [{ kind: 'dark', since: 'x', reason: 'r' }, { kind: 'constructor' }, 'dark'];
    expect(readHealth(healthJson({ conditions }))?.conditions.map((c) => c.kind)).toEqual(['dark']);
  });
});

describe('readers of discovery', () => {
  it('number streams as the gateway does, whatever is left out', () => {
    const probe = readProbe({ done: true, steps: [{ text: 'a' }, 7, 'b'], streams: [null, { url: 'rtsp://h/2', kind: 'sub' }, { kind: 'odd' }] });
    expect(probe?.steps).toEqual(['a', 'b']);
    expect(probe?.streams.map((s) => [s.index, s.kind])).toEqual([[1, 'sub'], [2, '']]);
  });
  it('find nobody without an address', () => {
    expect(readDiscovery({ done: false, found: [{ address: '' }, { address: '10.0.0.1', known: ['a'] }] })?.found).toHaveLength(1);
  });
});

describe('tags', () => {
  it('are typed with any sign between them', () => expect(words(' a，b、 c;a ')).toEqual(['a', 'b', 'c']));
});
