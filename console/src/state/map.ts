/* What the map shows: the gateway's tiles and plans, and everything that has a place, with what is known of it now. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { api } from '../api/client';
import { mapInfo } from '../api/map';
import type { Alert } from '../api/types';
import { useChosen } from './chosen';
import { useAreas } from './inventory';
import { absorb, useLive } from './live';

export function useMapInfo() {
  return useQuery({ queryKey: ['map'], queryFn: mapInfo, staleTime: 600_000 });
}

const NONE: never[] = [];
export function useAreasOfMap() {
  const { data, isPending } = useAreas();
  return { areas: data ?? NONE, areasPending: isPending };
}

/** The alert that was chosen last, here or in another window; one that is not known here is asked for. */
export function useChosenAlert(): { alert: Alert | null; count: number } {
  const { alert: id, count } = useChosen();
  const alert = useLive((s) => (id === null ? undefined : s.alerts.get(id))) ?? null;
  const asked = useQuery({
    queryKey: ['alert', id],
    queryFn: () => api.alert(id ?? ''),
    enabled: id !== null && alert === null,
    retry: false,
  });
  useEffect(() => {
    if (asked.data) absorb([asked.data.alert]);
  }, [asked.data]);
  return useMemo(() => ({ alert, count }), [alert, count]);
}
