/* Areas, credentials and the revision of the inventory, and following what others change. */
import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { configure } from '../api/configure';

const REVISION_MS = 15_000;

/** Loads channels and areas anew when somebody, anywhere, has changed the inventory. */
export function useFollowInventory(on: boolean): void {
  const queries = useQueryClient();
  const seen = useRef<number | null>(null);
  const query = useQuery({
    queryKey: ['inventory-rev'],
    queryFn: async () => (await configure.revisions(null, 1)).rev,
    enabled: on,
    refetchInterval: (q) => (q.state.status === 'error' ? 8 * REVISION_MS : REVISION_MS),
    retry: false,
  });
  useEffect(() => {
    if (query.data === undefined) return;
    if (seen.current !== null && seen.current !== query.data) refreshInventory(queries);
    seen.current = query.data;
  }, [query.data, queries]);
}

/** After a change: everything that shows channels, areas, credentials or revisions asks again. */
export function refreshInventory(queries: QueryClient): void {
  for (const key of ['channels', 'channel', 'areas', 'credentials', 'revisions', 'inventory-rev', 'channel-log', 'rules', 'timetables']) {
    void queries.invalidateQueries({ queryKey: [key] });
  }
}

export function useAreas(on = true) {
  return useQuery({ queryKey: ['areas'], queryFn: configure.areas, staleTime: 60_000, enabled: on, retry: false });
}

export function useCredentials(on = true) {
  return useQuery({ queryKey: ['credentials'], queryFn: configure.credentials, staleTime: 30_000, enabled: on, retry: false });
}
