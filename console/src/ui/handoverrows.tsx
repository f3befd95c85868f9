/* What one shift leaves to the next: rows that nobody has finished, and what is put aside. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { HandoverRow, HandoverState } from '../api/handover';
import { useTimes } from '../lib/hooks';
import { typeText } from '../lib/words';
import { Heads } from './heads';
import { Icon, type IconName } from './icons';
import { SeverityWord, StateChip } from './parts';

const SIGNS: Record<HandoverState, IconName> = { draft: 'pen', offered: 'connecting', accepted: 'check', withdrawn: 'undo' };

export function HandoverStateWord({ state }: { state: HandoverState }) {
  const { t } = useTranslation();
  return (
    <span className={`figure-verdict ho-${state}`} data-testid="handover-state" data-state={state}>
      <Icon name={SIGNS[state]} />
      {t(`handover.state.${state}`)}
    </span>
  );
}

/** Open ones first, then the shelved: of both how many there were, also where not all are listed. */
export function HandoverRows({ of }: { of: { rows: readonly HandoverRow[]; open: number; shelved: number } }) {
  const { t } = useTranslation();
  const shelved = of.rows.filter((r) => r.shelved !== null);
  const standing = of.rows.filter((r) => r.shelved === null);
  // Handovers from before all were counted say how many shelved ones they list.
  const allShelved = Math.max(of.shelved, shelved.length);
  const allStanding = Math.max(of.open - allShelved, standing.length);
  return (
    <>
      <section className="handover-part" data-testid="handover-open">
        <h3>{t('handover.openRows', { count: allStanding })}</h3>
        {allStanding === 0 && <p className="dim">{t('handover.noneOpen')}</p>}
        {standing.length > 0 && <RowTable rows={standing} />}
        <More count={allStanding - standing.length} />
      </section>
      <section className="handover-part" data-testid="handover-shelved">
        <h3>{t('handover.shelvedRows', { count: allShelved })}</h3>
        {allShelved === 0 && <p className="dim">{t('handover.noneShelved')}</p>}
        {shelved.length > 0 && <RowTable rows={shelved} />}
        <More count={allShelved - shelved.length} />
      </section>
    </>
  );
}

function More({ count }: { count: number }) {
  const { t } = useTranslation();
  return count > 0 ? <p className="dim num">{t('numbers.more', { count })}</p> : null;
}

function RowTable({ rows }: { rows: readonly HandoverRow[] }) {
  const { t } = useTranslation();
  const times = useTimes();
  return (
    <table className="figures handover-rows">
      <Heads of={[{ text: t('numbers.col.priority') }, { text: t('numbers.col.alert') }, { text: t('numbers.col.state') }, { text: t('handover.said') }]} />
      <tbody>
        {rows.map((r) => (
          <tr key={r.id} data-testid="handover-row">
            <td>
              <SeverityWord severity={r.priority} />
            </td>
            <th scope="row">
              <Link to={`/alerts/${encodeURIComponent(r.id)}`}>{typeText(t, r.kind)}</Link>
              <span className="dim under">
                {r.channelName} · <span className="num">{times.moment(r.since, 'short')}</span>
              </span>
            </th>
            <td>
              <StateChip state={r.state} />
              {r.owner !== null && <span className="dim under">{r.owner}</span>}
              {r.dispatchedTo !== null && <span className="dim under">{t('handover.to', { to: r.dispatchedTo })}</span>}
            </td>
            <td className="break">
              {r.shelved !== null && (
                <span className="under">
                  {t('handover.shelvedUntil', { until: times.moment(r.shelved.until, 'short'), by: r.shelved.by })} {r.shelved.reason}
                </span>
              )}
              {/* Why it was put aside may be the last that was said, too. */}
              {r.note !== null && r.note.text !== r.shelved?.reason && (
                <span className="under">
                  {r.note.text}
                  <span className="dim num">
                    {' '}
                    {r.note.by}, {times.moment(r.note.at, 'short')}
                  </span>
                </span>
              )}
              {r.note === null && r.shelved === null && <span className="dim">–</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
