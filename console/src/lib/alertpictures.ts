/* Which pictures of an alert tell most: how it began, where most is to be seen, and how it is now. Pure. */
import type { Alert, Media } from '../api/types';
import type { Happening } from '../state/merge';

export const WHICH = ['first', 'best', 'latest'] as const;
export type Which = (typeof WHICH)[number];

export interface Shot {
  /** The event whose picture it is. */
  event: string;
  which: Which[];
  seen: number;
  picture: Media;
  /** The surest object in this very picture, 0 to 1; null where nothing is marked. */
  score: number | null;
}

function surest(picture: Media): number | null {
  return picture.objects.reduce<number | null>((best, o) => (best === null || o.score > best ? o.score : best), null);
}

/**
 * In order of time, each picture once with all that it is. An event has the picture of its start and few further ones;
 * `groups` are the events that are known, so the best is the best of those.
 */
export function choosePictures(alert: Pick<Alert, 'firstEvent' | 'lastEvent'>, groups: readonly Happening[]): Shot[] {
  const shots = groups.flatMap((g) =>
    g.pictures.map((picture): Shot => ({ event: g.id, which: [], seen: Number.isFinite(picture.seen) ? picture.seen : g.seen, picture, score: surest(picture) })),
  );
  shots.sort((a, b) => a.seen - b.seen);
  const first = shots.find((s) => s.event === alert.firstEvent) ?? shots[0];
  const latest = shots.findLast((s) => s.event === alert.lastEvent) ?? shots[shots.length - 1];
  // Of equals the earlier one: it is the one that raised the alert.
  const best = shots.reduce<Shot | null>((top, s) => (s.score !== null && (top?.score ?? -1) < s.score ? s : top), null);
  first?.which.push('first');
  best?.which.push('best');
  latest?.which.push('latest');
  return shots.filter((s) => s.which.length > 0);
}
