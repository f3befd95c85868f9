/* What is known of an alert, and the times of the event that is looked at. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Alert, EventFact } from '../api/types';
import { useTimes } from '../lib/hooks';
import { rateText } from '../lib/words';
import { useZone } from '../state/channels';
import { usePositionName } from '../state/positionnames';
import { Fact, Moment } from './parts';
import { Said } from './said';

export function AlertFacts({ alert, fact }: { alert: Alert; fact: EventFact | null }) {
  const { t } = useTranslation();
  const zones = useZone(alert.channel, alert.zone);
  const position = usePositionName(alert.handling.position ?? '');
  return (
    <section className="card">
      <h3>{t('detail.facts')}</h3>
      <dl className="facts">
        <Fact name={t('detail.opened')}>
          <Moment at={alert.opened} />
        </Fact>
        <Fact name={t('detail.updated')}>
          <Moment at={alert.updated} />
        </Fact>
        {alert.health && (
          <Fact name={t('detail.wrong')}>
            <Said text={alert.health.reason} />
          </Fact>
        )}
        <Fact name={t('detail.owner')}>{alert.owner ?? <span className="dim">{t('detail.nobody')}</span>}</Fact>
        {alert.handling.position && (
          <Fact name={t('detail.position')}>
            <span title={alert.handling.position}>{position}</span>
          </Fact>
        )}
        {alert.handling.dispatchedTo && <Fact name={t('detail.dispatchedTo')}>{alert.handling.dispatchedTo}</Fact>}
        {alert.handling.shelved && (
          <Fact name={t('detail.shelf')}>
            {alert.handling.shelved.reason} <span className="dim">{t('detail.by', { user: alert.handling.shelved.by })}</span>
          </Fact>
        )}
        {alert.handling.heldBack > 0 && (
          <Fact name={t('detail.heldBack')}>
            <span className="num">{alert.handling.heldBack}</span>
          </Fact>
        )}
        {alert.handling.row && (
          <Fact name={t('detail.row')}>
            <Link to={`/alerts/${encodeURIComponent(alert.handling.row)}`}>{t('detail.show')}</Link>
          </Fact>
        )}
        {alert.handling.recurs && (
          <Fact name={t('detail.recurs')}>
            <Link to={`/alerts/${encodeURIComponent(alert.handling.recurs)}`}>{t('detail.show')}</Link>
          </Fact>
        )}
        <Fact name={t('detail.zone')}>{zones[0]?.name ?? alert.zone ?? <span className="dim">{t('detail.wholePicture')}</span>}</Fact>
        <Fact name={t('detail.rule')}>
          <span className="mono">{alert.rule.id}</span> <span className="dim mono">{alert.rule.revision.slice(0, 12)}</span>
        </Fact>
        {fact && (
          <>
            <Fact name={t('detail.seen')}>
              <TimeOf at={fact.seen} />{' '}
              <span className="dim">
                {t(fact.clock === 'camera' ? 'detail.clockCamera' : 'detail.clockGateway')}
                {fact.skewMs !== null && Math.abs(fact.skewMs) >= 1000 && ` · ${t('detail.skew', { ms: fact.skewMs })}`}
              </span>
            </Fact>
            <Fact name={t('detail.ingested')}>
              <TimeOf at={fact.ingested} /> <Later from={fact.seen} to={fact.ingested} />
            </Fact>
            <Fact name={t('detail.committed')}>
              <TimeOf at={fact.committed} /> <Later from={fact.seen} to={fact.committed} />
            </Fact>
            {fact.model && (
              <Fact name={t('detail.model')}>
                {fact.model.name} <span className="dim mono">{fact.model.sha256.slice(0, 8)}</span>
              </Fact>
            )}
            <Fact name={t('detail.rate')}>
              <span className="num">{rateText(t, fact.rateHz)}</span>
            </Fact>
          </>
        )}
        <Fact name={t('detail.id')}>
          <span className="mono break">{alert.id}</span>
        </Fact>
      </dl>
    </section>
  );
}

function TimeOf({ at }: { at: number }) {
  const times = useTimes();
  return <span className="num">{times.moment(at, 'time')}</span>;
}

function Later({ from, to }: { from: number; to: number }) {
  const { t } = useTranslation();
  const ms = to - from;
  if (!Number.isFinite(ms) || ms < 0) return null;
  return <span className="dim num">+{t('unit.ms', { n: Math.round(ms) })}</span>;
}
