/* Zones, lines and masks as they are drawn: points, steps back and forth, and what keeps a shape from being stored. */
import { describe, expect, it } from 'vitest';
import * as d from '../src/lib/drawing';
import { areaOf, crossesItself, forwardArrow, shift, type Pt } from '../src/lib/geometry';

const SQUARE: Pt[] = [
  [0.2, 0.2],
  [0.6, 0.2],
  [0.6, 0.6],
  [0.2, 0.6],
];
const start = (): d.Drawing =>
  d.drawingOf({
    zone: [{ id: 'yard', name: 'Yard', polygon: SQUARE }],
    line: [{ id: 'gate', name: '', points: [[0.1, 0.9], [0.9, 0.9]] }],
    mask: [{ kind: 'privacy', polygon: SQUARE }],
  });

describe('geometry', () => {
  it('keeps every point on the picture when a shape is moved', () => {
    const moved = shift(SQUARE, 0.9, -0.9);
    expect(moved[0]).toEqual([0.6, 0]);
    expect(moved[2]).toEqual([1, 0.4]);
    expect(areaOf(moved)).toBeCloseTo(0.16);
  });

  it('finds edges that cross, and no others', () => {
    expect(crossesItself(SQUARE)).toBe(false);
    expect(crossesItself([[0, 0], [1, 1], [1, 0], [0, 1]])).toBe(true);
    expect(crossesItself([[0, 0], [1, 0], [0.5, 0.5], [1, 1], [0, 1]])).toBe(false);
  });

  it('points to the right hand of who walks along a line, square to it in any proportion', () => {
    // From left to right: forward goes down.
    const right = forwardArrow([[0, 0.5], [1, 0.5]], 16 / 9, 0.1);
    expect(right?.to[0]).toBeCloseTo(0.5);
    expect(right?.to[1]).toBeCloseTo(0.6);
    // From the top down: forward goes to the left of the picture.
    const down = forwardArrow([[0.5, 0], [0.5, 1]], 2, 0.1);
    expect(down?.to[0]).toBeCloseTo(0.45);
    expect(down?.to[1]).toBeCloseTo(0.5);
    const slant = forwardArrow([[0.1, 0.1], [0.7, 0.4]], 1.5, 0.1);
    const [ax, ay] = slant ? [(slant.to[0] - slant.from[0]) * 1.5, slant.to[1] - slant.from[1]] : [0, 0];
    expect(ax * 0.6 * 1.5 + ay * 0.3).toBeCloseTo(0);
    expect(Math.hypot(ax, ay)).toBeCloseTo(0.1);
    expect(forwardArrow([[0.5, 0.5], [0.5, 0.5]], 1)).toBeNull();
  });
});

describe('a drawing', () => {
  it('comes from a configuration and goes back as it was', () => {
    const one = start();
    expect(d.placesOf(one.shapes).zone).toEqual([{ id: 'yard', name: 'Yard', polygon: SQUARE }]);
    expect(d.placesOf(one.shapes).mask).toEqual([{ kind: 'privacy', polygon: SQUARE }]);
    expect(d.samePlaces(one.shapes, d.movePoint(one, 1, 0, 0, 0).shapes)).toBe(true);
  });

  it('takes a dragged point back in one step, and another point in another', () => {
    let one = d.choose(start(), 1);
    for (let i = 0; i < 5; i += 1) one = d.movePoint(one, 1, 0, 0.01, 0);
    one = d.movePoint(one, 1, 1, 0, 0.1);
    expect(one.past).toHaveLength(2);
    expect(one.shapes[0]?.points[0]).toEqual([0.25, 0.2]);
    one = d.undo(one);
    expect(one.shapes[0]?.points[1]).toEqual([0.6, 0.2]);
    expect(one.shapes[0]?.points[0]).toEqual([0.25, 0.2]);
    one = d.undo(one);
    expect(one.shapes[0]?.points[0]).toEqual([0.2, 0.2]);
    one = d.redo(d.redo(one));
    expect(one.shapes[0]?.points[1]).toEqual([0.6, 0.3]);
    expect(d.redo(one)).toBe(one);
    // Something new makes an end of what was taken back.
    expect(d.removeShape(d.undo(one), 3).future).toEqual([]);
  });

  it('begins a new step once the point was let go', () => {
    let one = d.movePoint(start(), 1, 0, 0.1, 0);
    one = d.movePoint(d.seal(one), 1, 0, 0.1, 0);
    expect(one.past).toHaveLength(2);
  });

  it('never leaves the picture, and a point that does not move is no step', () => {
    const one = d.movePoint(start(), 1, 0, -9, 9);
    expect(one.shapes[0]?.points[0]).toEqual([0, 1]);
    expect(d.movePoint(one, 1, 0, -1, 1)).toBe(one);
  });

  it('adds a point in the middle of an edge and removes one, but none that is needed', () => {
    const added = d.insertAfter(start(), 1, 3);
    expect(added.index).toBe(4);
    expect(added.drawing.shapes[0]?.points[4]).toEqual([0.2, 0.4]);
    const line = d.insertAfter(start(), 2, 1);
    expect(line.index).toBe(1);
    expect(line.drawing.shapes[1]?.points).toEqual([[0.1, 0.9], [0.5, 0.9], [0.9, 0.9]]);
    let one = d.removePoint(start(), 1, 0);
    expect(one.shapes[0]?.points).toHaveLength(3);
    expect(d.removePoint(one, 1, 0)).toBe(one);
    one = d.removePoint(start(), 2, 0);
    expect(one.shapes[1]?.points).toHaveLength(2);
  });

  it('has at most so many points', () => {
    let one = start();
    for (let i = 0; i < 100; i += 1) one = d.insertAfter(one, 1, 0).drawing;
    expect(one.shapes[0]?.points).toHaveLength(d.MAX_POINTS);
  });

  it('is drawn point by point, and finished on the first point or twice on one place', () => {
    const points: Pt[] = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]];
    let one = d.begin(start(), 'zone');
    for (const p of points) one = d.drop(d.aim(one, p), 1.5);
    expect(one.draft?.points).toEqual(points);
    const closed = d.drop(d.aim(one, [0.105, 0.1]), 1.5);
    expect(closed.draft).toBeNull();
    expect(d.chosenOf(closed)).toMatchObject({ kind: 'zone', id: 'zone-1', points, fresh: true });
    const twice = d.drop(one, 1.5);
    expect(d.chosenOf(twice)?.points).toEqual(points);
    // Two points make a line and no zone.
    let two = d.begin(start(), 'line');
    two = d.drop(d.aim(two, [0.1, 0.1]), 1.5);
    expect(d.drop(two, 1.5).draft?.points).toHaveLength(1);
    two = d.drop(d.aim(two, [0.4, 0.4]), 1.5);
    expect(d.chosenOf(d.drop(two, 1.5))).toMatchObject({ kind: 'line', id: 'line-1' });
  });

  it('takes back the points of what is begun first, and all of it by Escape', () => {
    let one = d.begin(start(), 'ignore');
    one = d.drop(d.aim(one, [0.1, 0.1]), 1);
    one = d.drop(d.aim(one, [0.4, 0.1]), 1);
    expect(d.undo(one).draft?.points).toHaveLength(1);
    expect(d.cancel(one)).toMatchObject({ draft: null, past: [] });
  });

  it('turns a line, which makes backward of forward', () => {
    expect(d.turn(start(), 2).shapes[1]?.points).toEqual([[0.9, 0.9], [0.1, 0.9]]);
    const zone = start();
    expect(d.turn(zone, 1)).toBe(zone);
  });

  it('keeps the id of what is stored, and names what cannot be stored', () => {
    const one = start();
    expect(d.setId(one, 1, 'other')).toBe(one);
    const fault = (s: Partial<d.Shape>): d.Fault | null => d.faultOf({ key: 9, kind: 'zone', id: 'z', name: '', points: SQUARE, fresh: true, ...s }, one.shapes);
    expect(fault({})).toBeNull();
    expect(fault({ id: 'yard' })).toBe('sameId');
    expect(fault({ id: 'Yard 1' })).toBe('badId');
    expect(fault({ points: [[0, 0], [1, 1], [1, 0], [0, 1]] })).toBe('flat');
    expect(fault({ points: [[0, 0], [1, 1], [1, 0], [0.1, 0.9]] })).toBe('crosses');
    expect(fault({ kind: 'line', points: [[0, 0], [0, 0]] })).toBe('twice');
    expect(fault({ kind: 'privacy', id: '' })).toBeNull();
  });

  it('forgets what is chosen when it is gone', () => {
    let one = d.begin(start(), 'zone');
    for (const p of [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]] as const) one = d.drop(d.aim(one, p), 1.5);
    one = d.undo(d.finish(one));
    expect(one.chosen).toBeNull();
    expect(one.shapes).toHaveLength(3);
  });
});
