/* The list of channels: asked for once and again now and then; their health is kept up to date by the feed. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import type { Channel, Health, Zone } from '../api/channel';
import { api } from '../api/client';
import { setAreas, setHealth, useLive } from './live';
import { isLater } from './merge';

export function useChannels() {
  return useQuery({
    queryKey: ['channels'],
    queryFn: async () => {
      const channels = await api.channels();
      setHealth(channels.map((c) => c.health));
      const areas = new Map<string, string>();
      for (const c of channels) {
        if (c.area.length !== c.areaNames.length) continue;
        c.area.forEach((id, i) => areas.set(id, c.areaNames[i] ?? id));
      }
      setAreas(areas);
      return channels;
    },
    staleTime: 60_000,
    refetchInterval: 600_000,
  });
}

/**
 * An alert of an area that has no name here comes from a channel that was added since: the list is asked for again, once
 * for each such area, so that an operator need not read ids until it is asked for anyway.
 */
export function useNewAreas(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const asked = new Set<string>();
    return useLive.subscribe((now, before) => {
      if (now.arrival === before.arrival) return;
      const unknown = now.arrival.latest?.area.filter((id) => !now.areas.has(id) && !asked.has(id)) ?? [];
      if (unknown.length === 0) return;
      for (const id of unknown) asked.add(id);
      void queries.invalidateQueries({ queryKey: ['channels'] });
    });
  }, [queries]);
}

/** The names of an area's path, ids where no name is known. */
export function useAreaText(area: readonly string[]): string {
  const names = useLive((s) => s.areas);
  return area.map((id) => names.get(id) ?? id).join(' / ');
}

/** The zone of a channel as it is drawn now, as a list of one or none. */
export function useZone(channel: string, zone: string | null): Zone[] {
  const channels = useChannels();
  return useMemo(() => {
    if (zone === null) return [];
    return channels.data?.find((c) => c.id === channel)?.zones.filter((z) => z.id === zone) ?? [];
  }, [channels.data, channel, zone]);
}

/** The health that the feed tells, looked at no more often than this: ten thousand channels change all the time. */
function useHealthEvery(ms: number): ReadonlyMap<string, Health> {
  const [health, set] = useState(() => useLive.getState().health);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const take = (): void => {
      timer = null;
      set(useLive.getState().health);
    };
    take();
    const leave = useLive.subscribe((now, before) => {
      if (now.health !== before.health) timer ??= setTimeout(take, ms);
    });
    return () => {
      leave();
      if (timer !== null) clearTimeout(timer);
    };
  }, [ms]);
  return health;
}

/** A channel whose health did not change stays the very same object, so that its row is not drawn again. */
const joined = new WeakMap<Channel, Channel>();
function join(c: Channel, newer: Health | undefined): Channel {
  if (!newer || newer === c.health || isLater(c.health, newer)) return c;
  const before = joined.get(c);
  if (before?.health === newer) return before;
  const now = { ...c, health: newer };
  joined.set(c, now);
  return now;
}

/** Each channel with the newest health that is known of it. */
export function useHealthy(channels: readonly Channel[] | undefined, everyMs = 100): Channel[] {
  const health = useHealthEvery(everyMs);
  return useMemo(() => (channels ?? []).map((c) => join(c, health.get(c.id))), [channels, health]);
}
