/*
 * What is drawn over a picture: detection boxes and zones, in 0..1 coordinates of the picture, so that any size fits.
 * The boxes are data beside the picture and never part of it.
 */
import { useMemo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Line, Zone } from '../api/channel';
import type { SeenObject } from '../api/types';
import { forwardArrow } from '../lib/geometry';
import { useWidth } from '../lib/hooks';
import { emsOf, placeLabels } from '../lib/labels';
import { labelText } from '../lib/words';

const U = 1000;
/** Sizes of the words in rem, and their height; base.css says the same. */
const BIG = 0.8;
const SMALL = 0.694;
const LINE = 1.4;
/** Until the picture has a size. */
const UNMEASURED = 640;

/** The four corners of a box, each as long as a quarter of the shorter side. */
function corners(x: number, y: number, w: number, h: number, ratio: number): string {
  const l = Math.min(w * ratio, h) * 0.26;
  const lx = l / ratio;
  return [
    `M${x} ${y + l}V${y}H${x + lx}`,
    `M${x + w - lx} ${y}H${x + w}V${y + l}`,
    `M${x + w} ${y + h - l}V${y + h}H${x + w - lx}`,
    `M${x + lx} ${y + h}H${x}V${y + h - l}`,
  ].join('');
}

export function Boxes({
  objects,
  zones = [],
  lines = [],
  labels = false,
  ratio = 16 / 9,
  testid,
}: {
  objects: readonly SeenObject[];
  zones?: readonly Zone[];
  lines?: readonly Line[];
  labels?: boolean;
  /** Width by height of the picture; only for the look of the corners. */
  ratio?: number;
  testid?: string;
}) {
  return (
    <>
      <svg className="overlay" viewBox={`0 0 ${U} ${U}`} preserveAspectRatio="none" aria-hidden="true">
        {zones.map((z) => (
          <polygon key={z.id} className="zone" points={z.polygon.map(([x, y]) => `${x * U},${y * U}`).join(' ')} />
        ))}
        {lines.map((l) => (
          <LineMark key={l.id} line={l} ratio={ratio} />
        ))}
        {objects.map((o, i) => {
          const { x, y, w, h } = o.bbox;
          return (
            <g key={`${o.track}-${i}`} className="box">
              <rect
                data-testid={testid}
                data-x={x}
                data-y={y}
                data-w={w}
                data-h={h}
                data-label={o.label}
                x={x * U}
                y={y * U}
                width={w * U}
                height={h * U}
              />
              <path d={corners(x * U, y * U, w * U, h * U, ratio)} />
            </g>
          );
        })}
      </svg>
      {labels && <Labels objects={objects} zones={zones} ratio={ratio} />}
    </>
  );
}

/** A line with the arrow that says which way is forward. */
function LineMark({ line, ratio }: { line: Line; ratio: number }) {
  const arrow = forwardArrow(line.points, ratio);
  const list = (points: readonly (readonly [number, number])[]): string => points.map(([x, y]) => `${x * U},${y * U}`).join(' ');
  return (
    <g className="crossing">
      <polyline points={list(line.points)} />
      {arrow && <polyline points={list([arrow.from, arrow.to])} />}
      {arrow && <polyline points={list([arrow.head[0], arrow.to, arrow.head[1]])} />}
    </g>
  );
}

/** The names of zones and boxes, so that none lies on another. */
function Labels({ objects, zones, ratio }: { objects: readonly SeenObject[]; zones: readonly Zone[]; ratio: number }) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const rem = width > 0 ? Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16 : 16;
  const { names, words } = useMemo(() => {
    const picture = { width: width || UNMEASURED, height: (width || UNMEASURED) / ratio };
    const room = (text: string, size: number): number => Math.min(Math.ceil((emsOf(text) * size + 0.6) * rem), picture.width);
    const names = zones.map((z) => {
      const [x, y] = z.polygon.reduce((a, b) => (b[1] < a[1] ? b : a));
      const w = Math.min(room(z.name, BIG), picture.width * 0.4);
      const h = BIG * LINE * rem;
      return { id: z.id, name: z.name, x: Math.min(x * picture.width, picture.width - w), y: Math.min(y * picture.height, picture.height - h), w, h };
    });
    // In a crowd, and in a small picture, whole words would hide the people.
    const many = objects.length > (picture.width < 30 * rem ? 2 : 5);
    const size = many ? SMALL : BIG;
    const words = objects.map((o) => {
      const percent = `${Math.round(o.score * 100)}%`;
      return many ? [percent] : [`${labelText(t, o.label)} ${percent}`, percent];
    });
    const places = placeLabels(
      objects.map((o, i) => ({
        box: { x: o.bbox.x * picture.width, y: o.bbox.y * picture.height, w: o.bbox.w * picture.width, h: o.bbox.h * picture.height },
        widths: (words[i] ?? []).map((w) => room(w, size)),
        score: o.score,
      })),
      picture,
      size * LINE * rem,
      names,
    );
    const share = (at: { left: number; top: number }) => ({ left: `${(at.left / picture.width) * 100}%`, top: `${(at.top / picture.height) * 100}%` });
    return {
      names: names.map((n) => ({ ...n, at: { ...share({ left: n.x, top: n.y }), maxWidth: n.w } })),
      words: places.flatMap((p, i) => (p ? [{ i, many, text: words[i]?.[p.text] ?? '', at: { ...share(p), maxWidth: p.width } }] : [])),
    };
  }, [objects, zones, ratio, width, rem, t]);
  return (
    <div ref={frame} className="labels">
      {names.map((n) => (
        <span key={n.id} className="zone-label" style={n.at}>
          {n.name}
        </span>
      ))}
      {words.map((w) => (
        <span key={w.i} className={`box-label num ${w.many ? 'many' : ''}`} style={w.at}>
          {w.text}
        </span>
      ))}
    </div>
  );
}
