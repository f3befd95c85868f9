/*
 * Finding channels among ten thousand. What does not change with health (the text that is searched, the rank by name)
 * is made once a list and kept beside it; a pass over all channels then only compares. Pure.
 */
import { CHANNEL_STATES, CONDITIONS, type Channel, type ChannelState, type ConditionKind } from '../api/channel';
import { isAway, NO_AREA } from '../state/areas';

export const SORTS = ['order', 'name', 'state', 'area', 'host', 'rate', 'since'] as const;
export type SortKey = (typeof SORTS)[number];

export interface Filter {
  search: string;
  /** `away`: neither running nor switched off. */
  state: ChannelState | 'away' | null;
  condition: ConditionKind | 'any' | null;
  host: string | null;
  tag: string | null;
  /** An id; `NO_AREA` for channels without one. */
  area: string | null;
  sort: SortKey;
  down: boolean;
}
export const ALL: Filter = { search: '', state: null, condition: null, host: null, tag: null, area: null, sort: 'order', down: false };

interface Entry {
  hay: string;
  order: number;
  name: number;
  area: number;
  host: number;
}
export interface Facet {
  value: string;
  count: number;
}
export interface ChannelIndex {
  entries: ReadonlyMap<string, Entry>;
  /** The most frequent first. */
  hosts: Facet[];
  tags: Facet[];
}

const NONE: Entry = { hay: '', order: 0, name: 0, area: 0, host: 0 };
/** More than this many nobody picks from a list: the search finds the rest. */
const MAX_FACETS = 200;

export function indexChannels(channels: readonly Channel[]): ChannelIndex {
  const collator = new Intl.Collator('zh-CN', { numeric: true });
  const ranks = (of: (c: Channel) => string): ReadonlyMap<string, number> => {
    const values = [...new Set(channels.map(of))].sort(collator.compare);
    return new Map(values.map((v, i) => [v, i]));
  };
  const area = (c: Channel): string => c.areaNames.join(' / ');
  const [names, areas, hosts] = [ranks((c) => c.name), ranks(area), ranks((c) => c.host)];
  const entries = new Map<string, Entry>();
  channels.forEach((c, order) => {
    const hay = [c.id, c.name, c.externalId, c.host, ...c.tags, ...c.areaNames].join('\n').toLowerCase();
    entries.set(c.id, {
      hay,
      order,
      name: names.get(c.name) ?? 0,
      area: areas.get(area(c)) ?? 0,
      host: hosts.get(c.host) ?? 0,
    });
  });
  return { entries, hosts: facets(channels.map((c) => c.host)), tags: facets(channels.flatMap((c) => c.tags)) };
}

function facets(values: readonly string[]): Facet[] {
  const counts = new Map<string, number>();
  for (const v of values) if (v !== '') counts.set(v, (counts.get(v) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, MAX_FACETS);
}

/** All but the state: so that the counts beside the states say what choosing one would show. */
function fits(c: Channel, entry: Entry, f: Filter, words: readonly string[]): boolean {
  if (f.area !== null && (f.area === NO_AREA ? c.area.length > 0 : !c.area.includes(f.area))) return false;
  if (f.host !== null && c.host !== f.host) return false;
  if (f.tag !== null && !c.tags.includes(f.tag)) return false;
  if (f.condition !== null) {
    const has = f.condition === 'any' ? c.health.conditions.length > 0 : c.health.conditions.some((x) => x.kind === f.condition);
    if (!has) return false;
  }
  return words.every((w) => entry.hay.includes(w));
}

export interface Shown {
  channels: Channel[];
  /** By state, of what the rest of the filter lets through. */
  states: ReadonlyMap<ChannelState, number>;
  away: number;
  all: number;
}

const STATE_RANK = new Map<ChannelState, number>(
  // What needs somebody comes first.
  ['misconfigured', 'auth_failed', 'refused', 'unreachable', 'offline', 'stalled', 'connecting', 'running', 'disabled'].map((s, i) => [s as ChannelState, i]),
);

export function filterChannels(channels: readonly Channel[], index: ChannelIndex, f: Filter): Shown {
  const words = f.search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const states = new Map<ChannelState, number>();
  const found: { c: Channel; e: Entry }[] = [];
  let away = 0;
  let all = 0;
  for (const c of channels) {
    const e = index.entries.get(c.id) ?? NONE;
    if (!fits(c, e, f, words)) continue;
    all += 1;
    states.set(c.health.state, (states.get(c.health.state) ?? 0) + 1);
    if (isAway(c)) away += 1;
    if (f.state === null || f.state === c.health.state || (f.state === 'away' && isAway(c))) found.push({ c, e });
  }
  const by: Record<SortKey, (x: { c: Channel; e: Entry }) => number> = {
    order: (x) => x.e.order,
    name: (x) => x.e.name,
    state: (x) => (STATE_RANK.get(x.c.health.state) ?? 99) * 2 + (x.c.health.conditions.length > 0 ? 0 : 1),
    area: (x) => x.e.area,
    host: (x) => x.e.host,
    rate: (x) => x.c.health.kbitS,
    since: (x) => (Number.isFinite(x.c.health.since) ? -x.c.health.since : 0),
  };
  const key = by[f.sort];
  const sign = f.down ? -1 : 1;
  if (f.sort !== 'order' || f.down) found.sort((a, b) => sign * (key(a) - key(b)) || a.e.name - b.e.name || a.e.order - b.e.order);
  return { channels: found.map((x) => x.c), states, away, all };
}

/** The filter as it stands in the page's address, so that going back finds it again. */
export function filterFrom(params: URLSearchParams): Filter {
  const one = <T extends string>(key: string, all: readonly T[]): T | null => all.find((x) => x === params.get(key)) ?? null;
  return {
    search: params.get('q') ?? '',
    state: one('state', ['away', ...CHANNEL_STATES]),
    condition: one('condition', ['any', ...CONDITIONS]),
    host: params.get('host') || null,
    tag: params.get('tag') || null,
    area: params.get('area'),
    sort: one('sort', SORTS) ?? 'order',
    down: params.get('down') === '1',
  };
}
export function filterTo(f: Filter): URLSearchParams {
  const params = new URLSearchParams();
  const put = (key: string, value: string | null): void => {
    if (value !== null) params.set(key, value);
  };
  put('q', f.search || null);
  put('state', f.state);
  put('condition', f.condition);
  put('host', f.host);
  put('tag', f.tag);
  put('area', f.area);
  put('sort', f.sort === 'order' ? null : f.sort);
  put('down', f.down ? '1' : null);
  return params;
}

export function isAll(f: Filter): boolean {
  return f.search === '' && f.state === null && f.condition === null && f.host === null && f.tag === null && f.area === null;
}
