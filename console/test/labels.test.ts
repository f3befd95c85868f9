/* Words at boxes: never one on the other, never outside of the picture. */
import { describe, expect, it } from 'vitest';
import { emsOf, placeLabels, type Rect, type Wanted } from '../src/lib/labels';

const PICTURE = { width: 600, height: 400 };
const H = 16;
const want = (box: Rect, score = 0.5, widths = [90, 34]): Wanted => ({ box, score, widths });
const rects = (wanted: Wanted[], taken: Rect[] = []): Rect[] =>
  placeLabels(wanted, PICTURE, H, taken).flatMap((p) => (p ? [{ x: p.left, y: p.top, w: p.width, h: H }] : []));
const meet = (a: Rect, b: Rect): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe('labels', () => {
  it('stand above the left edge of a lone box, and inside of one that fills the picture', () => {
    expect(placeLabels([want({ x: 100, y: 100, w: 40, h: 90 })], PICTURE, H)).toEqual([{ left: 100, top: 84, width: 90, text: 0 }]);
    expect(placeLabels([want({ x: 0, y: 0, w: 600, h: 400 })], PICTURE, H)[0]).toMatchObject({ left: 0, top: 0 });
  });

  it('never lie on each other nor outside, however dense the crowd is', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 50; round += 1) {
      const crowd = Array.from({ length: 40 }, () => want({ x: random() * 560, y: random() * 320, w: 20 + random() * 20, h: 40 + random() * 40 }, random()));
      const zone = { x: 0, y: 0, w: 120, h: 20 };
      const placed = rects(crowd, [zone]);
      expect(placed.length).toBeGreaterThan(10);
      placed.forEach((a, i) => {
        expect(a.x >= 0 && a.y >= 0 && a.x + a.w <= 600 && a.y + a.h <= 400).toBe(true);
        expect(meet(a, zone)).toBe(false);
        for (const b of placed.slice(i + 1)) expect(meet(a, b)).toBe(false);
      });
    }
  });

  it('go to the surest where there is room for one only, and the short text comes before none', () => {
    const box = { x: 0, y: 0, w: 600, h: 400 };
    const [low, high] = placeLabels([want(box, 0.3, [500]), want(box, 0.9, [500])], { width: 600, height: 20 }, H);
    expect([low, high?.text]).toEqual([null, 0]);
    const narrow = { x: 0, y: 0, w: 100, h: 10 };
    expect(placeLabels([want(narrow, 0.9), want({ ...narrow, x: 62 }, 0.3, [90, 10])], { width: 100, height: 26 }, H)[1]?.text).toBe(1);
  });

  it('are measured wider for wide signs', () => {
    expect(emsOf('人员')).toBe(2);
    expect(emsOf('person')).toBeLessThan(5);
  });
});
