/* What belongs to the alert: the row that it is counted under, the rows of its incident, and what is counted under them. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { deskApi, MEMBERS } from '../api/desk';
import type { Alert } from '../api/types';
import { useTimes } from '../lib/hooks';
import { errorText, kindText } from '../lib/words';
import { absorb, useLive } from '../state/live';
import { newestFirst } from '../state/merge';
import { Thumb } from './alertrow';
import { SeveritySign } from './icons';
import { Skeleton, StateChip } from './parts';

/** Rows first, then what is counted under them; each newest first. */
function inOrder(a: Alert, b: Alert): number {
  const row = (x: Alert): number => (x.handling.how === 'row' ? 0 : 1);
  return row(a) - row(b) || newestFirst(a, b);
}

export function AlertMembers({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const { row, under } = alert.handling;
  const lead = row ?? alert.id;
  const { incident } = alert;
  const has = under > 0 || row !== null || incident !== null;
  const leading = useLive((s) => s.alerts.get(lead)?.handling.under ?? under);
  const sharing = useLive((s) => (incident === null ? 0 : s.order.reduce((n, a) => (a.incident === incident ? n + 1 : n), 0)));
  const query = useQuery({
    // What is counted under it and what shares its incident grows: the numbers tell that there is more.
    queryKey: ['members', lead, incident, leading, sharing],
    enabled: has,
    placeholderData: (old) => old,
    queryFn: async () => {
      const pages = await Promise.all([
        under > 0 || row !== null ? deskApi.members({ under: lead }) : null,
        incident !== null ? deskApi.members({ incident }) : null,
      ]);
      const found = new Map(pages.flatMap((p) => p?.alerts ?? []).map((a) => [a.id, a]));
      return { alerts: [...found.values()], more: pages.some((p) => p !== null && p.next !== null) };
    },
  });
  useEffect(() => {
    if (query.data) absorb(query.data.alerts);
  }, [query.data]);
  const known = useLive((s) => s.alerts);
  const members = useMemo(() => {
    const found = (query.data?.alerts ?? []).map((a) => known.get(a.id) ?? a);
    const above = row === null ? undefined : known.get(row);
    const all = above && !found.some((a) => a.id === above.id) ? [above, ...found] : found;
    return all.filter((a) => a.id !== alert.id).sort(inOrder);
  }, [query.data, known, row, alert.id]);

  if (!has || (query.data && members.length === 0 && under === 0)) return null;
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
            <Member key={m.id} alert={m} lead={lead} />
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
