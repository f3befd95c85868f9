/*
 * What belongs to an alert: what is counted under its row, and what shares its incident. Asked for when the alert is
 * looked at and again, at most once a second, while the feed tells of more.
 *
 * The cache keeps a query, with the functions that it was asked by, for a minute after nobody looks at it any more, and a
 * function keeps whatever any function that was made beside it uses. So those of a query that every choice makes anew
 * are made here, where there is nothing but ids: made beside the live alerts they kept all of them, once a choice.
 */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { deskApi } from '../api/desk';
import type { Alert } from '../api/types';
import { absorb, useLive, type Live } from './live';

const SOON_MS = 1000;

interface Numbers {
  /** Counted under the lead. */
  under: number;
  /** Known here of the incident. */
  sharing: number;
}
export interface Members extends Numbers {
  alerts: Alert[];
  /** There are more than were listed. */
  more: boolean;
}

/** How many are known of each incident. Counted once a list. */
function sharings(order: Live['order']): ReadonlyMap<string, number> {
  const known = counted.get(order);
  if (known) return known;
  const found = new Map<string, number>();
  for (const { incident } of order) if (incident !== null) found.set(incident, (found.get(incident) ?? 0) + 1);
  counted.set(order, found);
  return found;
}
const counted = new WeakMap<Live['order'], ReadonlyMap<string, number>>();

function numbers(live: Live, lead: string | null, incident: string | null): Numbers {
  return {
    under: lead === null ? 0 : (live.alerts.get(lead)?.handling.under ?? 0),
    sharing: incident === null ? 0 : (sharings(live.order).get(incident) ?? 0),
  };
}

/** With the numbers as they were when it was asked: others tell that there is more by now. */
async function load(lead: string | null, incident: string | null): Promise<Members> {
  const then = numbers(useLive.getState(), lead, incident);
  const pages = await Promise.all([
    lead === null ? null : deskApi.members({ under: lead }),
    incident === null ? null : deskApi.members({ incident }),
  ]);
  const found = new Map(pages.flatMap((p) => p?.alerts ?? []).map((a) => [a.id, a]));
  return { ...then, alerts: [...found.values()], more: pages.some((p) => p !== null && p.next !== null) };
}

/** `lead`: the row whose alerts are asked for, null where it has none. */
export function useMembers(lead: string | null, incident: string | null) {
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: ['members', lead, incident],
    placeholderData: keepPreviousData,
    queryFn: () => load(lead, incident),
  });
  const { data } = query;
  useEffect(() => {
    if (data) absorb(data.alerts);
  }, [data]);
  const now = useLive(useShallow((s) => numbers(s, lead, incident)));
  const grown = data !== undefined && (data.under !== now.under || data.sharing !== now.sharing);
  useEffect(() => {
    if (!grown) return;
    const timer = setTimeout(() => void queries.invalidateQueries({ queryKey: ['members', lead, incident] }), SOON_MS);
    return () => clearTimeout(timer);
  }, [grown, data, lead, incident, queries]);
  return query;
}
