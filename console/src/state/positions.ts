/*
 * How the positions stand, asked for again every few seconds and soon after alerts came in; which one this desk looks at,
 * in the address and remembered, and on pages without a queue; and which digests were put away here.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { create } from 'zustand';
import { deskApi, type Position } from '../api/desk';
import { useLive } from './live';
import { keep, recall } from './prefs';

const EVERY_MS = 5000;
const SOON_MS = 1000;
const KEY = ['positions'];

export function usePositions(): readonly Position[] {
  const queries = useQueryClient();
  const query = useQuery({ queryKey: KEY, queryFn: deskApi.positions, refetchInterval: EVERY_MS, retry: false });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const leave = useLive.subscribe((now, before) => {
      if (now.order === before.order || document.visibilityState !== 'visible') return;
      timer ??= setTimeout(() => {
        timer = null;
        void queries.invalidateQueries({ queryKey: KEY });
      }, SOON_MS);
    });
    return () => {
      leave();
      if (timer !== null) clearTimeout(timer);
    };
  }, [queries]);
  return query.data ?? NONE;
}
const NONE: readonly Position[] = [];

/** This window's position; another window may have chosen another one since. */
const useChosen = create<{ position: string }>()(() => ({ position: recall('position') ?? '' }));

/**
 * The position that the desk is for, on every page: for it is counted and heard. All of them until it is known to be there, for
 * silence about a position that has another name now would be wrong.
 */
export function useDeskPosition(): string {
  const wanted = useChosen((s) => s.position);
  const there = useQuery({ queryKey: KEY, queryFn: deskApi.positions, select: (all) => all.some((p) => p.id === wanted), enabled: wanted !== '', retry: false });
  return there.data === true ? wanted : '';
}

/** The position that is looked at, empty for every one; where the address names none, the one of last time. */
export function usePosition(known: readonly Position[]): [string, (next: string) => void] {
  const [params, setParams] = useSearchParams();
  const named = params.get('position');
  const remembered = useChosen((s) => s.position);
  useEffect(() => {
    if (named === null) return;
    keep('position', named);
    useChosen.setState({ position: named });
  }, [named]);
  const wanted = named ?? remembered;
  // A position that has another name now would show an empty desk for ever.
  const position = known.length === 0 || known.some((p) => p.id === wanted) ? wanted : '';
  const choose = useCallback(
    (next: string): void => {
      keep('position', next);
      useChosen.setState({ position: next });
      setParams(
        (p) => {
          if (next === '') p.delete('position');
          else p.set('position', next);
          return p;
        },
        { replace: true },
      );
    },
    [setParams],
  );
  return [position, choose];
}

/** The digests that nobody has put away here, and putting one away. */
export function useDigests(positions: readonly Position[]): [readonly Position[], (p: Position) => void] {
  const [away, setAway] = useState(0);
  const open = positions.filter((p) => p.digest && !p.flood && recall(`digest.${p.id}`) !== String(p.digest.until));
  const dismiss = (p: Position): void => {
    keep(`digest.${p.id}`, String(p.digest?.until ?? ''));
    setAway(away + 1);
  };
  return [open, dismiss];
}
