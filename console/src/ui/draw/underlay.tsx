/*
 * What lies under the shapes: where objects went in the last hours, as thin paths, and how long they stood where, as a
 * heat map. Both are hints to the eye; the numbers stand in the dry run.
 */
import { useEffect, useRef } from 'react';
import type { Path, Traces } from '../../api/rules';

const U = 1000;

export function Ghosts({ paths }: { paths: readonly Path[] }) {
  return (
    <svg className="overlay ghosts" viewBox={`0 0 ${U} ${U}`} preserveAspectRatio="none" aria-hidden="true" data-testid="ghosts" data-count={paths.length}>
      {paths.map((p, i) => {
        const last = p.points.at(-1);
        return (
          <g key={i}>
            <polyline points={p.points.map(([x, y]) => `${x * U},${y * U}`).join(' ')} />
            {last && <line x1={last[0] * U} y1={last[1] * U} x2={last[0] * U} y2={last[1] * U} />}
          </g>
        );
      })}
    </svg>
  );
}

/** Cool to hot, from nothing to all of it; the alpha grows with it, so that the picture stays to be seen. */
function colour(share: number): [number, number, number, number] {
  const stops = [
    [64, 96, 255],
    [32, 200, 190],
    [250, 210, 60],
    [255, 60, 60],
  ] as const;
  const at = Math.min(0.999, share) * (stops.length - 1);
  const [a, b] = [stops[Math.floor(at)] ?? stops[0], stops[Math.floor(at) + 1] ?? stops[3]];
  const mix = (i: 0 | 1 | 2): number => Math.round(a[i] + (b[i] - a[i]) * (at % 1));
  return [mix(0), mix(1), mix(2), Math.round(60 + 150 * share)];
}

export function Heat({ heat }: { heat: Traces['heat'] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const c = canvas.current;
    const context = c?.getContext('2d');
    if (!c || !context || heat.columns === 0) return;
    const image = context.createImageData(heat.columns, heat.rows);
    // By the logarithm: a bench would hide every path.
    const most = Math.log1p(Math.max(...heat.cells, 0));
    heat.cells.forEach((seconds, i) => {
      if (seconds <= 0 || most === 0) return;
      image.data.set(colour(Math.log1p(seconds) / most), i * 4);
    });
    context.putImageData(image, 0, 0);
  }, [heat]);
  return <canvas ref={canvas} className="heat" width={Math.max(1, heat.columns)} height={Math.max(1, heat.rows)} aria-hidden="true" data-testid="heat" />;
}
