/*
 * One or two curves over the last minutes, drawn small. The words round it say the same to who cannot see it: what it is
 * now, and the most that it was. A gap is a gap: where nothing was measured no line is drawn.
 */
import { useId } from 'react';
import { useTranslation } from 'react-i18next';

const W = 240;
const H = 56;

export interface CurveLine {
  points: readonly (number | null)[];
  /** Which of the page's colours. */
  tone: 'main' | 'second';
  name?: string;
}

/** Pieces of a line between gaps, as an SVG path; `full` points fill the width. */
export function pathOf(points: readonly (number | null)[], full: number, top: number, close: boolean): string {
  const x = (i: number): number => W - ((points.length - 1 - i) * W) / Math.max(1, full - 1);
  const y = (v: number): number => H - 1 - (Math.min(v, top) / top) * (H - 4);
  const out: string[] = [];
  let begin: number | null = null;
  points.forEach((value, i) => {
    if (value !== null) {
      if (begin === null) begin = i;
      out.push(`${begin === i ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`);
    }
    const ends = begin !== null && (value === null || i === points.length - 1);
    if (ends && begin !== null) {
      const last = value === null ? i - 1 : i;
      // A single point would not be seen.
      if (last === begin) out.push(`h1`);
      if (close) out.push(`L${x(last).toFixed(1)} ${H}L${x(begin).toFixed(1)} ${H}Z`);
      begin = null;
    }
  });
  return out.join('');
}

export function Curve({
  name,
  lines,
  stepS,
  minutes,
  show,
  top = 0,
  testid,
}: {
  name: string;
  lines: readonly CurveLine[];
  stepS: number;
  minutes: number;
  show: (value: number) => string;
  /** The scale reaches at least so far. */
  top?: number;
  testid: string;
}) {
  const { t } = useTranslation();
  const id = useId();
  const full = Math.max(2, Math.round((minutes * 60) / Math.max(1, stepS)));
  const shown = lines.map((l) => ({ ...l, points: l.points.slice(-full) }));
  const main = shown[0]?.points ?? [];
  // Two lines are parts of a whole: the figure is their sum.
  const sums = main.map((_, i) =>
    shown.reduce<number | null>((sum, l) => {
      const v = l.points[i] ?? null;
      return v === null ? sum : (sum ?? 0) + v;
    }, null),
  );
  const values = sums.filter((v): v is number => v !== null);
  const most = values.length > 0 ? Math.max(...values) : null;
  const now = sums.at(-1) ?? null;
  const scale = Math.max(top, most ?? 0, 1e-6);
  const said =
    most === null
      ? `${name}: ${t('box.curveNone')}`
      : t('box.curveSays', { name, now: now === null ? '–' : show(now), most: show(most), minutes });
  return (
    <figure className="curve" data-testid={testid}>
      <figcaption>
        <span id={id}>{name}</span>
        <b className="num">{now === null ? '–' : show(now)}</b>
      </figcaption>
      <svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={said}>
        <path className="curve-base" d={`M0 ${H - 0.5}H${W}`} />
        {shown.map((l, n) => {
          const points = n === 0 ? sums : l.points;
          return (
            <g key={l.tone} className={`curve-${l.tone}`}>
              <path className="curve-area" d={pathOf(points, full, scale, true)} />
              <path className="curve-line" d={pathOf(points, full, scale, false)} />
            </g>
          );
        })}
      </svg>
      <p className="dim num">
        {most === null ? t('box.curveNone') : t('box.most', { n: show(most) })}
        {shown.length > 1 && (
          <span className="curve-key">
            {shown.map((l) => (
              <span key={l.tone} className={`key-${l.tone}`}>
                {l.name}
              </span>
            ))}
          </span>
        )}
      </p>
    </figure>
  );
}
