/* What people call the positions. Kept beside the query, so that a row of the queue reads a name and asks for nothing. */
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { create } from 'zustand';
import { deskApi, type Position } from '../api/desk';

/** By id, as far as they are known. */
const useNames = create<ReadonlyMap<string, string>>()(() => new Map());
const namesOf = (positions: readonly Position[]): [string, string][] => positions.map((p) => [p.id, p.name]);

/** Asks for them, once for every page; how the positions stand is asked for by whoever shows it. */
export function usePositionNames(): void {
  const { data } = useQuery({ queryKey: ['positions'], queryFn: deskApi.positions, select: namesOf, staleTime: 60_000, retry: false });
  useEffect(() => {
    if (data) useNames.setState(new Map(data), true);
  }, [data]);
}

/** A position's name; its id while that is not known. */
export function usePositionName(id: string): string {
  return useNames((names) => names.get(id) ?? id);
}
