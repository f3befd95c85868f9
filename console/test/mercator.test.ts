/* Places on the ground and on the screen: there and back, fitted views, middles of borders. */
import { describe, expect, it } from 'vitest';
import { extentOf, fit, fromScreen, holds, middleOf, pan, placeOf, scaleOf, shownBy, spotOf, toScreen, zoomAt, type Place, type View } from '../src/lib/mercator';

const SIZE = { width: 800, height: 600 };
const view: View = { lat: 30.25, lon: 120.15, zoom: 12 };
const near = (a: Place, b: Place): void => {
  expect(a.lat).toBeCloseTo(b.lat, 9);
  expect(a.lon).toBeCloseTo(b.lon, 9);
};

describe('the projection', () => {
  it('is the one of raster tiles', () => {
    expect(spotOf({ lat: 0, lon: 0 })).toEqual([0.5, 0.5]);
    // A tile's corner that every tile server knows: zoom 3, column 6, row 3 begins at 90 degrees east, 40.9799 north.
    const [x, y] = spotOf({ lat: 40.979898069620155, lon: 90 });
    expect([x * 8, y * 8]).toEqual([6, expect.closeTo(3, 9)]);
  });
  it('goes there and back', () => {
    for (const place of [{ lat: 30.25, lon: 120.15 }, { lat: -54.8, lon: -68.3 }, { lat: 84, lon: 179.9 }]) near(placeOf(spotOf(place)), place);
    expect(Number.isFinite(spotOf({ lat: 90, lon: 0 })[1])).toBe(true);
  });
  it('puts the middle of the view into the middle of the screen, north up', () => {
    expect(toScreen(view, SIZE, spotOf(view))).toEqual([400, 300]);
    const [x, y] = toScreen(view, SIZE, spotOf({ lat: 30.26, lon: 120.16 }));
    expect(x).toBeGreaterThan(400);
    expect(y).toBeLessThan(300);
    near(placeOf(fromScreen(view, SIZE, x, y)), { lat: 30.26, lon: 120.16 });
  });
});

describe('a view', () => {
  const places = [{ lat: 30.2, lon: 120.1 }, { lat: 30.3, lon: 120.2 }, { lat: 30.22, lon: 120.18 }];
  it('is fitted to what it shows, and not nearer than asked', () => {
    const extent = extentOf(places);
    expect(extent).toEqual({ west: 120.1, east: 120.2, south: 30.2, north: 30.3 });
    if (!extent) return;
    const fitted = fit(extent, SIZE, 40);
    const shown = shownBy(fitted, SIZE);
    expect(places.every((p) => holds(shown, p))).toBe(true);
    expect(places.every((p) => holds(shownBy({ ...fitted, zoom: fitted.zoom + 1 }, SIZE), p))).toBe(false);
    expect(fit({ west: 1, east: 1, south: 1, north: 1 }, SIZE, 40, 16).zoom).toBe(16);
    expect(extentOf([])).toBeNull();
  });
  it('keeps under the pointer what was there', () => {
    const under = fromScreen(view, SIZE, 120, 480);
    const [x, y] = toScreen(zoomAt(view, SIZE, 1.5, 120, 480), SIZE, under);
    expect([x, y]).toEqual([expect.closeTo(120, 5), expect.closeTo(480, 5)]);
    expect(zoomAt(view, SIZE, 99, 0, 0).zoom).toBe(21);
    const [px, py] = toScreen(pan(view, 50, -20), SIZE, spotOf(view));
    expect([px, py]).toEqual([expect.closeTo(350, 5), expect.closeTo(320, 5)]);
  });
  it('has a scale of a round length', () => {
    const { metres, px } = scaleOf({ lat: 0, lon: 0, zoom: 16 }, 100);
    // 40,075 km over 512 * 65536 pixels.
    expect(metres).toBe(100);
    expect(px).toBeCloseTo(83.73, 1);
  });
});

describe('the middle of a border', () => {
  it('is where it would balance, whichever way it goes round', () => {
    const ell = [[0, 0], [0, 3], [1, 3], [1, 1], [3, 1], [3, 0]].map(([lat = 0, lon = 0]) => ({ lat: lat + 30, lon: lon + 120 }));
    near(middleOf(ell), { lat: 31.1, lon: 121.1 });
    near(middleOf([...ell].reverse()), { lat: 31.1, lon: 121.1 });
  });
  it('of one that encloses nothing is between its points', () => {
    near(middleOf([{ lat: 1, lon: 1 }, { lat: 3, lon: 3 }]), { lat: 2, lon: 2 });
    expect(middleOf([])).toEqual({ lat: 0, lon: 0 });
  });
});
