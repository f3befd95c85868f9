/* Who viewed, changed and exported what: searched, read page by page, taken along as a table. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { people, type DeedFilter } from '../api/people';
import { useTimes, useTitle } from '../lib/hooks';
import { deedText } from '../lib/peoplewords';
import { siteMoment } from '../lib/time';
import { rightsText, useMayEverywhere } from '../state/rights';
import { Failed } from '../ui/failed';
import { Heads } from '../ui/heads';
import { Icon } from '../ui/icons';
import { Age, Blank, Loading } from '../ui/parts';
import { DeedObject } from '../ui/people/deedtext';
import { PeopleNav } from '../ui/people/nav';

const PAGE = 100;
const NOTHING = { user: '', action: '', from: '', to: '', text: '' };

export default function AuditPage() {
  const { t } = useTranslation();
  const may = useMayEverywhere('audit');
  useTitle(t('audit.title'));
  if (!may) {
    return (
      <Blank icon="auth_failed" title={t('error.forbidden')}>
        <p>{rightsText(t, 'audit')}</p>
      </Blank>
    );
  }
  return (
    <div className="page people-page">
      <PeopleNav />
      <Audit />
    </div>
  );
}

/** What is typed, once it has stood for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  const key = JSON.stringify(value);
  useEffect(() => {
    const id = setTimeout(() => setSettled(value), 300);
    return () => clearTimeout(id);
    // The value is what its text says.
  }, [key]);
  return settled;
}

function Audit() {
  const { t } = useTranslation();
  const times = useTimes();
  const [typed, setTyped] = useState(NOTHING);
  const settled = useSettled(typed);
  const moment = (local: string): string => {
    const at = siteMoment(times.zone, local);
    return Number.isFinite(at) ? new Date(at).toISOString() : '';
  };
  const filter: DeedFilter = { ...settled, from: moment(settled.from), to: moment(settled.to) };
  const query = useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam }) => people.deeds(filter, pageParam, PAGE),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (before) => before,
    retry: false,
  });
  const list = query.data?.pages.flatMap((p) => p.records) ?? [];
  const actions = query.data?.pages[0]?.actions ?? [];
  const put = (part: Partial<typeof NOTHING>): void => setTyped((f) => ({ ...f, ...part }));
  const any = Object.values(typed).some((v) => v !== '');
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{t('audit.title')}</h1>
          <p className="dim">{t('audit.hint', { zone: times.zone })}</p>
        </div>
        <span className="grow" />
        <a className="button" href={people.exportUrl(filter)} download="audit.csv" data-testid="audit-export">
          <Icon name="download" />
          {t('audit.export')}
        </a>
      </header>
      <form className="audit-filters" role="search" aria-label={t('audit.filter')} onSubmit={(e) => e.preventDefault()}>
        <label>
          {t('audit.user')}
          <input value={typed.user} maxLength={64} autoComplete="off" data-testid="audit-user" onChange={(e) => put({ user: e.target.value })} />
        </label>
        <label>
          {t('audit.action')}
          <select value={typed.action} data-testid="audit-action" onChange={(e) => put({ action: e.target.value })}>
            <option value="">{t('audit.anyAction')}</option>
            {actions.map((a) => (
              <option key={a} value={a}>
                {deedText(t, a)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('audit.from')}
          <input type="datetime-local" value={typed.from} data-testid="audit-from" onChange={(e) => put({ from: e.target.value })} />
        </label>
        <label>
          {t('audit.to')}
          <input type="datetime-local" value={typed.to} data-testid="audit-to" onChange={(e) => put({ to: e.target.value })} />
        </label>
        <label className="audit-text">
          {t('audit.text')}
          <input type="search" value={typed.text} maxLength={200} placeholder={t('audit.textHint')} data-testid="audit-text" onChange={(e) => put({ text: e.target.value })} />
        </label>
        <button type="button" className="button quiet" disabled={!any} onClick={() => setTyped(NOTHING)}>
          {t('audit.clear')}
        </button>
      </form>
      {query.isPending ? (
        <Loading text={t('app.loading')} />
      ) : query.isError ? (
        <Failed title={t('audit.failed')} error={query.error} retry={query.refetch} />
      ) : list.length === 0 ? (
        <Blank icon="search" title={t('audit.none')} />
      ) : (
        <div className="card table-scroll" role="group" tabIndex={0} aria-label={t('audit.title')} aria-busy={query.isPlaceholderData}>
          <table className="figures people-table audit-table">
            <Heads of={[{ text: t('audit.at') }, { text: t('audit.user') }, { text: t('audit.action') }, { text: t('audit.what') }, { text: t('audit.address') }]} />
            <tbody>
              {list.map((d) => (
                <tr key={d.id} data-testid="deed" data-action={d.action}>
                  <td className="num nowrap">
                    {times.moment(d.at, 'full')} <Age at={d.at} className="dim small-text" />
                  </td>
                  <td className="mono break">{d.user}</td>
                  <td>{deedText(t, d.action)}</td>
                  <td data-head={t('audit.what')}>
                    <DeedObject deed={d} />
                  </td>
                  <td className="mono dim" data-head={t('audit.address')}>
                    {d.address || '–'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {query.hasNextPage && (
            <button type="button" className="button quiet more" disabled={query.isFetchingNextPage} data-testid="audit-more" onClick={() => void query.fetchNextPage()}>
              {query.isFetchingNextPage ? t('alerts.moreBusy') : t('alerts.more')}
            </button>
          )}
        </div>
      )}
    </>
  );
}
