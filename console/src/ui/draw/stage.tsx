/*
 * The picture with what is drawn on it. Shapes are graphics; every point of the chosen one is a button, so that Tab goes
 * from point to point and a screen reader says where each stands. With the mouse points are dragged, and a new shape is
 * put down point by point; with the keyboard arrows move, Enter adds, Delete removes, Escape leaves.
 */
import { useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import * as draw from '../../lib/drawing';
import { between, forwardArrow, middle, type Pt } from '../../lib/geometry';
import { Icon } from '../icons';

const U = 1000;
/** Of an arrow key, in shares of the picture: usual, with Shift, with Alt. */
const STEP = 0.01;
const LEAP = 0.05;
const CREEP = 0.001;

const at = ([x, y]: Pt): { left: string; top: string } => ({ left: `${x * 100}%`, top: `${y * 100}%` });
const list = (points: readonly Pt[]): string => points.map(([x, y]) => `${x * U},${y * U}`).join(' ');
const percent = (v: number): number => Math.round(v * 100);

function arrowOf(e: KeyboardEvent): Pt | null {
  const step = e.shiftKey ? LEAP : e.altKey ? CREEP : STEP;
  switch (e.key) {
    case 'ArrowLeft':
      return [-step, 0];
    case 'ArrowRight':
      return [step, 0];
    case 'ArrowUp':
      return [0, -step];
    case 'ArrowDown':
      return [0, step];
    default:
      return null;
  }
}

export function Stage({
  drawing,
  ratio,
  change,
  onLeave,
  say,
}: {
  drawing: draw.Drawing;
  ratio: number;
  change: (how: (d: draw.Drawing) => draw.Drawing) => void;
  /** The focus goes back to the list. */
  onLeave: () => void;
  say: (text: string) => void;
}) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const points = useRef<(HTMLButtonElement | null)[]>([]);
  const [drag, setDrag] = useState<{ index: number | 'all'; from: Pt } | null>(null);
  const chosen = draw.chosenOf(drawing);
  const { draft } = drawing;

  const where = (e: { clientX: number; clientY: number }): Pt => {
    const box = frame.current?.getBoundingClientRect();
    if (!box || box.width === 0 || box.height === 0) return [0, 0];
    return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
  };
  const focusPoint = (index: number): void => {
    // After the buttons stand where they belong.
    requestAnimationFrame(() => points.current[index]?.focus());
  };
  const told = (p: Pt): { x: number; y: number } => ({ x: percent(p[0]), y: percent(p[1]) });

  // --- Keys ---
  const onPointKey = (e: KeyboardEvent, key: number, index: number): void => {
    const by = arrowOf(e);
    const shape = chosen;
    if (!shape) return;
    const n = shape.points.length;
    if (by) {
      const p = shape.points[index];
      change((d) => draw.movePoint(d, key, index, by[0], by[1]));
      if (p) say(t('draw.at', told([Math.min(1, Math.max(0, p[0] + by[0])), Math.min(1, Math.max(0, p[1] + by[1]))])));
    } else if (e.key === 'Enter') {
      const added = draw.insertAfter(drawing, key, index);
      if (added.drawing !== drawing) {
        change(() => added.drawing);
        focusPoint(added.index);
        say(t('draw.added', { n: n + 1 }));
      }
    } else if (e.key === 'Delete' || e.key === 'Backspace') {
      if (n <= draw.least(shape.kind)) say(t('draw.needed', { n }));
      else {
        change((d) => draw.removePoint(d, key, index));
        focusPoint(Math.min(index, n - 2));
        say(t('draw.removedPoint', { n: n - 1 }));
      }
    } else if (e.key === 'Escape') {
      change((d) => draw.choose(d, null));
      onLeave();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const onShapeKey = (e: KeyboardEvent, key: number): void => {
    const by = arrowOf(e);
    if (by) change((d) => draw.moveShape(d, key, by[0], by[1]));
    else if (e.key === 'Delete') {
      change((d) => draw.removeShape(d, key));
      onLeave();
    } else if (e.key === 'Escape') {
      change((d) => draw.choose(d, null));
      onLeave();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const onDraftKey = (e: KeyboardEvent): void => {
    if (!draft) return;
    const by = arrowOf(e);
    if (by) {
      const to: Pt = [draft.at[0] + by[0], draft.at[1] + by[1]];
      change((d) => draw.aim(d, to));
      say(t('draw.at', told([Math.min(1, Math.max(0, to[0])), Math.min(1, Math.max(0, to[1]))])));
    } else if (e.key === 'Enter' || e.key === ' ') {
      const after = draw.drop(drawing, ratio);
      change(() => after);
      if (after.draft) say(t('draw.put', { n: after.draft.points.length }));
      else {
        say(t('draw.finished'));
        focusPoint(0);
      }
    } else if (e.key === 'Backspace' || e.key === 'Delete') change(draw.undo);
    else if (e.key === 'Escape') {
      change(draw.cancel);
      onLeave();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  // --- Pointer ---
  const onDown = (e: PointerEvent): void => {
    if (!draft || e.button !== 0) return;
    e.preventDefault();
    frame.current?.focus();
    const p = where(e);
    const after = draw.drop(draw.aim(drawing, p), ratio);
    change(() => after);
    if (!after.draft) focusPoint(0);
  };
  const grab = (e: PointerEvent, index: number | 'all'): void => {
    if (draft || e.button !== 0) return;
    e.stopPropagation();
    (e.currentTarget as Element).setPointerCapture(e.pointerId);
    change(draw.seal);
    setDrag({ index, from: where(e) });
  };
  const onMove = (e: PointerEvent): void => {
    const p = where(e);
    if (draft) change((d) => draw.aim(d, p));
    if (!drag || !chosen) return;
    if (drag.index === 'all') {
      change((d) => draw.moveShape(d, chosen.key, p[0] - drag.from[0], p[1] - drag.from[1]));
      setDrag({ ...drag, from: p });
    } else {
      const { index } = drag;
      change((d) => draw.setPoint(d, chosen.key, index, p));
    }
  };
  const drop = (): void => {
    if (!drag) return;
    setDrag(null);
    change(draw.seal);
  };

  const kindName = (kind: draw.ShapeKind): string => t(`draw.kind.${kind}`);
  return (
    <div
      ref={frame}
      className={`draw-stage ${draft ? 'drafting' : ''}`}
      data-testid="draw-stage"
      role={draft ? 'application' : 'group'}
      aria-label={draft ? t('draw.stageDraft', { what: kindName(draft.kind) }) : t('draw.stage')}
      aria-describedby="draw-keys"
      tabIndex={draft ? 0 : -1}
      onKeyDown={onDraftKey}
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={drop}
      onPointerCancel={drop}
    >
      <svg className="overlay shapes" viewBox={`0 0 ${U} ${U}`} preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <pattern id="hatch-privacy" width="14" height="14" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="14" height="14" className="hatch-ground" />
            <rect width="6" height="14" className="hatch-privacy" />
          </pattern>
          <pattern id="hatch-ignore" width="18" height="18" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
            <rect width="4" height="18" className="hatch-ignore" />
          </pattern>
        </defs>
        {drawing.shapes.map((s) => (
          <Drawn
            key={s.key}
            shape={s}
            ratio={ratio}
            chosen={s.key === drawing.chosen}
            onGrab={(e) => {
              if (draft) return;
              if (s.key === drawing.chosen) grab(e, 'all');
              else change((d) => draw.choose(d, s.key));
            }}
          />
        ))}
        {draft && draft.points.length > 0 && (
          <g className={`shape is-${draft.kind} draft`}>
            <polyline points={list([...draft.points, draft.at])} />
          </g>
        )}
      </svg>
      {draft && (
        <>
          {draft.points.map((p, i) => (
            <span key={i} className="draw-dot" style={at(p)} aria-hidden="true" />
          ))}
          <span className="draw-aim" style={at(draft.at)} aria-hidden="true" />
        </>
      )}
      {chosen && !draft && (
        <>
          {chosen.points.map((p, i) => (
            <button
              key={i}
              ref={(b) => {
                points.current[i] = b;
              }}
              type="button"
              className="draw-point"
              style={at(p)}
              data-testid="draw-point"
              data-index={i}
              data-x={p[0]}
              data-y={p[1]}
              aria-label={t('draw.point', { i: i + 1, n: chosen.points.length, ...told(p) })}
              onKeyDown={(e) => onPointKey(e, chosen.key, i)}
              onBlur={() => change(draw.seal)}
              onPointerDown={(e) => grab(e, i)}
            />
          ))}
          {chosen.points.map((p, i) => {
            const next = chosen.points[i + 1] ?? (chosen.kind === 'line' ? undefined : chosen.points[0]);
            if (!next || chosen.points.length >= draw.MAX_POINTS) return null;
            return (
              <button
                key={`m${i}`}
                type="button"
                // By keyboard Enter on a point does the same.
                tabIndex={-1}
                className="draw-mid"
                style={at(between(p, next))}
                aria-label={t('draw.addHere')}
                onPointerDown={(e) => e.stopPropagation()}
                onClick={() => {
                  const added = draw.insertAfter(drawing, chosen.key, i);
                  change(() => added.drawing);
                  focusPoint(added.index);
                }}
              />
            );
          })}
          <button
            type="button"
            className="draw-whole"
            style={at(middle(chosen.points))}
            data-testid="draw-whole"
            aria-label={t('draw.whole')}
            title={t('draw.whole')}
            onKeyDown={(e) => onShapeKey(e, chosen.key)}
            onBlur={() => change(draw.seal)}
            onPointerDown={(e) => grab(e, 'all')}
          >
            <Icon name="move" />
          </button>
        </>
      )}
    </div>
  );
}

function Drawn({ shape, ratio, chosen, onGrab }: { shape: draw.Shape; ratio: number; chosen: boolean; onGrab: (e: PointerEvent) => void }) {
  const { kind, points } = shape;
  const arrow = kind === 'line' ? forwardArrow(points, ratio) : null;
  return (
    <g
      className={`shape is-${kind} ${chosen ? 'chosen' : ''}`}
      data-testid="draw-shape"
      data-kind={kind}
      data-id={shape.id}
      onPointerDown={onGrab}
    >
      {kind === 'line' ? (
        <>
          <polyline className="wide" points={list(points)} />
          <polyline points={list(points)} />
          {arrow && (
            <>
              <polyline className="arrow" points={list([arrow.from, arrow.to])} />
              <polyline className="arrow" points={list([arrow.head[0], arrow.to, arrow.head[1]])} />
            </>
          )}
        </>
      ) : (
        <polygon points={list(points)} />
      )}
    </g>
  );
}
