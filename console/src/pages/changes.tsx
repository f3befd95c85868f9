/* Who changed what and when, newest first, and taking it back. A revision is told field by field. */
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, useParams } from 'react-router';
import { ApiError } from '../api/client';
import { configure } from '../api/configure';
import type { Change, Revision } from '../api/inventory';
import { useNarrow, useRem, useTitle } from '../lib/hooks';
import { saidInline } from '../lib/said';
import { errorText } from '../lib/words';
import { useChannels } from '../state/channels';
import { refreshInventory } from '../state/inventory';
import { useLive } from '../state/live';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { Failed } from '../ui/failed';
import { FieldChanges } from '../ui/fieldchanges';
import { Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { Age, Blank, Loading, Moment } from '../ui/parts';
import { Said } from '../ui/said';
import { ConfigNav } from '../ui/subnav';

const PAGE = 50;

export default function ChangesPage() {
  const { t } = useTranslation();
  const { rev = '' } = useParams();
  const may = useMayConfigure();
  const narrow = useNarrow();
  const chosen = /^\d{1,15}$/.test(rev) ? Number(rev) : null;
  useTitle(t('config.changes'));
  return (
    <div className="page changes-page">
      <ConfigNav />
      <h1 className="visually-hidden">{t('config.changes')}</h1>
      {!may ? (
        <Blank icon="auth_failed" title={t('config.forbidden')} />
      ) : (
        <div className={`changes-split ${narrow ? 'one' : ''}`}>
          {(!narrow || chosen === null) && <Revisions chosen={chosen} />}
          {(!narrow || chosen !== null) && (chosen === null ? <Blank icon="undo" title={t('changes.pick')} /> : <Detail key={chosen} rev={chosen} narrow={narrow} />)}
        </div>
      )}
    </div>
  );
}

function Revisions({ chosen }: { chosen: number | null }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({
    queryKey: ['revisions'],
    queryFn: ({ pageParam }) => configure.revisions(pageParam, PAGE),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => (last.revisions.length < PAGE ? undefined : (last.revisions.at(-1)?.rev ?? undefined)),
  });
  const list = query.data?.pages.flatMap((p) => p.revisions) ?? [];
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (query.isError) {
    return <Failed title={t('changes.failed')} error={query.error} retry={query.refetch} />;
  }
  if (list.length === 0) {
    return (
      <Blank icon="undo" title={t('changes.emptyTitle')}>
        <p>{t('changes.empty')}</p>
      </Blank>
    );
  }
  return (
    <nav className="revisions" aria-label={t('config.changes')}>
      <ol>
        {list.map((r) => (
          <li key={r.rev}>
            <NavLink to={`/changes/${r.rev}`} className={`revision ${r.rev === chosen ? 'active' : ''} ${r.undoneBy ? 'gone' : ''}`} data-testid="revision" data-rev={r.rev}>
              <span className="revision-head">
                <b className="num">{r.rev}</b>
                <span>{r.author}</span>
                <span className="dim">{r.source && t(`source.${r.source}`)}</span>
                <span className="grow" />
                <Age at={r.at} className="dim" />
              </span>
              <Said className="revision-text" text={r.summary} />
              <Counts of={r} />
              {r.undoes !== null && <span className="tag">{t('changes.undoes', { rev: r.undoes })}</span>}
              {r.undoneBy !== null && <span className="tag">{t('changes.undoneBy', { rev: r.undoneBy })}</span>}
            </NavLink>
          </li>
        ))}
      </ol>
      {query.hasNextPage && (
        <button type="button" className="button quiet" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? t('alerts.moreBusy') : t('alerts.more')}
        </button>
      )}
    </nav>
  );
}

function Counts({ of }: { of: Revision }) {
  const { t } = useTranslation();
  return (
    <span className="counts num">
      {of.added > 0 && <span className="op op-add">{t('changes.added', { count: of.added })}</span>}
      {of.changed > 0 && <span className="op op-change">{t('changes.changed', { count: of.changed })}</span>}
      {of.removed > 0 && <span className="op op-remove">{t('changes.removed', { count: of.removed })}</span>}
    </span>
  );
}

function Detail({ rev, narrow }: { rev: number; narrow: boolean }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ['revisions', rev], queryFn: () => configure.revision(rev) });
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const r = query.data;

  const undo = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await configure.undo(rev);
      notify('good', t('changes.undone', { rev }));
      refreshInventory(queries);
    } catch (e) {
      const conflict = e instanceof ApiError && e.status === 409;
      setProblem(conflict ? saidInline(t, e.message) : errorText(t, e));
    }
    setBusy(false);
    setSure(false);
  };

  if (!r) {
    if (query.isPending) return <Loading text={t('app.loading')} />;
    return (
      <Blank icon="search" title={t('changes.notFound')} tone="bad">
        <p>{errorText(t, query.error)}</p>
      </Blank>
    );
  }
  return (
    <article className="revision-detail card" data-testid="revision-detail" data-rev={r.rev}>
      <header className="page-head">
        {narrow && (
          <Link className="ghost back" to="/changes" aria-label={t('changes.back')}>
            <Icon name="back" />
          </Link>
        )}
        <h2>{t('changes.title', { rev: r.rev })}</h2>
        <span className="grow" />
        {r.undoneBy !== null ? (
          <Link to={`/changes/${r.undoneBy}`} className="tag">
            {t('changes.undoneBy', { rev: r.undoneBy })}
          </Link>
        ) : (
          <button type="button" className={`button ${sure ? 'sure' : ''}`} disabled={busy} data-testid="undo" onClick={() => (sure ? void undo() : setSure(true))}>
            <Icon name="undo" />
            {busy ? t('action.busy') : sure ? t('changes.undoSure') : t('changes.undo')}
          </button>
        )}
      </header>
      <p>
        {t('changes.by', { user: r.author })} <span className="dim">{r.source && t(`source.${r.source}`)}</span> · <Moment at={r.at} />
      </p>
      {r.summary !== '' && (
        <p>
          <Said text={r.summary} />
        </p>
      )}
      <Counts of={r} />
      {sure && <p className="dim">{t('changes.undoHint')}</p>}
      {problem && (
        <Problem>
          <span className="break">{problem}</span>
        </Problem>
      )}
      <Changes changes={r.changes} />
    </article>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  const { t } = useTranslation();
  const channels = useChannels();
  const areas = useLive((s) => s.areas);
  const names = useMemo(() => new Map((channels.data ?? []).map((c) => [c.id, c.name])), [channels.data]);
  const scroller = useRef<HTMLDivElement>(null);
  const rem = useRem();
  const virtual = useVirtualizer({ count: changes.length, getScrollElement: () => scroller.current, estimateSize: () => 3.2 * rem, overscan: 10 });
  return (
    <div ref={scroller} className="plan-scroll" tabIndex={0} role="group" aria-label={t('changes.what')}>
      <div className="plan-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const c = changes[item.index];
          if (!c) return null;
          const field = c.fields.find((f) => f.field === 'name');
          const name = field?.after ?? field?.before ?? (c.kind === 'channel' ? names.get(c.id) : areas.get(c.id)) ?? c.id;
          return (
            <div key={item.key} ref={virtual.measureElement} data-index={item.index} className="plan-row change-row" style={{ transform: `translateY(${item.start}px)` }}>
              <span className="dim">{t(`objectKind.${c.kind}`)}</span>
              <span className="two">
                {c.kind === 'channel' && c.op !== 'remove' ? (
                  <Link className="break" to={`/channels/${encodeURIComponent(c.id)}`}>
                    {name}
                  </Link>
                ) : (
                  <b className="break">{name}</b>
                )}
                {name !== c.id && <span className="dim mono small-text">{c.id}</span>}
              </span>
              <FieldChanges change={c} />
            </div>
          );
        })}
      </div>
    </div>
  );
}
