/* Finding, sorting and choosing among many channels, and the tree of areas above them. */
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { afterEach, describe, expect, it } from 'vitest';
import { ALL, filterChannels, filterFrom, filterTo, indexChannels, type Filter } from '../src/lib/channelfilter';
import { bulkPreview, changeable } from '../src/lib/bulkpreview';
import { runningShare, stretches } from '../src/lib/timeline';
import { areaChoices, areaRows, buildTree, countTree, NO_AREA, wayText } from '../src/state/areas';
import { useHealthy } from '../src/state/channels';
import { reset, setHealth } from '../src/state/live';
import { addAll, dropAll, NOTHING, range, toggle } from '../src/state/selection';
import { areas, channel } from './channelfixtures';

const dark = [{ kind: 'dark', since: '2026-11-22T08:00:00Z', reason: '' }];
const some = [
  channel('c1', { name: '东门 2', tags: ['学校'], external_id: '33010600001320000001', host: '10.0.0.1' }),
  channel('c2', { name: '东门 10', host: '10.0.0.2', area: [], area_names: [] }, { state: 'offline' }),
  channel('c3', { name: '西门', host: '10.0.0.1' }, { state: 'disabled' }),
  channel('c4', { name: '桥', host: '10.0.0.10' }, { conditions: dark, kbit_s: 900 }),
];
const index = indexChannels(some);
const find = (part: Partial<Filter>): string[] => filterChannels(some, index, { ...ALL, ...part }).channels.map((c) => c.id);

describe('the filter', () => {
  it('finds by name, id, external number, host, tag and area', () => {
    expect(find({ search: '东门' })).toEqual(['c1', 'c2']);
    expect(find({ search: 'C3' })).toEqual(['c3']);
    expect(find({ search: '0000132' })).toEqual(['c1']);
    expect(find({ search: '10.0.0.10' })).toEqual(['c4']);
    expect(find({ search: '学校' })).toEqual(['c1']);
    expect(find({ search: 'street 桥' })).toEqual(['c4']);
    expect(find({ search: 'nothing' })).toEqual([]);
  });

  it('takes host, tag, area, state and condition together', () => {
    expect(find({ host: '10.0.0.1' })).toEqual(['c1', 'c3']);
    expect(find({ host: '10.0.0.1', tag: '学校' })).toEqual(['c1']);
    expect(find({ area: NO_AREA })).toEqual(['c2']);
    expect(find({ area: 's' })).toEqual(['c1', 'c3', 'c4']);
    expect(find({ state: 'away' })).toEqual(['c2']);
    expect(find({ condition: 'any' })).toEqual(['c4']);
    expect(find({ condition: 'frozen' })).toEqual([]);
  });

  it('counts states of what the rest lets through', () => {
    const shown = filterChannels(some, index, { ...ALL, host: '10.0.0.1', state: 'running' });
    expect([shown.all, shown.away, [...shown.states]]).toEqual([2, 0, [['running', 1], ['disabled', 1]]]);
  });

  it('sorts: numbers in names count as numbers, trouble comes first', () => {
    expect(find({ sort: 'name', search: '东门' })).toEqual(['c1', 'c2']);
    expect(find({ sort: 'state' })[0]).toBe('c2');
    expect(find({ sort: 'state' })[1]).toBe('c4');
    expect(find({ sort: 'rate', down: true })[0]).toBe('c4');
    expect(find({ sort: 'order', down: true })).toEqual(['c4', 'c3', 'c2', 'c1']);
    expect(find({ sort: 'host' }).at(-1)).toBe('c4');
  });

  it('offers the most frequent hosts and tags', () => {
    expect(index.hosts[0]).toEqual({ value: '10.0.0.1', count: 2 });
    expect(index.tags).toEqual([{ value: '学校', count: 1 }]);
  });

  it('stands in the address and comes back from it', () => {
    const f: Filter = { search: 'a b', state: 'away', condition: 'any', host: 'h', tag: 't', area: '', sort: 'rate', down: true };
    expect(filterFrom(filterTo(f))).toEqual(f);
    expect(filterTo(ALL).toString()).toBe('');
    expect(filterFrom(new URLSearchParams('state=toString&sort=x&condition='))).toEqual(ALL);
  });

  it('goes through ten thousand channels in a moment', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => channel(`m${i}`, { name: `Gate ${i}`, host: `10.0.${i % 40}.1` }));
    const found = filterChannels(many, indexChannels(many), { ...ALL, search: 'gate 99', sort: 'name' });
    expect(found.channels).toHaveLength(280);
    expect(found.channels[0]?.id).toBe('m99');
  });
});

describe('choosing', () => {
  const order = ['a', 'b', 'c', 'd', 'e'];
  const ids = (s: { ids: ReadonlySet<string> }): string => [...s.ids].sort().join('');
  it('takes a range from the anchor, either way, as often as one likes', () => {
    const one = toggle(NOTHING, 'c');
    expect(ids(range(one, order, 'e'))).toBe('cde');
    expect(ids(range(range(one, order, 'e'), order, 'a'))).toBe('abcde');
    expect(range(one, order, 'a').anchor).toBe('c');
  });
  it('takes a range away where the anchor was taken away', () => {
    const all = addAll(NOTHING, order);
    expect(ids(range(toggle(all, 'b'), order, 'd'))).toBe('ae');
  });
  it('begins anew where the anchor is not shown any more', () => {
    expect(ids(range({ ids: new Set(['z']), anchor: 'z' }, order, 'b'))).toBe('bz');
    expect(range(NOTHING, order, 'zz')).toBe(NOTHING);
  });
  it('lets go of what is shown and keeps the rest', () => expect(ids(dropAll(addAll(NOTHING, [...order, 'z']), order))).toBe('z'));
});

describe('the tree', () => {
  const list = areas([
    { id: 'd', name: 'District' },
    { id: 's2', name: 'Street 10', parent: 'd' },
    { id: 's1', name: 'Street 9', parent: 'd', people: [{ name: '王建国', phone: '138' }] },
    { id: 'g', name: 'Grid', parent: 's1' },
  ]);
  const tree = buildTree(list, some);
  it('hangs areas on each other, in order, and takes in those that only channels name', () => {
    expect(tree.roots.map((r) => [r.id, r.children.map((c) => c.id)])).toEqual([['d', ['s', 's1', 's2']]]);
    expect(tree.loose).toBe(true);
    expect(wayText(tree, 'g')).toBe('District / Street 9 / Grid');
    expect(areaChoices(tree).map((a) => a.depth)).toEqual([0, 1, 1, 2, 1]);
  });
  it('shows what is open, or what a search finds with the way to it', () => {
    expect(areaRows(tree, new Set(), '').map((r) => r.node.id)).toEqual(['d']);
    expect(areaRows(tree, new Set(['d']), '').map((r) => `${r.node.id}${r.place}/${r.of}`)).toEqual(['d1/1', 's1/3', 's12/3', 's23/3']);
    expect(areaRows(tree, new Set(), 'grid').map((r) => r.node.id)).toEqual(['d', 's1', 'g']);
    expect(areaRows(tree, new Set(), '王建国').map((r) => r.node.id)).toEqual(['d', 's1']);
  });
  it('does not go round in rings, nor lose what hangs in one', () => {
    const ring = buildTree(areas([{ id: 'a', parent: 'b' }, { id: 'b', parent: 'a' }, { id: 'c', parent: 'c' }, { id: 'x', parent: 'gone' }, { id: 'y', parent: 'a' }]), []);
    const seen = areaRows(ring, new Set(['a', 'b', 'c', 'x', 'y']), '').map((r) => r.node.id);
    expect([...seen].sort()).toEqual(['a', 'b', 'c', 'x', 'y']);
  });
  it('counts what does not run, at every level', () => {
    const counts = countTree(some);
    expect([counts.get('d'), counts.get('s'), counts.get(NO_AREA)]).toEqual([
      { channels: 3, away: 0 },
      { channels: 3, away: 0 },
      { channels: 1, away: 1 },
    ]);
  });
});

describe('the health in a list', () => {
  afterEach(() => reset());
  const listed = channel('c1', {}, { at: '2026-11-22T09:00:00Z', uptime_ms: 1000, state: 'running' });
  const shown = (): string => {
    const One = (): string => useHealthy([listed]).map((c) => c.health.state).join();
    return renderToStaticMarkup(createElement(One));
  };
  const told = (part: Record<string, unknown>): void => setHealth([channel('c1', {}, part).health]);

  it('is what was told since, also where the clock was set back in between', () => {
    expect(shown()).toBe('running');
    told({ at: '2026-11-22T08:00:10Z', uptime_ms: 11_000, state: 'offline' });
    expect(shown()).toBe('offline');
  });

  it('is what the list says where that is newer', () => {
    told({ at: '2026-11-22T10:00:00Z', uptime_ms: 500, state: 'offline' });
    expect(shown()).toBe('running');
  });
});

describe('a bulk action', () => {
  it('leaves channels of the file alone', () => {
    const mixed = [channel('a'), channel('b', { origin: 'file' })];
    expect([changeable(mixed).free.length, changeable(mixed).fixed.length]).toEqual([1, 1]);
  });
  it('says what changes and what is so already', () => {
    const list = [channel('a', { transport: 'udp' }), channel('b'), channel('c')];
    expect(bulkPreview(list, { transport: 'udp' })).toMatchObject({ same: 1, field: 'transport', after: 'udp', before: [{ value: 'tcp', count: 2 }] });
    expect(bulkPreview(list, 'remove').changing).toHaveLength(3);
    expect(bulkPreview(list, { credential: 'x' }).changing).toHaveLength(3);
    const tagged = [channel('a', { tags: ['x'] }), channel('b', { tags: ['x', 'y'] })];
    expect(bulkPreview(tagged, { add_tags: ['x'], remove_tags: ['y'] })).toMatchObject({ same: 1, after: '+x −y' });
    expect(bulkPreview([channel('a'), channel('b', { area: ['d'], area_names: ['D'] })], { area: 's' }).changing.map((c) => c.id)).toEqual(['b']);
  });
});

describe('the band of states', () => {
  const at = (h: number): number => h * 3_600_000;
  const changes = [
    { at: at(10), state: 'running' as const, reason: '' },
    { at: at(8), state: 'offline' as const, reason: 'a' },
    { at: at(9), state: 'offline' as const, reason: 'b' },
    { at: at(2), state: 'running' as const, reason: '' },
  ];
  it('is cut to the window and joins what is alike', () => {
    expect(stretches(changes, at(4), at(12)).map((s) => [s.state, s.from / at(1), s.to / at(1)])).toEqual([
      ['running', 4, 8],
      ['offline', 8, 10],
      ['running', 10, 12],
    ]);
    expect(runningShare(stretches(changes, at(4), at(12)))).toBe(0.75);
  });
  it('knows nothing of what was before', () => {
    expect(stretches(changes, at(0), at(4))).toHaveLength(1);
    expect(runningShare(stretches([], 0, 1))).toBeNull();
  });
});
