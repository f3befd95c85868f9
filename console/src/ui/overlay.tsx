/*
 * What is drawn over a picture: detection boxes and zones, in 0..1 coordinates of the picture, so that any size fits.
 * The boxes are data beside the picture and never part of it.
 */
import { useTranslation } from 'react-i18next';
import type { SeenObject, Zone } from '../api/types';
import { labelText } from '../lib/words';

const U = 1000;

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
  labels = false,
  ratio = 16 / 9,
  testid,
}: {
  objects: readonly SeenObject[];
  zones?: readonly Zone[];
  labels?: boolean;
  /** Width by height of the picture; only for the look of the corners. */
  ratio?: number;
  testid?: string;
}) {
  const { t } = useTranslation();
  // In a crowd the words would hide the people.
  const many = objects.length > 5;
  return (
    <>
      <svg className="overlay" viewBox={`0 0 ${U} ${U}`} preserveAspectRatio="none" aria-hidden="true">
        {zones.map((z) => (
          <polygon key={z.id} className="zone" points={z.polygon.map(([x, y]) => `${x * U},${y * U}`).join(' ')} />
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
      {labels &&
        zones.map((z) => {
          const top = z.polygon.reduce((a, b) => (b[1] < a[1] ? b : a));
          return (
            <span
              key={z.id}
              className="zone-label"
              style={{ left: `${Math.min(top[0], 0.8) * 100}%`, top: `${Math.min(top[1], 0.94) * 100}%` }}
            >
              {z.name}
            </span>
          );
        })}
      {labels &&
        objects.map((o, i) => {
          const { x, y, w, h } = o.bbox;
          const inside = y < 0.06;
          const right = x > 0.8;
          return (
            <span
              key={`${o.track}-${i}`}
              className={`box-label num ${many ? 'many' : ''} ${inside ? 'inside' : ''} ${right ? 'right' : ''}`}
              style={{
                ...(right ? { right: `${(1 - x - w) * 100}%` } : { left: `${x * 100}%` }),
                top: `${y * 100}%`,
                maxWidth: `${Math.max(w, 0.3) * 100}%`,
                ...(h > 0.97 ? { zIndex: 1 } : {}),
              }}
            >
              {!many && labelText(t, o.label)} <b>{Math.round(o.score * 100)}%</b>
            </span>
          );
        })}
    </>
  );
}
