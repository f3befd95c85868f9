/* The list of channels: asked for once and again now and then; their health is kept up to date by the feed. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import type { Channel, Health } from '../api/types';
import { setHealth, useLive } from './live';

export function useChannels() {
  return useQuery({
    queryKey: ['channels'],
    queryFn: async () => {
      const channels = await api.channels();
      setHealth(channels.map((c) => c.health));
      return channels;
    },
    staleTime: 60_000,
    refetchInterval: 120_000,
  });
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
