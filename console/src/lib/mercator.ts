/*
 * Places on the ground and where they stand on a map, in the projection that raster tiles have. World coordinates are
 * 0..1, x to the east and y to the south; at zoom z the world is `512 * 2^z` pixels wide. Pure.
 */
export interface Place {
  lat: number;
  lon: number;
}
export type Spot = readonly [x: number, y: number];
export interface View {
  lat: number;
  lon: number;
  zoom: number;
}
export interface Extent {
  west: number;
  south: number;
  east: number;
  north: number;
}
export interface Size {
  width: number;
  height: number;
}

const TILE = 512;
/** Beyond it the projection runs away; nobody watches the poles. */
const MAX_LAT = 85.051129;
const EARTH_M = 40_075_017;
export const MIN_ZOOM = 1;
export const MAX_ZOOM = 21;

export const worldSize = (zoom: number): number => TILE * 2 ** zoom;

export function spotOf({ lat, lon }: Place): Spot {
  const s = Math.sin((Math.min(MAX_LAT, Math.max(-MAX_LAT, lat)) * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
}

export function placeOf([x, y]: Spot): Place {
  return { lat: (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90, lon: (x - 0.5) * 360 };
}

export function toScreen(view: View, { width, height }: Size, [x, y]: Spot): [number, number] {
  const [cx, cy] = spotOf(view);
  const size = worldSize(view.zoom);
  return [(x - cx) * size + width / 2, (y - cy) * size + height / 2];
}

export function fromScreen(view: View, { width, height }: Size, x: number, y: number): Spot {
  const [cx, cy] = spotOf(view);
  const size = worldSize(view.zoom);
  return [cx + (x - width / 2) / size, cy + (y - height / 2) / size];
}

/** What the screen shows. */
export function shownBy(view: View, size: Size): Extent {
  const nw = placeOf(fromScreen(view, size, 0, 0));
  const se = placeOf(fromScreen(view, size, size.width, size.height));
  return { west: nw.lon, north: nw.lat, east: se.lon, south: se.lat };
}

export const holds = (e: Extent, p: Place): boolean => p.lat >= e.south && p.lat <= e.north && p.lon >= e.west && p.lon <= e.east;

export function extentOf(places: Iterable<Place>): Extent | null {
  let e: Extent | null = null;
  for (const { lat, lon } of places) {
    if (!e) e = { west: lon, east: lon, south: lat, north: lat };
    else {
      e.west = Math.min(e.west, lon);
      e.east = Math.max(e.east, lon);
      e.south = Math.min(e.south, lat);
      e.north = Math.max(e.north, lat);
    }
  }
  return e;
}

/** The nearest view that shows all of it, `pad` pixels from the edge. */
export function fit(e: Extent, { width, height }: Size, pad: number, closest = 17): View {
  const [x0, y0] = spotOf({ lat: e.north, lon: e.west });
  const [x1, y1] = spotOf({ lat: e.south, lon: e.east });
  const room = (all: number, share: number): number => (share > 0 ? Math.log2(Math.max(1, all - 2 * pad) / (share * TILE)) : closest);
  const zoom = Math.min(room(width, x1 - x0), room(height, y1 - y0), closest);
  return { ...placeOf([(x0 + x1) / 2, (y0 + y1) / 2]), zoom: clampZoom(zoom) };
}

export const clampZoom = (zoom: number): number => Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));

/** Nearer or further with `at` on the screen staying where it is. */
export function zoomAt(view: View, size: Size, by: number, x: number, y: number): View {
  const zoom = clampZoom(view.zoom + by);
  const [px, py] = fromScreen(view, size, x, y);
  const world = worldSize(zoom);
  return { ...placeOf([px - (x - size.width / 2) / world, py - (y - size.height / 2) / world]), zoom };
}

export function pan(view: View, dx: number, dy: number): View {
  const [x, y] = spotOf(view);
  const size = worldSize(view.zoom);
  return { ...placeOf([x + dx / size, Math.min(1, Math.max(0, y + dy / size))]), zoom: view.zoom };
}

/** The middle of what a border encloses; of one that encloses nothing the mean of its points. */
export function middleOf(border: readonly Place[]): Place {
  let [twice, lat, lon] = [0, 0, 0];
  const first = border[0];
  if (!first) return { lat: 0, lon: 0 };
  // Reckoned from the first point: degrees squared lose their last digits otherwise.
  border.forEach((p, i) => {
    const q = border[(i + 1) % border.length] as Place;
    const [ax, ay, bx, by] = [p.lon - first.lon, p.lat - first.lat, q.lon - first.lon, q.lat - first.lat];
    const cross = ax * by - bx * ay;
    twice += cross;
    lon += (ax + bx) * cross;
    lat += (ay + by) * cross;
  });
  if (Math.abs(twice) < 1e-14) {
    return { lat: border.reduce((s, p) => s + p.lat, 0) / border.length, lon: border.reduce((s, p) => s + p.lon, 0) / border.length };
  }
  return { lat: first.lat + lat / (3 * twice), lon: first.lon + lon / (3 * twice) };
}

/** A round length that is at most `most` pixels on the map. */
export function scaleOf(view: View, most: number): { metres: number; px: number } {
  const perPx = (EARTH_M * Math.cos((view.lat * Math.PI) / 180)) / worldSize(view.zoom);
  const ten = 10 ** Math.floor(Math.log10(perPx * most));
  const metres = ([5, 2, 1].find((n) => n * ten <= perPx * most) ?? 1) * ten;
  return { metres, px: metres / perPx };
}
