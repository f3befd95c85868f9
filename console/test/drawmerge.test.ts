/* Two desks draw on one picture, and neither overwrites the other unseen. */
import { describe, expect, it } from 'vitest';
import * as draw from '../src/lib/drawing';
import { mergeDrawing } from '../src/lib/drawmerge';

type Pt = [number, number];
const square = (x: number): Pt[] => [[x, 0.1], [x + 0.1, 0.1], [x + 0.1, 0.2]];
const PLACES: draw.Places = {
  zone: [{ id: 'yard', name: 'Yard', polygon: square(0.1) }, { id: 'door', name: 'Door', polygon: square(0.3) }],
  line: [{ id: 'gate', name: 'Gate', points: [[0.1, 0.5], [0.9, 0.5]] }],
  mask: [{ kind: 'privacy', polygon: square(0.5) }, { kind: 'ignore', polygon: square(0.7) }],
};
const begun = draw.drawingOf(PLACES);
const find = (d: draw.Drawing, id: string): draw.Shape => d.shapes.find((s) => s.id === id) as draw.Shape;
const merge = (mine: draw.Drawing, theirs: draw.Places) => {
  const merged = mergeDrawing(begun.shapes, mine, theirs);
  return { ...merged, places: draw.placesOf(merged.drawing.shapes) };
};

describe('two drawings of one picture', () => {
  it('keep what each of them changed alone', () => {
    const mine = draw.rename(begun, find(begun, 'yard').key, 'My yard');
    const { places, both, drawing } = merge(mine, {
      ...PLACES,
      zone: [PLACES.zone[0]!, { ...PLACES.zone[1]!, polygon: square(0.35) }],
      line: [],
      mask: [...PLACES.mask, { kind: 'privacy', polygon: square(0.8) }],
    });
    expect(places.zone.map((z) => [z.id, z.name, z.polygon[0]?.[0]])).toEqual([['yard', 'My yard', 0.1], ['door', 'Door', 0.35]]);
    expect(places.line).toEqual([]);
    expect(places.mask.map((m) => m.polygon[0]?.[0])).toEqual([0.5, 0.7, 0.8]);
    expect(both).toEqual([]);
    // It is one step that can be taken back.
    expect(draw.undo(drawing).shapes).toEqual(mine.shapes);
    expect(new Set(drawing.shapes.map((s) => s.key)).size).toBe(drawing.shapes.length);
    expect(Math.max(...drawing.shapes.map((s) => s.key))).toBeLessThan(drawing.next);
  });

  it('name what both changed, and keep this one', () => {
    const mine = draw.rename(begun, find(begun, 'yard').key, 'Mine');
    const { places, both } = merge(mine, { ...PLACES, zone: [{ ...PLACES.zone[0]!, name: 'Theirs' }, PLACES.zone[1]!] });
    expect(places.zone[0]?.name).toBe('Mine');
    expect(both.map((s) => s.id)).toEqual(['yard']);
  });

  it('hide rather too much than too little', () => {
    const mask = begun.shapes.find((s) => s.kind === 'privacy') as draw.Shape;
    const mine = draw.moveShape(begun, mask.key, 0.02, 0);
    const { places, both } = merge(mine, { ...PLACES, mask: [{ kind: 'privacy', polygon: square(0.55) }, PLACES.mask[1]!] });
    expect(places.mask.filter((m) => m.kind === 'privacy')).toHaveLength(2);
    expect(both).toHaveLength(1);
  });

  it('give a zone of this desk another id where the other took it', () => {
    let mine = draw.begin(begun, 'zone');
    for (const at of square(0.6)) mine = draw.drop(draw.aim(mine, at), 1.6);
    mine = draw.finish(mine);
    expect(mine.shapes.at(-1)?.id).toBe('zone-1');
    const { places } = merge(mine, { ...PLACES, zone: [...PLACES.zone, { id: 'zone-1', name: 'Other', polygon: square(0.2) }] });
    expect(places.zone.map((z) => z.id).sort()).toEqual(['door', 'yard', 'zone-1', 'zone-2']);
  });

  it('do not take away what the other works on', () => {
    const mine = draw.removeShape(draw.removeShape(begun, find(begun, 'door').key), find(begun, 'yard').key);
    const { places, both } = merge(mine, { ...PLACES, zone: [PLACES.zone[0]!, { ...PLACES.zone[1]!, name: 'Changed' }] });
    expect(places.zone.map((z) => z.name)).toEqual(['Changed']);
    expect(both.map((s) => s.id)).toEqual(['door']);
  });

  it('are the same where both did the same', () => {
    const mine = draw.rename(begun, find(begun, 'yard').key, 'New');
    const theirs = draw.placesOf(mine.shapes);
    const { drawing, stored, both } = merge(mine, theirs);
    expect(draw.samePlaces(drawing.shapes, stored)).toBe(true);
    expect(both).toEqual([]);
  });
});
