/* Positions, their numbers and their handovers as the pages share them. */
import { useInfiniteQuery, useQuery, type QueryClient } from '@tanstack/react-query';
import { gatewayNow } from '../api/client';
import { handoverApi } from '../api/handover';
import { numbersApi } from '../api/numbers';

export function usePositions() {
  return useQuery({ queryKey: ['numbers', 'positions'], queryFn: numbersApi.positions, staleTime: 60_000 });
}

/** So many hours ago by the gateway's clock, which is the one that it counts by; null: the present shift. */
export const hoursAgo = (hours: number | null): number | null => (hours === null ? null : gatewayNow() - hours * 3_600_000);

/** `hours` null: the present shift. */
export function useNumbers(position: string, hours: number | null) {
  return useQuery({
    queryKey: ['numbers', position, hours],
    queryFn: () => numbersApi.numbers(position === '' ? null : position, hoursAgo(hours)),
    // A long span is dear to count and changes little.
    refetchInterval: hours === null || hours <= 24 ? 60_000 : 600_000,
    staleTime: hours === null ? 10_000 : 60_000,
  });
}

export function useHandoverNow(position: string) {
  return useQuery({ queryKey: ['handover-now', position], queryFn: () => handoverApi.now(position), enabled: position !== '', refetchInterval: 30_000, retry: false });
}

export function useHandover(id: number | null) {
  return useQuery({ queryKey: ['handovers', id], queryFn: () => handoverApi.get(id ?? 0), enabled: id !== null, retry: false });
}

const PAGE = 30;

export function useHandovers(position: string) {
  return useInfiniteQuery({
    queryKey: ['handovers', 'list', position],
    queryFn: ({ pageParam }) => handoverApi.list(position === '' ? null : position, pageParam, PAGE),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 30_000,
  });
}

/** After one was written, accepted or withdrawn. */
export async function refreshHandovers(queries: QueryClient): Promise<void> {
  await Promise.all([
    queries.invalidateQueries({ queryKey: ['handovers'] }),
    queries.invalidateQueries({ queryKey: ['handover-now'] }),
    queries.invalidateQueries({ queryKey: ['numbers'] }),
  ]);
}
