/*
 * The map as MapLibre draws it. Its worker is a file of ours and nothing of its style names another host: no fonts, no
 * sprites; marks and names are pictures that are drawn when the map first asks for them. Which mark lies under the pointer
 * is reckoned here, from the same list that is drawn.
 */
import type { Feature, FeatureCollection, GeoJsonProperties } from 'geojson';
import { Map as GlMap, setWorkerUrl, type GeoJSONSource, type StyleSpecification } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import { useEffect, useRef } from 'react';
import { hit } from '../../lib/mapmarks';
import { fromScreen, MAX_ZOOM, MIN_ZOOM, placeOf, type Place, type Size, type Spot, type View } from '../../lib/mercator';
import type { AreaShape, MapProps, Scene } from './scene';
import { CHOSEN_SIGN, coloursNow, drawnBy, MAX_PICTURES, nameSign, painted, signOf, type Colours } from './signs';

setWorkerUrl(workerUrl);

const lonLat = ({ lat, lon }: Place): [number, number] => [lon, lat];
const features = (list: Feature[]): FeatureCollection => ({ type: 'FeatureCollection', features: list });
const dot = (at: Spot, properties: GeoJsonProperties): Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: lonLat(placeOf(at)) },
});

function bordersOf(areas: readonly AreaShape[]): FeatureCollection {
  return features(
    areas.flatMap((a): Feature[] => {
      const ring = a.border.map(lonLat);
      const [start] = ring;
      return start ? [{ type: 'Feature', properties: { from: a.from.border }, geometry: { type: 'Polygon', coordinates: [[...ring, start]] } }] : [];
    }),
  );
}
const namesOf = (areas: readonly AreaShape[]): FeatureCollection => features(areas.map((a) => dot(a.at, { sign: nameSign(a.name), from: a.from.name })));
const marksOf = (scene: Scene): FeatureCollection =>
  features([
    ...scene.marks.map((m, i) => dot(m.at, { sign: signOf(m), order: i })),
    ...(scene.chosen ? [dot(scene.chosen, { sign: CHOSEN_SIGN, order: scene.marks.length })] : []),
  ]);

function styleOf(scene: Scene, colour: Colours, dark: boolean): StyleSpecification {
  const { tiles, plans } = scene;
  const own = (path: string): string => `${location.origin}${path}`;
  const empty = { type: 'geojson' as const, data: features([]) };
  return {
    version: 8,
    sources: {
      ...(tiles && { tiles: { type: 'raster' as const, tiles: [own(tiles.url)], tileSize: 256, minzoom: tiles.minZoom, maxzoom: tiles.maxZoom } }),
      ...Object.fromEntries(
        plans.map((p) => {
          const [a, b, c, d] = p.corners.map(lonLat) as [[number, number], [number, number], [number, number], [number, number]];
          return [`plan-${p.id}`, { type: 'image' as const, url: own(p.image), coordinates: [a, b, c, d] as [typeof a, typeof b, typeof c, typeof d] }];
        }),
      ),
      borders: empty,
      names: empty,
      marks: empty,
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': colour('--ink') } },
      ...(tiles
        ? [{ id: 'tiles', type: 'raster' as const, source: 'tiles', paint: { 'raster-brightness-max': dark ? 0.4 : 1, 'raster-saturation': dark ? -0.4 : -0.15, 'raster-fade-duration': 0 } }]
        : []),
      ...plans.map((p) => ({ id: `plan-${p.id}`, type: 'raster' as const, source: `plan-${p.id}`, paint: { 'raster-fade-duration': 0, 'raster-brightness-max': dark ? 0.7 : 1 } })),
      { id: 'insides', type: 'fill', source: 'borders', filter: ['>=', ['zoom'], ['get', 'from']], paint: { 'fill-color': colour('--accent'), 'fill-opacity': 0.03, 'fill-antialias': false } },
      {
        id: 'borders',
        type: 'line',
        source: 'borders',
        filter: ['>=', ['zoom'], ['get', 'from']],
        layout: { 'line-join': 'round' },
        paint: { 'line-color': colour('--accent'), 'line-opacity': 0.75, 'line-width': ['interpolate', ['linear'], ['get', 'from'], 0, 2.5, 15, 0.8] },
      },
      {
        id: 'names',
        type: 'symbol',
        source: 'names',
        filter: ['>=', ['zoom'], ['get', 'from']],
        layout: { 'icon-image': ['get', 'sign'], 'symbol-sort-key': ['get', 'from'], 'icon-padding': 6 },
      },
      {
        id: 'marks',
        type: 'symbol',
        source: 'marks',
        layout: { 'icon-image': ['get', 'sign'], 'icon-allow-overlap': true, 'icon-ignore-placement': true, 'symbol-sort-key': ['get', 'order'], 'symbol-z-order': 'source' },
      },
    ],
  };
}

/** `onFail`: the browser says that it can draw so, and cannot. */
export function GlMapView(props: MapProps & { onFail: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const map = useRef<GlMap | null>(null);
  const stood = useRef<View | null>(null);
  const now = useRef(props);
  now.current = props;
  const { scene, theme, label } = props;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { scene: begin } = now.current;
    const first = stood.current ?? now.current.first({ width: element.clientWidth, height: element.clientHeight });
    const colour = coloursNow();
    const font = getComputedStyle(document.body).fontFamily;
    const style = styleOf(begin, colour, theme === 'dark');
    let gl: GlMap;
    try {
      gl = new GlMap({
        container: element,
        style,
        center: [first.lon, first.lat],
        zoom: first.zoom,
        minZoom: MIN_ZOOM,
        maxZoom: MAX_ZOOM,
        attributionControl: false,
        dragRotate: false,
        pitchWithRotate: false,
        touchPitch: false,
        maxPitch: 0,
        renderWorldCopies: false,
        fadeDuration: 0,
        locale: { 'Map.Title': label },
      });
    } catch (error) {
      console.warn('the map cannot be drawn by WebGL', error);
      now.current.onFail();
      return;
    }
    map.current = gl;
    gl.touchZoomRotate.disableRotation();
    gl.keyboard.disableRotation();
    gl.setMissingStyleImageResolver((id) => {
      const drawn = drawnBy(id, colour, font);
      if (!drawn || gl.hasImage(id)) return;
      const ratio = Math.min(3, Math.max(1, Math.ceil(devicePixelRatio)));
      const canvas = painted(drawn, ratio);
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height);
      if (pixels) gl.addImage(id, pixels, { pixelRatio: ratio });
    });
    // A tile that a folder does not have is no fault.
    gl.on('error', (e) => {
      if (!('status' in e.error) || e.error.status !== 404) console.warn('map', e.error.message);
    });
    const view = (): View => {
      const c = gl.getCenter();
      return { lat: c.lat, lon: c.lng, zoom: gl.getZoom() };
    };
    const size = (): Size => ({ width: element.clientWidth, height: element.clientHeight });
    const under = (x: number, y: number) => {
      const v = view();
      return hit(now.current.scene.marks, fromScreen(v, size(), x, y), v.zoom);
    };
    const moved = (): void => now.current.onMove(view(), size());
    gl.on('move', moved);
    gl.on('resize', moved);
    gl.on('click', (e) => {
      const mark = under(e.point.x, e.point.y);
      if (mark) now.current.onPick(mark);
    });
    gl.on('mousemove', (e) => {
      const mark = gl.isMoving() ? null : under(e.point.x, e.point.y);
      gl.getCanvas().style.cursor = mark ? 'pointer' : '';
      now.current.onHover(mark, e.point.x, e.point.y);
    });
    gl.on('mouseout', () => now.current.onHover(null, 0, 0));
    gl.on('load', () => {
      put(gl, now.current.scene);
      element.dataset.ready = 'true';
    });
    gl.on('idle', () => (element.dataset.drawn = String(now.current.scene.marks.length)));
    now.current.onCamera({ view, size, go: (v) => void gl.flyTo({ center: [v.lon, v.lat], zoom: v.zoom, maxDuration: 1200 }) });
    moved();
    return () => {
      now.current.onCamera(null);
      stood.current = view();
      map.current = null;
      gl.remove();
    };
    // Another theme has other pictures, another ground other sources: the map is made anew, where it stood.
  }, [theme, label, scene.tiles, scene.plans]);

  useEffect(() => {
    const gl = map.current;
    if (gl?.getSource('marks')) put(gl, scene);
  }, [scene]);

  return <div ref={box} className="map-canvas" data-testid="map-gl" />;
}

/** What was put last is not put again: the worker would cut it into tiles for nothing. */
const last = new WeakMap<GlMap, { areas: Scene['areas']; marks: string }>();

function put(gl: GlMap, scene: Scene): void {
  const source = (id: string): GeoJSONSource | undefined => gl.getSource<GeoJSONSource>(id);
  const before = last.get(gl);
  if (before?.areas !== scene.areas) {
    void source('borders')?.setData(bordersOf(scene.areas));
    void source('names')?.setData(namesOf(scene.areas));
  }
  const marks = marksOf(scene);
  forget(gl, scene);
  const told = JSON.stringify(marks);
  if (before?.marks !== told) void source('marks')?.setData(marks);
  last.set(gl, { areas: scene.areas, marks: told });
}

/** Counts change all day, and each makes another picture: those that nothing shows go. */
function forget(gl: GlMap, scene: Scene): void {
  const known = gl.listImages();
  if (known.length < MAX_PICTURES) return;
  const used = new Set([CHOSEN_SIGN, ...scene.marks.map(signOf), ...scene.areas.map((a) => nameSign(a.name))]);
  for (const id of known) if (!used.has(id)) gl.removeImage(id);
}
