/*
 * Where the words of the boxes go. In a crowd they would lie on each other and hide the people: each word goes above,
 * below or into its box, where it lies on no other word and if possible on nobody else; a box that has no such place
 * goes without. Pure, in pixels of the picture.
 */
export interface Place {
  left: number;
  top: number;
  width: number;
}
export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface Wanted {
  box: Rect;
  /** Widths of the texts to try, the best first. */
  widths: readonly number[];
  /** The surest is placed first. */
  score: number;
}
export interface Found extends Place {
  /** Which of the widths it is. */
  text: number;
}

const overlap = (a: Rect, b: Rect): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

export function placeLabels(
  wanted: readonly Wanted[],
  picture: { width: number; height: number },
  height: number,
  taken: readonly Rect[] = [],
): (Found | null)[] {
  const found: (Found | null)[] = wanted.map(() => null);
  const used: Rect[] = [...taken];
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[b]?.score ?? 0) - (wanted[a]?.score ?? 0));
  for (const i of order) {
    const one = wanted[i];
    if (!one) continue;
    const others = wanted.filter((_, k) => k !== i).map((o) => o.box);
    const spots = one.widths.flatMap((width, text) => spotsOf(one.box, width, height, picture).map((rect) => ({ rect, text })));
    const free = spots.filter((s) => !used.some((u) => overlap(u, s.rect)));
    const best = free.find((s) => !others.some((o) => overlap(o, s.rect))) ?? free[0];
    if (!best) continue;
    used.push(best.rect);
    found[i] = { left: best.rect.x, top: best.rect.y, width: best.rect.w, text: best.text };
  }
  return found;
}

/** Above, below, inside; from the left edge of the box and from the right one; always within the picture. */
function spotsOf(box: Rect, width: number, height: number, picture: { width: number; height: number }): Rect[] {
  const inPicture = (x: number): number => Math.max(0, Math.min(x, picture.width - width));
  const lefts = [...new Set([inPicture(box.x), inPicture(box.x + box.w - width)])];
  return [box.y - height, box.y + box.h, box.y, box.y + box.h - height]
    .filter((y) => y >= 0 && y + height <= picture.height)
    .flatMap((y) => lefts.map((x) => ({ x, y, w: width, h: height })));
}

/** About how wide a text is, in ems: signs of the CJK blocks are as wide as high. */
export function emsOf(text: string): number {
  let ems = 0;
  for (const c of text) ems += (c.codePointAt(0) ?? 0) >= 0x2e80 ? 1 : /[mwMW%]/.test(c) ? 0.95 : /[A-Z0-9]/.test(c) ? 0.72 : 0.62;
  return ems;
}
