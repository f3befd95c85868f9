/* What both kinds of map take and give: the one that WebGL draws, and the plain one. */
import type { Plan, Tiles } from '../../api/map';
import { drawnFrom, type Mark } from '../../lib/mapmarks';
import { middleOf, spotOf, type Extent, type Place, type Size, type Spot, type View } from '../../lib/mercator';
import type { Area } from '../../api/inventory';

export interface AreaShape {
  id: string;
  name: string;
  border: readonly Place[];
  /** Where its name stands. */
  at: Spot;
  place: Place;
  /** Zooms from which border and name are drawn. */
  from: { border: number; name: number };
}
export interface Scene {
  areas: readonly AreaShape[];
  /** In the order of drawing. */
  marks: readonly Mark[];
  chosen: Spot | null;
  tiles: Tiles | null;
  plans: readonly Plan[];
}
export interface Camera {
  view: () => View;
  size: () => Size;
  go: (view: View) => void;
}
export interface MapProps {
  scene: Scene;
  /** What is shown at first, on a map of this size. */
  first: (size: Size) => View;
  theme: string;
  label: string;
  onCamera: (camera: Camera | null) => void;
  onMove: (view: View, size: Size) => void;
  onPick: (mark: Mark) => void;
  onHover: (mark: Mark | null, x: number, y: number) => void;
}

/** Only areas of which it is known where they are. The larger ones first, below the others. */
export function areaShapes(areas: readonly Area[]): AreaShape[] {
  return areas
    .flatMap(({ id, name, kind, polygon, place }) => {
      const middle = polygon.length > 2 ? middleOf(polygon) : place;
      return middle ? [{ id, name, border: polygon, at: spotOf(middle), place: middle, from: drawnFrom(kind) }] : [];
    })
    .sort((a, b) => a.from.border - b.from.border);
}

export const placesOf = (areas: readonly AreaShape[]): Place[] => areas.flatMap((a) => (a.border.length > 0 ? a.border : [a.place]));

/** A district, where nothing says where the site is. */
export const NOWHERE: Extent = { west: 73, east: 135, south: 18, north: 54 };

let able: boolean | null = null;
/** Whether this browser draws with WebGL 2. */
export function hasWebGl(): boolean {
  if (able === null) {
    const gl = document.createElement('canvas').getContext('webgl2');
    able = gl !== null;
    // Browsers have few of these contexts, and the map needs one of its own.
    gl?.getExtension('WEBGL_lose_context')?.loseContext();
  }
  return able;
}
