/* What belongs to the alert: the row that it is counted under, the rows of its incident, and what is counted under them. */
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { useShallow } from 'zustand/react/shallow';
import { MEMBERS } from '../api/desk';
import type { Alert } from '../api/types';
import { useTimes } from '../lib/hooks';
import { errorText, kindText } from '../lib/words';
import { useLive } from '../state/live';
import { useMembers } from '../state/members';
import { newestFirst } from '../state/merge';
import { Thumb } from './alertrow';
import { SeveritySign } from './icons';
import { Skeleton, StateChip } from './parts';

/** Rows first, then what is counted under them; each newest first. */
function inOrder(a: Alert, b: Alert): number {
  const row = (x: Alert): number => (x.handling.how === 'row' ? 0 : 1);
  return row(a) - row(b) || newestFirst(a, b);
}

/** Most alerts are by themselves, and then nothing is asked. */
export function AlertMembers({ alert }: { alert: Alert }) {
  const { row, under } = alert.handling;
  const leads = under > 0 || row !== null;
  if (!leads && alert.incident === null) return null;
  return <Members alert={alert} lead={leads ? (row ?? alert.id) : null} />;
}

function Members({ alert, lead }: { alert: Alert; lead: string | null }) {
  const { t } = useTranslation();
  const { row, under } = alert.handling;
  const query = useMembers(lead, alert.incident);
  // Each as it is now, and not drawn again with what is told of others.
  const members = useLive(
    useShallow((s) => {
      const found = (query.data?.alerts ?? []).map((a) => s.alerts.get(a.id) ?? a);
      const above = row === null ? undefined : s.alerts.get(row);
      const all = above && !found.some((a) => a.id === above.id) ? [above, ...found] : found;
      return all.filter((a) => a.id !== alert.id).sort(inOrder);
    }),
  );

  if (query.data && members.length === 0 && under === 0) return null;
  return (
    <section className="card members" data-testid="members">
      <h3>
        {t('members.title')} <span className="num dim">{query.data?.more ? `${MEMBERS}+` : query.data ? members.length : ''}</span>
      </h3>
      <p className="dim small-text">{t(row !== null ? 'members.isUnder' : under > 0 ? 'members.leads' : 'members.shares', { count: under })}</p>
      {query.isError ? (
        <p className="form-error">{errorText(t, query.error)}</p>
      ) : query.isPending ? (
        <Skeleton rows={2} kind="row" />
      ) : (
        <ul>
          {members.map((m) => (
            <Member key={m.id} alert={m} lead={lead ?? alert.id} />
          ))}
        </ul>
      )}
      {query.data?.more && <p className="dim small-text">{t('members.more', { count: MEMBERS })}</p>}
    </section>
  );
}

function Member({ alert, lead }: { alert: Alert; lead: string }) {
  const { t } = useTranslation();
  const times = useTimes();
  const { search } = useLocation();
  const h = alert.handling;
  // In words: how it stands before the position, and why it is no row of its own.
  const how = alert.id === lead ? t('members.lead') : h.because ? t(`members.because.${h.because}`) : t(`members.how.${h.how}`);
  return (
    <li>
      <Link className="member" to={`/alerts/${encodeURIComponent(alert.id)}${search}`} data-testid="member" data-alert-id={alert.id}>
        <Thumb alert={alert} />
        <span className="member-text">
          <span className="member-line">
            <SeveritySign severity={h.priority} />
            <span className="visually-hidden">{t(`severity.${h.priority}`)}</span>
            <b>{kindText(t, alert)}</b>
            <span className="num dim">{times.moment(alert.opened, 'time')}</span>
          </span>
          <span>{alert.channelName}</span>
          <span className="dim">{how}</span>
        </span>
        <StateChip state={alert.state} />
      </Link>
    </li>
  );
}
