/*
 * Which alert was chosen last, in this window or in another one of this browser: a map on a second screen follows what
 * is worked on at the first. Only the id is told, and what it is the other window asks the gateway for.
 */
import { useEffect, useRef } from 'react';
import { useMatch } from 'react-router';
import { create } from 'zustand';

interface Chosen {
  alert: string | null;
  /** Grows with each choice: the same alert chosen again is shown again. */
  count: number;
}
export const useChosen = create<Chosen>()(() => ({ alert: null, count: 0 }));

/** Also for who wants to see again what is chosen already. */
export const take = (alert: string): void => useChosen.setState((s) => ({ alert, count: s.count + 1 }));
const NAME = 'skyeye.chosen';

/** Keeps the choice that stands in the address, and exchanges it with the other windows. */
export function useTellChoice(): void {
  const id = useMatch('/alerts/:id')?.params.id;
  const wire = useRef<BroadcastChannel | null>(null);
  useEffect(() => {
    if (typeof BroadcastChannel === 'undefined') return;
    const opened = new BroadcastChannel(NAME);
    opened.onmessage = (e: MessageEvent<unknown>) => {
      if (typeof e.data === 'string' && e.data !== '' && e.data.length <= 64) take(e.data);
    };
    wire.current = opened;
    return () => opened.close();
  }, []);
  const desk = useMatch('/') !== null;
  useEffect(() => {
    if (desk) useChosen.setState({ alert: null });
  }, [desk]);
  useEffect(() => {
    if (!id) return;
    take(id);
    wire.current?.postMessage(id);
  }, [id]);
}
