/* Figures beside their targets: a sign and a word say whether each is kept, the colour only repeats it. */
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { Numbers, Verdict } from '../api/numbers';
import { useTimes } from '../lib/hooks';
import { FIGURES, figureOf, figureText, grouped, overall, targetText, valueText, type FigureName } from '../lib/numberwords';
import { listText, windowText } from '../lib/words';
import { Icon, type IconName } from './icons';

const SIGNS: Record<Verdict, IconName> = { good: 'check', watch: 'misconfigured', bad: 'refused', few: 'few' };

export function VerdictWord({ of, testid }: { of: Verdict; testid?: string }) {
  const { t } = useTranslation();
  return (
    <span className={`figure-verdict v-${of}`} data-testid={testid} data-verdict={of}>
      <Icon name={SIGNS[of]} />
      {t(`numbers.verdict.${of}`)}
    </span>
  );
}

/** One figure on a card of its own. */
export function FigureTile({ name, numbers }: { name: FigureName; numbers: Numbers }) {
  const { t } = useTranslation();
  const figure = figureOf(numbers, name);
  return (
    <section className={`card quarter tile figure-tile v-${figure.verdict}`} data-testid={`figure-${name}`}>
      <h2>{figureText(t, numbers, name)}</h2>
      <p className="figure num">{valueText(name, figure.value)}</p>
      <VerdictWord of={figure.verdict} />
      <p className="dim num">{targetText(t, name, figure)}</p>
    </section>
  );
}

/** All figures in a short table, as a handover holds them. */
export function FigureTable({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  return (
    <table className="figures figure-table">
      <thead>
        <tr>
          <th scope="col">{t('numbers.col.figure')}</th>
          <th scope="col" className="right">
            {t('numbers.col.value')}
          </th>
          <th scope="col">{t('numbers.col.verdict')}</th>
          <th scope="col" className="target-col">
            {t('numbers.col.target')}
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">{t('numbers.rows')}</th>
          <td className="right num">{numbers.rows}</td>
          <td />
          <td className="target-col" />
        </tr>
        {FIGURES.map((name) => {
          const f = figureOf(numbers, name);
          return (
            <tr key={name}>
              <th scope="row">{figureText(t, numbers, name)}</th>
              <td className="right num">{valueText(name, f.value)}</td>
              <td>
                <VerdictWord of={f.verdict} />
              </td>
              <td className="dim num target-col">{targetText(t, name, f)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** One sentence over all figures. */
export function OverallVerdict({ numbers }: { numbers: Numbers }) {
  const { t, i18n } = useTranslation();
  const { verdict, bad, watch } = overall(numbers);
  const names = (of: FigureName[]): string => listText(i18n.language, of.map((f) => figureText(t, numbers, f)));
  return (
    <section className={`card wide verdict figure-overall v-${verdict}`} data-testid="numbers-overall" data-verdict={verdict}>
      <h2>
        <Icon name={SIGNS[verdict]} />
        {numbers.rows === 0 ? t('numbers.overallNone') : t(`numbers.overall.${verdict}`)}
      </h2>
      {bad.length > 0 && <p>{t('numbers.overBad', { names: names(bad) })}</p>}
      {watch.length > 0 && <p>{t('numbers.overWatch', { names: names(watch) })}</p>}
    </section>
  );
}

const BARS = 144;
const W = 720;
const H = 96;

/** Rows of each window of a flood, with the line from which on a position is flooded. */
export function WindowBars({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const times = useTimes();
  const id = useId();
  const { rows, flood, seconds, together } = numbers.windows;
  const { bars, each } = grouped(rows, BARS);
  const top = Math.max(flood * 1.3, ...bars) || 1;
  const width = W / Math.max(1, bars.length);
  const y = (n: number): number => H - (n / top) * (H - 4);
  const most = Math.max(0, ...rows);
  const at = rows.indexOf(most);
  const said = most === 0 ? t('numbers.windowsNone') : t('numbers.windowsSay', { most, window: windowText(t, seconds), at: times.moment(numbers.from + at * together * seconds * 1000, 'short'), flood });
  return (
    <figure className="window-bars">
      <svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-labelledby={id}>
        {bars.map((n, i) => n > 0 && <rect key={i} className={n > flood ? 'over' : ''} x={i * width + width * 0.1} width={Math.max(1, width * 0.8)} y={y(n)} height={H - y(n)} />)}
        <path className="flood-line" d={`M0 ${y(flood)}H${W}`} />
        <path className="curve-base" d={`M0 ${H - 0.5}H${W}`} />
      </svg>
      <p className="axis dim num" aria-hidden="true">
        <span>{times.moment(numbers.from, 'short')}</span>
        <span>{times.moment(numbers.to, 'short')}</span>
      </p>
      <figcaption id={id} className="num">
        {said}
        {each * together > 1 && <span className="dim"> {t('numbers.windowsEach', { span: windowText(t, each * together * seconds) })}</span>}
      </figcaption>
    </figure>
  );
}
