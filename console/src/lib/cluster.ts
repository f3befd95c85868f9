/*
 * What stands too close together on the screen becomes one. Greedy and stable: the first in order takes what is within
 * reach and not taken yet. A grid of cells as wide as the reach keeps ten thousand points to milliseconds. Pure.
 */
import type { Spot } from './mercator';

export interface Group<T> {
  members: T[];
  /** The mean of its members. */
  at: Spot;
}

/** `reach` in world coordinates; 0 joins only what stands at the very same place. */
export function grouped<T extends { at: Spot }>(points: readonly T[], reach: number): Group<T>[] {
  if (reach <= 0) return stacked(points);
  const cells = new Map<number, number[]>();
  // World coordinates are below 1 and the reach is some pixels of them: at the finest zoom 1e15, which a number holds.
  const columns = Math.ceil(1 / reach) + 3;
  const cell = (x: number, y: number): number => Math.floor(y / reach) * columns + Math.floor(x / reach);
  points.forEach(({ at: [x, y] }, i) => {
    const c = cell(x, y);
    const there = cells.get(c);
    if (there) there.push(i);
    else cells.set(c, [i]);
  });
  const taken = new Uint8Array(points.length);
  const out: Group<T>[] = [];
  points.forEach((p, i) => {
    if (taken[i]) return;
    taken[i] = 1;
    const members = [p];
    let [sx, sy] = p.at;
    for (let dy = -1; dy <= 1; dy += 1) {
      for (let dx = -1; dx <= 1; dx += 1) {
        const c = cell(p.at[0], p.at[1]) + dy * columns + dx;
        const there = cells.get(c);
        if (!there) continue;
        const left: number[] = [];
        for (const j of there) {
          if (taken[j]) continue;
          const q = points[j] as T;
          if (Math.hypot(q.at[0] - p.at[0], q.at[1] - p.at[1]) > reach) left.push(j);
          else {
            taken[j] = 1;
            members.push(q);
            sx += q.at[0];
            sy += q.at[1];
          }
        }
        // What is taken is not looked at again: else a crowd in one cell would cost its square.
        cells.set(c, left);
      }
    }
    out.push({ members, at: [sx / members.length, sy / members.length] });
  });
  return out;
}

function stacked<T extends { at: Spot }>(points: readonly T[]): Group<T>[] {
  const out = new Map<string, Group<T>>();
  for (const p of points) {
    const key = p.at.join();
    const there = out.get(key);
    if (there) there.members.push(p);
    else out.set(key, { members: [p], at: p.at });
  }
  return [...out.values()];
}
