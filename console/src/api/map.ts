/* What the gateway has to draw a map from. Addresses of another host are none of its: they are left out. */
import { json } from './client';
import { all, ident, list, num, obj, optNum, text } from './read';
import type { Extent, Place } from '../lib/mercator';

export interface Tiles {
  url: string;
  attribution: string;
  minZoom: number;
  maxZoom: number;
}
export interface Plan {
  id: string;
  name: string;
  area: string;
  image: string;
  /** Top left, top right, bottom right, bottom left. */
  corners: [Place, Place, Place, Place];
}
export interface MapInfo {
  tiles: Tiles | null;
  bounds: Extent | null;
  plans: Plan[];
}

const MAX_BORDER = 500;

function point(v: unknown): Place | null {
  const [lat, lon] = Array.isArray(v) ? [optNum(v[0]), optNum(v[1])] : [null, null];
  return lat !== null && lon !== null && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** The border of an area; empty where there is none. */
export function readBorder(v: unknown): Place[] {
  const points = all(v, point, MAX_BORDER);
  return points.length > 2 ? points : [];
}

const own = (v: unknown): string => {
  const path = text(v);
  return path.startsWith('/api/v1/map/') ? path : '';
};

function readPlan(v: unknown): Plan | null {
  const o = obj(v);
  const id = o && ident(o.id);
  const corners = o ? list(o.corners, 4).map(point) : [];
  const [a, b, c, d] = corners;
  const image = o ? own(o.image) : '';
  return o && id && image && a && b && c && d ? { id, name: text(o.name, 120) || id, area: text(o.area, 64), image, corners: [a, b, c, d] } : null;
}

export function readMap(v: unknown): MapInfo | null {
  const o = obj(v);
  if (!o) return null;
  const tiles = obj(o.tiles);
  const url = tiles ? own(tiles.url) : '';
  const [south, west, north, east] = list(o.bounds, 4).map(optNum);
  const whole = south != null && west != null && north != null && east != null;
  return {
    tiles: tiles && url ? { url, attribution: text(tiles.attribution), minZoom: num(tiles.min_zoom), maxZoom: num(tiles.max_zoom, 18) } : null,
    bounds: whole ? { south, west, north, east } : null,
    plans: all(o.plans, readPlan),
  };
}

export const mapInfo = (): Promise<MapInfo> => json(readMap, 'GET', '/api/v1/map');
