/*
 * Points on a channel's picture, in shares of its width and height: x to the right, y down. Pure.
 * What has to look right-angled is reckoned in the picture's own proportions (`ratio`: width by height).
 */
export type Pt = readonly [number, number];

const unit = (v: number): number => Math.min(1, Math.max(0, v));
/** Four places are a fifth of a pixel of a 4K picture. */
const short = (v: number): number => Math.round(unit(v) * 1e4) / 1e4;

/** Inside the picture, and not longer than needed. */
export const tidy = ([x, y]: Pt): Pt => [short(x), short(y)];
export const same = (a: Pt, b: Pt): boolean => a[0] === b[0] && a[1] === b[1];
export const between = (a: Pt, b: Pt, at = 0.5): Pt => tidy([a[0] + (b[0] - a[0]) * at, a[1] + (b[1] - a[1]) * at]);

/** How far two points are from each other, in heights of the picture. */
export function distance(a: Pt, b: Pt, ratio: number): number {
  return Math.hypot((a[0] - b[0]) * ratio, a[1] - b[1]);
}

/** All points moved by the same, as far as all of them stay on the picture. */
export function shift(points: readonly Pt[], dx: number, dy: number): Pt[] {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const x = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  const y = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  return points.map((p) => tidy([p[0] + x, p[1] + y]));
}

/** The mean of the points: where a shape is taken hold of. */
export function middle(points: readonly Pt[]): Pt {
  const n = Math.max(1, points.length);
  return tidy([points.reduce((s, p) => s + p[0], 0) / n, points.reduce((s, p) => s + p[1], 0) / n]);
}

/** The area that a polygon encloses, as a share of the picture. */
export function areaOf(points: readonly Pt[]): number {
  let twice = 0;
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length] as Pt;
    twice += a[0] * b[1] - b[0] * a[1];
  });
  return Math.abs(twice) / 2;
}

const side = (a: Pt, b: Pt, c: Pt): number => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

function cross(a: Pt, b: Pt, c: Pt, d: Pt): boolean {
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/** Whether an edge of the polygon crosses another: then what is inside is not what it looks like. */
export function crossesItself(points: readonly Pt[]): boolean {
  const n = points.length;
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 2; j < n; j += 1) {
      if (i === 0 && j === n - 1) continue;
      if (cross(points[i] as Pt, points[i + 1] as Pt, points[j] as Pt, points[(j + 1) % n] as Pt)) return true;
    }
  }
  return false;
}

/** A short arrow in the middle of a line to the side to which `forward` goes: the right hand of who walks along it. */
export interface Arrow {
  from: Pt;
  to: Pt;
  /** The two ends of its head. */
  head: [Pt, Pt];
}
export function forwardArrow(points: readonly Pt[], ratio: number, length = 0.09): Arrow | null {
  let best: { a: Pt; b: Pt; long: number } | null = null;
  for (let i = 0; i + 1 < points.length; i += 1) {
    const a = points[i] as Pt;
    const b = points[i + 1] as Pt;
    const long = distance(a, b, ratio);
    if (!best || long > best.long) best = { a, b, long };
  }
  if (!best || best.long === 0) return null;
  const { a, b, long } = best;
  // A quarter turn clockwise as it is seen: to the right of the way from a to b, where y goes down.
  const nx = -(b[1] - a[1]) / long;
  const ny = ((b[0] - a[0]) * ratio) / long;
  const from: Pt = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const at = (along: number, aside: number): Pt => [
    from[0] + (nx * along - ny * aside) / ratio,
    from[1] + ny * along + nx * aside,
  ];
  const wing = length * 0.32;
  return { from, to: at(length, 0), head: [at(length - wing, wing), at(length - wing, -wing)] };
}
