/* What the desk says of a position that gets too much, and what its flood came to when it is over. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Position } from '../api/desk';
import { useTimes } from '../lib/hooks';
import { typeText } from '../lib/words';
import { Icon } from './icons';

/** Types that a digest tells one by one. */
const TOLD = 6;

export function FloodBanner({
  positions,
  named,
  collapsed,
  hidden,
  onCollapse,
}: {
  /** Those that are flooded. */
  positions: readonly Position[];
  /** Whether the position has to be named: there are several. */
  named: boolean;
  collapsed: boolean;
  /** Rows that stand behind others now. */
  hidden: number;
  onCollapse: (on: boolean) => void;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  if (positions.length === 0) return null;
  return (
    <div className="flood" role="status" data-testid="flood">
      <Icon name="flood" />
      <div className="flood-text">
        {positions.map((p) => (
          <p key={p.id}>
            <b>{named ? t('flood.sinceOf', { position: p.name, time: times.moment(p.flood?.since ?? Number.NaN, 'minute') }) : t('flood.since', { time: times.moment(p.flood?.since ?? Number.NaN, 'minute') })}</b>{' '}
            <span className="num">
              {t('flood.rows', { count: p.flood?.rows ?? 0 })}, {t('flood.collapsed', { count: p.flood?.collapsed ?? 0 })}
            </span>
          </p>
        ))}
        <label className="flood-switch">
          <input type="checkbox" checked={collapsed} data-testid="flood-collapse" onChange={(e) => onCollapse(e.target.checked)} />
          <span>{t('flood.collapse')}</span>
          {collapsed && hidden > 0 && <span className="num">{t('flood.hidden', { count: hidden })}</span>}
        </label>
      </div>
    </div>
  );
}

export function DigestCard({ position, named, onDismiss }: { position: Position; named: boolean; onDismiss: () => void }) {
  const { t } = useTranslation();
  const times = useTimes();
  const d = position.digest;
  if (!d) return null;
  const span = { from: times.moment(d.since, 'minute'), to: times.moment(d.until, 'minute') };
  return (
    <section className="digest" aria-label={t('flood.digest')} data-testid="digest">
      <div className="digest-head">
        <Icon name="flood" />
        <p>
          <b>{named ? t('flood.overOf', { ...span, position: position.name }) : t('flood.over', span)}</b>{' '}
          <span className="num">
            {t('flood.rows', { count: d.rows })}, {t('flood.collapsed', { count: d.collapsed })}
          </span>
        </p>
        <button type="button" className="ghost" title={t('flood.dismiss')} aria-label={t('flood.dismiss')} data-testid="digest-dismiss" onClick={onDismiss}>
          <Icon name="cross" />
        </button>
      </div>
      <details>
        <summary>{t('flood.what')}</summary>
        {d.came.length > 0 && (
          <ul className="digest-came" aria-label={t('flood.came')}>
            {d.came.slice(0, TOLD).map((c) => (
              <li key={c.kind}>
                {c.kind === '' ? t('flood.others') : typeText(t, c.kind)} <b className="num">{c.count}</b>
              </li>
            ))}
          </ul>
        )}
        {d.leads.length > 0 && (
          <>
            <h3>{t('flood.leads')}</h3>
            <ol className="digest-leads">
              {d.leads.map((l) => (
                <li key={l.alert}>
                  <Link to={`/alerts/${encodeURIComponent(l.alert)}`}>
                    {typeText(t, l.kind)} · {l.channelName}
                  </Link>{' '}
                  <b className="num">+{l.under}</b>
                </li>
              ))}
            </ol>
          </>
        )}
      </details>
    </section>
  );
}
