/*
 * Whether the desk is without its live feed: lost, never had, or over with the login. What stands there is old then, and nothing
 * new is heard of.
 */
import { useEffect, useState } from 'react';
import type { FeedState } from '../feed/feed';
import { useLive } from './live';
import { useSession } from './session';

/** After how long it is to be said; null where there is nothing to say. A feed that was never live is none, either. */
export function saidAfter(feed: FeedState, gone: boolean, patienceMs: number): number | null {
  if (gone || feed === 'ended') return 0;
  return feed === 'live' ? null : patienceMs;
}

export function useAway(patienceMs: number): boolean {
  const after = saidAfter(useLive((s) => s.feed.state), useSession((s) => s.gone), patienceMs);
  const [away, setAway] = useState(false);
  useEffect(() => {
    setAway(after === 0);
    if (after === null || after === 0) return;
    const id = setTimeout(() => setAway(true), after);
    return () => clearTimeout(id);
  }, [after]);
  return away;
}
