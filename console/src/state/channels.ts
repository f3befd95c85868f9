/* The list of channels: asked for once and again now and then; their health is kept up to date by the feed. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import type { Channel, Health } from '../api/types';
import { setAreas, setHealth, useLive } from './live';

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

/** The names of an area's path, ids where no name is known. */
export function useAreaText(area: readonly string[]): string {
  const names = useLive((s) => s.areas);
  return area.map((id) => names.get(id) ?? id).join(' / ');
}

/** Each channel with the newest health that is known of it. */
export function useHealthy(channels: readonly Channel[] | undefined): Channel[] {
  const health = useLive((s) => s.health);
  return useMemo(
    () =>
      (channels ?? []).map((c) => {
        const newer: Health | undefined = health.get(c.id);
        return newer && !(newer.at < c.health.at) ? { ...c, health: newer } : c;
      }),
    [channels, health],
  );
}
