/* What a bulk action will change, reckoned from what the list knows: the gateway has the last word. Pure. */
import type { Channel } from '../api/channel';
import type { BulkSet } from '../api/configure';

/** Channels of the file cannot be changed from here. */
export function changeable(chosen: readonly Channel[]): { free: Channel[]; fixed: Channel[] } {
  return { free: chosen.filter((c) => c.origin === 'inventory'), fixed: chosen.filter((c) => c.origin === 'file') };
}

export interface Preview {
  changing: Channel[];
  /** Channels that are so already. */
  same: number;
  field: string;
  after: string;
  /** What it is now, with how many; empty where the list does not tell. */
  before: { value: string; count: number }[];
}

export function bulkPreview(chosen: readonly Channel[], set: BulkSet | 'remove'): Preview {
  if (set === 'remove') return { changing: [...chosen], same: 0, field: '', after: '', before: [] };
  const told = now(set);
  const changing = told ? chosen.filter((c) => !told.is(c)) : [...chosen];
  const counts = new Map<string, number>();
  if (told) for (const c of changing) counts.set(told.says(c), (counts.get(told.says(c)) ?? 0) + 1);
  return {
    changing,
    same: chosen.length - changing.length,
    field: told?.field ?? '',
    after: told?.after ?? '',
    before: [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count),
  };
}

interface Told {
  field: string;
  after: string;
  is: (c: Channel) => boolean;
  says: (c: Channel) => string;
}
function now(set: BulkSet): Told | null {
  const { enabled, area, transport, add_tags, remove_tags } = set;
  if (enabled !== undefined) return { field: 'enabled', after: String(enabled), is: (c) => c.enabled === enabled, says: (c) => String(c.enabled) };
  if (area !== undefined) {
    return { field: 'area', after: area, is: (c) => c.area.at(-1) === area, says: (c) => c.areaNames.at(-1) ?? '' };
  }
  if (transport !== undefined) return { field: 'transport', after: transport, is: (c) => c.transport === transport, says: (c) => c.transport };
  if (add_tags || remove_tags) {
    const is = (c: Channel): boolean => (add_tags ?? []).every((x) => c.tags.includes(x)) && !(remove_tags ?? []).some((x) => c.tags.includes(x));
    const after = [...(add_tags ?? []).map((x) => `+${x}`), ...(remove_tags ?? []).map((x) => `−${x}`)].join(' ');
    return { field: 'tags', after, is, says: (c) => c.tags.join(' ') };
  }
  return null;
}
