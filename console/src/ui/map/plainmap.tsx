/*
 * The map without WebGL: borders, names and marks on a canvas, drawn by the same signs. It has no tiles and no plans. The
 * alert's small map is one of these too, which costs no context of the graphics card.
 */
import { useCallback, useEffect, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { hit } from '../../lib/mapmarks';
import { fromScreen, pan, spotOf, toScreen, zoomAt, type Size, type View } from '../../lib/mercator';
import type { MapProps, Scene } from './scene';
import { CHOSEN_SIGN, coloursNow, drawnBy, MAX_PICTURES, nameSign, painted, signOf, type Colours } from './signs';

const STEP_PX = 90;
/** A pointer that moved less has clicked. */
const CLICK_PX = 4;

interface Kept {
  pictures: Map<string, { picture: HTMLCanvasElement; width: number; height: number }>;
  colour: Colours;
  font: string;
  ratio: number;
}

export function PlainMapView(props: MapProps & { still?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<View>(props.first({ width: 600, height: 400 }));
  const begun = useRef(false);
  const kept = useRef<Kept | null>(null);
  const frame = useRef(0);
  const now = useRef(props);
  now.current = props;
  const { scene, theme, still = false } = props;
  const size = useCallback((): Size => ({ width: canvas.current?.clientWidth ?? 0, height: canvas.current?.clientHeight ?? 0 }), []);

  const draw = useCallback(() => {
    frame.current ||= requestAnimationFrame(() => {
      frame.current = 0;
      const element = canvas.current;
      const { width, height } = size();
      if (!element || width === 0) return;
      const ratio = Math.min(3, devicePixelRatio || 1);
      kept.current ??= { pictures: new Map(), colour: coloursNow(), font: getComputedStyle(document.body).fontFamily, ratio };
      if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
        element.width = Math.round(width * ratio);
        element.height = Math.round(height * ratio);
      }
      const ctx = element.getContext('2d');
      if (!ctx) return;
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawScene(ctx, now.current.scene, view.current, { width, height }, kept.current);
      element.dataset.drawn = String(now.current.scene.marks.length);
    });
  }, [size]);

  const move = useCallback(
    (next: View) => {
      view.current = next;
      now.current.onMove(next, size());
      draw();
    },
    [draw, size],
  );

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      draw();
      now.current.onMove(view.current, size());
    });
    observer.observe(element);
    if (!begun.current) view.current = now.current.first(size());
    begun.current = true;
    now.current.onMove(view.current, size());
    // Not by React: its listeners of the wheel may not keep the page from scrolling.
    const wheel = (e: WheelEvent): void => {
      e.preventDefault();
      move(zoomAt(view.current, size(), -e.deltaY / (e.deltaMode === 1 ? 12 : 300), e.offsetX, e.offsetY));
    };
    if (!now.current.still) element.addEventListener('wheel', wheel, { passive: false });
    now.current.onCamera({ view: () => view.current, size, go: move });
    return () => {
      observer.disconnect();
      element.removeEventListener('wheel', wheel);
      now.current.onCamera(null);
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [draw, move, size]);
  useEffect(() => {
    kept.current = null;
    draw();
  }, [theme, draw]);
  useEffect(draw, [scene, draw]);

  const under = (x: number, y: number) => hit(scene.marks, fromScreen(view.current, size(), x, y), view.current.zoom);
  const held = useRef<{ x: number; y: number; far: number } | null>(null);
  const down = (e: PointerEvent): void => {
    if (e.button !== 0) return;
    held.current = { x: e.clientX, y: e.clientY, far: 0 };
    e.currentTarget.setPointerCapture(e.pointerId);
  };
  const over = (e: PointerEvent<HTMLCanvasElement>): void => {
    const at = held.current;
    if (at) {
      const [dx, dy] = [at.x - e.clientX, at.y - e.clientY];
      held.current = { x: e.clientX, y: e.clientY, far: at.far + Math.hypot(dx, dy) };
      if (held.current.far > CLICK_PX) move(pan(view.current, dx, dy));
      return;
    }
    const { offsetX, offsetY } = e.nativeEvent;
    const mark = under(offsetX, offsetY);
    e.currentTarget.style.cursor = mark ? 'pointer' : '';
    props.onHover(mark, offsetX, offsetY);
  };
  const up = (e: PointerEvent): void => {
    const at = held.current;
    held.current = null;
    if (!at || at.far > CLICK_PX) return;
    const mark = under(e.nativeEvent.offsetX, e.nativeEvent.offsetY);
    if (mark) props.onPick(mark);
  };
  const keyed = (e: KeyboardEvent): void => {
    const { width, height } = size();
    const steps: Record<string, () => View> = {
      ArrowLeft: () => pan(view.current, -STEP_PX, 0),
      ArrowRight: () => pan(view.current, STEP_PX, 0),
      ArrowUp: () => pan(view.current, 0, -STEP_PX),
      ArrowDown: () => pan(view.current, 0, STEP_PX),
      '+': () => zoomAt(view.current, size(), 1, width / 2, height / 2),
      '=': () => zoomAt(view.current, size(), 1, width / 2, height / 2),
      '-': () => zoomAt(view.current, size(), -1, width / 2, height / 2),
    };
    const step = steps[e.key];
    if (!step || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    move(step());
  };

  if (still) return <canvas ref={canvas} className="map-canvas plain" data-testid="map-still" role="img" aria-label={props.label} />;
  return (
    <canvas
      ref={canvas}
      className="map-canvas plain"
      data-testid="map-plain"
      role="region"
      aria-label={props.label}
      tabIndex={0}
      onPointerDown={down}
      onPointerMove={over}
      onPointerUp={up}
      onPointerCancel={() => (held.current = null)}
      onPointerLeave={() => props.onHover(null, 0, 0)}
      onKeyDown={keyed}
    />
  );
}

function drawScene(ctx: CanvasRenderingContext2D, scene: Scene, view: View, size: Size, kept: Kept): void {
  const { width, height } = size;
  const { colour } = kept;
  const near = ([x, y]: readonly [number, number], by: number): boolean => x > -by && y > -by && x < width + by && y < height + by;
  ctx.fillStyle = colour('--ink');
  ctx.fillRect(0, 0, width, height);
  for (const area of scene.areas) {
    if (view.zoom < area.from.border || area.border.length === 0) continue;
    ctx.beginPath();
    area.border.forEach((p, i) => {
      const [x, y] = toScreen(view, size, spotOf(p));
      if (i === 0) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    });
    ctx.closePath();
    ctx.fillStyle = colour('--accent');
    ctx.globalAlpha = 0.03;
    ctx.fill();
    ctx.globalAlpha = 0.75;
    ctx.strokeStyle = colour('--accent');
    ctx.lineWidth = Math.max(0.8, 2.5 - area.from.border / 9);
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
  const put = (sign: string, x: number, y: number): void => {
    let known = kept.pictures.get(sign);
    if (!known) {
      const drawn = drawnBy(sign, colour, kept.font);
      if (!drawn) return;
      known = { picture: painted(drawn, kept.ratio), width: drawn.width, height: drawn.height };
      // Counts change all day, and each makes another picture.
      if (kept.pictures.size >= MAX_PICTURES) kept.pictures.clear();
      kept.pictures.set(sign, known);
    }
    // On whole pixels, or it would be blurred.
    const whole = (v: number): number => Math.round(v * kept.ratio) / kept.ratio;
    ctx.drawImage(known.picture, whole(x - known.width / 2), whole(y - known.height / 2), known.width, known.height);
  };
  // Names give way to the names of larger areas.
  const taken: { x: number; y: number; w: number }[] = [];
  for (const area of scene.areas) {
    const at = toScreen(view, size, area.at);
    if (view.zoom < area.from.name || !near(at, 0)) continue;
    const [x, y] = at;
    const w = Math.min(228, area.name.length * 13 + 8);
    if (taken.some((o) => Math.abs(o.y - y) < 22 && Math.abs(o.x - x) < (o.w + w) / 2)) continue;
    taken.push({ x, y, w });
    put(nameSign(area.name), x, y);
  }
  for (const mark of scene.marks) {
    const at = toScreen(view, size, mark.at);
    if (near(at, 24)) put(signOf(mark), ...at);
  }
  if (scene.chosen) put(CHOSEN_SIGN, ...toScreen(view, size, scene.chosen));
}
