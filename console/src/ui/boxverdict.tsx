/* How the box is, in one sentence and the points behind it: the same on every page that says it. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Box } from '../api/box';
import { interval, percent, verdict } from '../lib/boxwords';
import { useTimes } from '../lib/hooks';
import { Icon } from './icons';
import { Said } from './said';

export function BoxVerdict({ box, stale, testid = 'box-verdict', more }: { box: Box; stale: boolean; testid?: string; more?: ReactNode }) {
  const { t } = useTranslation();
  const times = useTimes();
  const { mood, points } = verdict(box);
  const shown = stale ? 'bad' : mood;
  const busy = percent(box.load.workersBusy);
  const what =
    box.watched === 0
      ? t('box.sentence.none')
      : box.intervalS === null
        ? box.uptimeS > 60
          ? t('box.sentence.blind', { count: box.watched })
          : t('box.starting')
        : t('box.sentence.looks', { count: box.watched, interval: interval(t, box.intervalS), busy });
  return (
    <section className={`card wide verdict mood-${shown === 'good' ? 'online' : shown === 'busy' ? 'degraded' : 'offline'}`} data-testid={testid} data-mood={shown}>
      <h2>
        <Icon name={shown === 'good' ? 'check' : shown === 'busy' ? 'misconfigured' : 'offline'} />
        <span className="num">{what}</span>
      </h2>
      {stale && <p>{t('box.sentence.old', { time: times.moment(box.at, 'time') })}</p>}
      {points.length === 0 && box.degraded.length === 0 ? (
        <p>{t('box.sentence.good')}</p>
      ) : (
        <ul className="degraded">
          {points.map((p) => (
            <li key={p} data-testid="box-point" data-point={p}>
              {t(`box.point.${p}`)}
              {p === 'away' && (
                <>
                  {' '}
                  <Link to="/channels">{t('box.showChannels')}</Link>
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {box.degraded.length > 0 && (
        <>
          <h3>{t('box.degraded')}</h3>
          <ul className="degraded">
            {box.degraded.map((d) => (
              <li key={d}>
                <Said text={d} />
              </li>
            ))}
          </ul>
        </>
      )}
      {more}
    </section>
  );
}
