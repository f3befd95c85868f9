/*
 * The map: areas, channels and alerts where they are, and the same as a list. It follows the alert that was chosen last,
 * here or in another window of this browser. Where the browser has no WebGL 2 a plain map stands in its place and says so.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import type { Channel } from '../api/channel';
import { useTitle } from '../lib/hooks';
import { alertMarks, channelMarks, placed, steady, Whereabouts, type Mark } from '../lib/mapmarks';
import { clampZoom, extentOf, fit, MAX_ZOOM, spotOf, type Extent, type Place, type Size, type Spot, type View } from '../lib/mercator';
import { byPriority, isShown } from '../lib/queue';
import { errorText, kindText } from '../lib/words';
import { useChannels, useHealthy } from '../state/channels';
import { useLive } from '../state/live';
import { useAreasOfMap, useChosenAlert, useMapInfo } from '../state/map';
import { LAYERS, usePrefs, type Layer } from '../state/prefs';
import { useThemeShown } from '../state/theme';
import { GlMapView } from '../ui/map/glmap';
import { MapFoot, MapLayers, MapZoom } from '../ui/map/mapbar';
import { MapList, type Listed, type Part } from '../ui/map/maplist';
import { PlainMapView } from '../ui/map/plainmap';
import { areaShapes, hasWebGl, NOWHERE, placesOf, type Camera, type Scene } from '../ui/map/scene';
import { Blank, Loading } from '../ui/parts';

const HEALTH_MS = 1000;
const PAD_PX = 48;
/** So near to the upper edge what a mark is called stands below it. */
const EDGE_PX = 80;
/** Near enough to see which house it is. */
const CLOSE = 17;
const EMPTY: never[] = [];

/** Where the map stood when it was left, and up to which choice it has gone: who comes back finds what he left. */
let left: View | null = null;
let followed = 0;

interface Shown {
  place: Spot;
  id: string;
}

/** The first time it shows everything. */
const firstOf = (all: Extent) => (size: Size): View => left ?? fit(all, size, PAD_PX);

/**
 * Where the map stands, and what is pointed at, shown and listed. These functions are kept as long as the page, so they
 * are not made in it: each would keep the lists of the page as they were when it was made.
 */
function useStand() {
  const [view, setView] = useState<View | null>(left);
  const [shown, setShown] = useState<Shown | null>(null);
  const [only, setOnly] = useState<{ part: Part; ids: ReadonlySet<string> } | null>(null);
  const [part, setPart] = useState<Part>('alerts');
  const [hover, setHover] = useState<{ mark: Mark; x: number; y: number } | null>(null);
  const camera = useRef<Camera | null>(null);
  const onCamera = useCallback((c: Camera | null) => void (camera.current = c), []);
  const onMove = useCallback((next: View) => {
    left = next;
    setHover(null);
    setView(next);
  }, []);
  const onHover = useCallback((mark: Mark | null, x: number, y: number) => setHover(mark && { mark, x, y }), []);
  const show = useCallback((place: Place, id: string) => {
    setShown({ place: spotOf(place), id });
    camera.current?.go({ ...place, zoom: Math.max(CLOSE, camera.current.view().zoom) });
  }, []);
  const choosePart = useCallback((p: Part) => {
    setPart(p);
    setOnly(null);
  }, []);
  const list = useCallback((kind: Part, ids: ReadonlySet<string>) => {
    setPart(kind);
    setOnly({ part: kind, ids });
  }, []);
  const showAll = useCallback(() => setOnly(null), []);
  return { view, shown, only, part, hover, camera, onCamera, onMove, onHover, show, choosePart, list, showAll };
}

export default function MapPage() {
  const { t } = useTranslation();
  const go = useNavigate();
  const query = useChannels();
  const channels = useHealthy(query.data, HEALTH_MS);
  const { areas, areasPending } = useAreasOfMap();
  const info = useMapInfo();
  const order = useLive((s) => s.order);
  const hidden = usePrefs((s) => s.hidden);
  const follow = usePrefs((s) => s.follow);
  const theme = useThemeShown();
  const chosen = useChosenAlert();
  const { view, shown, only, part, hover, camera, onCamera, onMove, onHover, show, choosePart, list, showAll } = useStand();
  const [gl, setGl] = useState(hasWebGl);
  useTitle(t('map.title'));

  const where = useMemo(() => new Whereabouts(query.data ?? EMPTY, areas), [query.data, areas]);
  const shapes = useMemo(() => areaShapes(areas), [areas]);
  const points = useMemo(() => placed(channels), [channels]);
  const rows = useMemo(() => byPriority(order.filter((a) => a.state !== 'closed' && isShown(a, 'rows'))), [order]);
  const zoom = steady(view?.zoom ?? 10);
  const marksOfChannels = useMemo(() => (hidden.includes('channels') ? EMPTY : channelMarks(points, zoom)), [points, zoom, hidden]);
  const marksOfAlerts = useMemo(() => (hidden.includes('alerts') ? EMPTY : alertMarks(rows, where, zoom)), [rows, where, zoom, hidden]);
  const ring = shown?.place ?? null;
  const scene = useMemo(
    (): Scene => ({
      areas: hidden.includes('areas') ? EMPTY : shapes,
      marks: [...marksOfChannels, ...marksOfAlerts],
      chosen: ring,
      tiles: hidden.includes('tiles') ? null : (info.data?.tiles ?? null),
      plans: hidden.includes('plans') ? EMPTY : (info.data?.plans ?? EMPTY),
    }),
    [hidden, shapes, marksOfChannels, marksOfAlerts, ring, info.data],
  );
  const standing = useMemo(() => marksOfChannels.reduce((n, m) => n + (m.kind === 'group' ? m.channels.length : 1), 0), [marksOfChannels]);
  const listed = useMemo(
    (): Listed => ({
      alerts: rows.map((alert) => {
        const found = where.of(alert);
        return { alert, place: found?.place ?? null, about: found?.about ?? false };
      }),
      channels,
    }),
    [rows, where, channels],
  );

  const all = useMemo((): Extent => info.data?.bounds ?? extentOf([...placesOf(shapes), ...channels.flatMap((c) => c.place ?? [])]) ?? NOWHERE, [info.data, shapes, channels]);
  const first = useMemo(() => firstOf(all), [all]);
  const onPick = (mark: Mark): void => {
    if (mark.kind === 'channel') void go(`/channels/${encodeURIComponent(mark.channel.id)}`);
    else if (mark.kind === 'alert' && mark.alerts.length === 1) void go(`/alerts/${encodeURIComponent(mark.alerts[0]?.id ?? '')}`);
    else open(mark);
  };
  /** Nearer, until they stand apart; what no zoom takes apart is told in the list. */
  const open = (mark: Exclude<Mark, { kind: 'channel' }>): void => {
    const own = camera.current;
    const ids = new Set(mark.kind === 'group' ? mark.channels.map((c) => c.id) : mark.alerts.map((a) => a.id));
    const extent = mark.kind === 'group' && !mark.tight ? extentOf(mark.channels.flatMap((c: Channel) => c.place ?? [])) : null;
    if (extent && own) {
      const near = fit(extent, own.size(), PAD_PX * 2, MAX_ZOOM);
      own.go({ ...near, zoom: clampZoom(Math.max(near.zoom, own.view().zoom + 1)) });
      return;
    }
    list(mark.kind === 'group' ? 'channels' : 'alerts', ids);
  };

  // The chosen alert is gone to once each time that it is chosen, and not whenever it changes.
  const ready = view !== null && query.data !== undefined;
  const wanted = chosen.alert;
  const found = wanted ? where.of(wanted) : null;
  useEffect(() => {
    if (!follow || !ready || !wanted || followed === chosen.count) return;
    followed = chosen.count;
    if (found) show(found.place, wanted.id);
  }, [follow, ready, wanted, found, chosen.count, show]);
  const lost = follow && ready && wanted !== null && found === null;

  // What is shown at first is all that has a place: what has one must be known by then.
  if (query.isPending || info.isPending || areasPending) return <Loading text={t('map.loading')} />;
  if (query.isError && channels.length === 0) {
    return (
      <Blank icon="misconfigured" title={t('channels.failed')} tone="bad">
        <p>{errorText(t, query.error)}</p>
        <button type="button" className="button" onClick={() => void query.refetch()}>
          {t('error.retry')}
        </button>
      </Blank>
    );
  }
  const placeless = channels.length - points.length;
  const layers = LAYERS.filter((l: Layer) => (l === 'tiles' ? gl && info.data?.tiles : l === 'plans' ? gl && (info.data?.plans.length ?? 0) > 0 : true));
  const common = { scene, first, theme, label: t('map.label'), onCamera, onMove, onPick, onHover };
  return (
    <div className="page map-page" data-testid="map-page">
      <h1 className="visually-hidden">{t('map.title')}</h1>
      <div className="map-stage" data-marks={scene.marks.length} data-channels={standing} data-zoom={view?.zoom.toFixed(2)}>
        {gl ? <GlMapView {...common} onFail={() => setGl(false)} /> : <PlainMapView {...common} />}
        <MapLayers layers={layers} />
        <MapZoom
          onZoom={(by) => {
            const v = camera.current?.view();
            if (v) camera.current?.go({ ...v, zoom: clampZoom(v.zoom + by) });
          }}
          onWhole={() => camera.current && camera.current.go(fit(all, camera.current.size(), PAD_PX))}
        />
        <div className="map-says">
          {!gl && (
            <p role="note" data-testid="map-no-webgl">
              {t('map.plain')}
            </p>
          )}
          {lost && <p role="status">{t('map.lost', { what: wanted ? kindText(t, wanted) : '' })}</p>}
          {placeless > 0 && <p data-testid="map-placeless">{t('map.placeless', { count: placeless, all: channels.length })}</p>}
        </div>
        {view && <MapFoot view={view} attribution={gl ? (scene.tiles?.attribution ?? '') : ''} />}
        {hover && <Hover {...hover} />}
      </div>
      <MapList
        listed={listed}
        part={part}
        onPart={choosePart}
        only={only?.part === part ? only.ids : null}
        onAll={showAll}
        chosen={shown?.id ?? null}
        onShow={show}
      />
    </div>
  );
}

function Hover({ mark, x, y }: { mark: Mark; x: number; y: number }) {
  const { t } = useTranslation();
  const [line, more] =
    mark.kind === 'channel'
      ? [mark.channel.name, t(`channelState.${mark.channel.health.state}`)]
      : mark.kind === 'group'
        ? [t('map.group', { count: mark.channels.length }), t('map.groupAway', { count: mark.looks.away + mark.looks.refused + mark.looks.waiting })]
        : [
            `${t(`severity.${mark.priority}`)} · ${mark.alerts[0] ? kindText(t, mark.alerts[0]) : ''}${mark.alerts.length > 1 ? ` +${mark.alerts.length - 1}` : ''}`,
            `${mark.alerts[0]?.channelName ?? ''}${mark.about ? ` (${t('map.about')})` : ''}`,
          ];
  return (
    <div className={`map-hover ${y < EDGE_PX ? 'below' : ''}`} aria-hidden="true" style={{ left: x, top: y }}>
      <b>{line}</b>
      <span>{more}</span>
    </div>
  );
}
