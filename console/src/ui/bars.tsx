/*
 * Counts over time as bars, and counts by kind as a list with bars behind the words. The bars over time can be chosen, which
 * narrows the page to that time; the same figures stand in a table for who does not see them.
 */
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';

const W = 480;
const H = 96;

export interface Bar {
  key: string;
  /** In full, for the table and the tip. */
  name: string;
  /** Below the bar. */
  short: string;
  count: number;
}

export function TimeBars({ title, bars, onChoose, testid }: { title: string; bars: readonly Bar[]; onChoose: (at: number) => void; testid: string }) {
  const { t } = useTranslation();
  const id = useId();
  const [at, setAt] = useState<number | null>(null);
  const top = Math.max(1, ...bars.map((b) => b.count));
  const step = W / Math.max(1, bars.length);
  const gap = step > 6 ? Math.min(3, step * 0.2) : 0;
  const most = bars.reduce<Bar | null>((m, b) => (m === null || b.count > m.count ? b : m), null);
  const shown = at === null ? null : (bars[at] ?? null);
  const ticks = bars.length < 2 ? bars : [bars[0], bars[Math.floor(bars.length / 2)], bars.at(-1)].filter((b): b is Bar => b !== undefined);
  const column = (clientX: number, box: DOMRect): number => Math.max(0, Math.min(bars.length - 1, Math.floor(((clientX - box.left) / Math.max(1, box.width)) * bars.length)));
  return (
    <figure className="time-bars" data-testid={testid}>
      <figcaption>
        <span id={id}>{title}</span>
        <span className="dim num">{shown ? `${shown.name}: ${shown.count}` : most ? t('past.most', { n: most.count, when: most.name }) : ''}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${W} ${H}`}
        preserveAspectRatio="none"
        role="img"
        aria-labelledby={id}
        onPointerMove={(e) => setAt(column(e.clientX, e.currentTarget.getBoundingClientRect()))}
        onPointerLeave={() => setAt(null)}
        onClick={(e) => bars.length > 0 && onChoose(column(e.clientX, e.currentTarget.getBoundingClientRect()))}
      >
        <path className="curve-base" d={`M0 ${H - 0.5}H${W}`} />
        {bars.map((b, i) => {
          const height = b.count === 0 ? 0 : Math.max(2, (b.count / top) * (H - 6));
          return <rect key={b.key} className={i === at ? 'on' : ''} x={i * step + gap / 2} y={H - 1 - height} width={Math.max(0.8, step - gap)} height={height} />;
        })}
      </svg>
      <div className="bar-ticks dim num" aria-hidden="true">
        {ticks.map((b) => (
          <span key={b.key}>{b.short}</span>
        ))}
      </div>
      <details className="bar-table">
        <summary>{t('past.asTable')}</summary>
        <div className="bar-table-scroll" tabIndex={0} role="region" aria-label={title}>
          <table className="figures">
            <tbody>
              {bars.map((b, i) => (
                <tr key={b.key}>
                  <th scope="row">
                    <button type="button" className="link" onClick={() => onChoose(i)}>
                      {b.name}
                    </button>
                  </th>
                  <td className="right num">{b.count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** A list: its words and figures are the text of the chart. Choosing one narrows the page to it. */
export function KindBars({ bars, chosen, onChoose, label, testid }: { bars: readonly Bar[]; chosen: string; onChoose: (key: string) => void; label: string; testid: string }) {
  const top = Math.max(1, ...bars.map((b) => b.count));
  return (
    <ul className="kind-bars" aria-label={label} data-testid={testid}>
      {bars.map((b) => (
        <li key={b.key}>
          <button type="button" aria-pressed={b.key !== '' && b.key === chosen} disabled={b.key === ''} title={b.name} onClick={() => onChoose(b.key === chosen ? '' : b.key)}>
            <span className="kind-name">{b.name}</span>
            <span className="num">{b.count}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">
              <rect width={Math.max(0.6, (b.count / top) * 100)} height="4" />
            </svg>
          </button>
        </li>
      ))}
    </ul>
  );
}
