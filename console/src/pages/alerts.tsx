/*
 * The desk: the queue of alerts at the left, the chosen one at the right. Which alert is chosen stands in the address,
 * so nothing that arrives can change it. New alerts come in at the top; where the operator has scrolled down, the rows
 * in view stay where they are and a button says how many are above.
 */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api } from '../api/client';
import { ALERT_STATES, type Alert, type AlertState } from '../api/types';
import { collapse, plainLines } from '../lib/collapse';
import { useNarrow, useTitle } from '../lib/hooks';
import { useKeysBack } from '../lib/keys';
import { byPriority, isBefore, isShown, SHOWN, stateFor, tally, type Shown } from '../lib/queue';
import { errorText } from '../lib/words';
import { absorb, useLive } from '../state/live';
import { fullOfClosed } from '../state/merge';
import { useDigests, usePosition, usePositions } from '../state/positions';
import { useSession } from '../state/session';
import { AlertDetail } from '../ui/alertdetail';
import { AlertQueue } from '../ui/alertqueue';
import { useChoosing, useDeskKeys, type Current } from '../ui/deskkeys';
import { DigestCard, FloodBanner } from '../ui/flood';
import { Icon } from '../ui/icons';
import { KeysDialog } from '../ui/keys';
import { Blank, Guard, Skeleton } from '../ui/parts';

type Scope = 'open' | 'all';

/** Whether an alert is in the list. Made here, so that what is kept of it is these five and not the page. */
function fitting(scope: Scope, only: AlertState | 'any', how: Shown, position: string, me: string): (a: Alert) => boolean {
  return (a) =>
    (only === 'any' || a.state === only) && isBefore(a, position, me) && (scope === 'all' || (a.state !== 'closed' && isShown(a, how)));
}

/** The pages of all alerts, each taken into what is known. */
function useOlder(enabled: boolean) {
  return useInfiniteQuery({
    queryKey: ['alerts', 'all'],
    enabled,
    initialPageParam: null as number | string | null,
    queryFn: async ({ pageParam }) => {
      const page = await api.alerts({ state: 'all', before: pageParam, limit: 100 });
      absorb(page.alerts);
      return { next: page.alerts.length > 0 ? page.next : null };
    },
    getNextPageParam: (last) => last.next,
  });
}

export function AlertsPage() {
  const { t } = useTranslation();
  const { id } = useParams();
  const narrow = useNarrow();
  const order = useLive((s) => s.order);
  const loaded = useLive((s) => s.loaded);
  const truncated = useLive((s) => s.truncated);
  const [scope, setScope] = useState<Scope>('open');
  const [wanted, setOnly] = useState<AlertState | 'any'>('any');
  const only = stateFor(scope, wanted);
  const [how, setHow] = useState<Shown>('rows');
  const positions = usePositions();
  const [position, setPosition] = usePosition(positions);
  const me = useSession((s) => s.session?.user ?? '');
  const [digests, dismiss] = useDigests(positions);
  const [few, setFew] = useState(true);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [help, setHelp] = useState(false);
  const detail = useRef<HTMLElement>(null);
  const keysBack = useKeysBack('alert-queue');

  const older = useOlder(scope === 'all');
  const fits = useMemo(() => fitting(scope, only, how, position, me), [scope, only, how, position, me]);
  // The chosen alert stays in the list although it has just been closed, until another one is chosen. Only then does a
  // choice make another list: going through ten thousand must not cost ten thousand a key.
  const kept = useLive((s) => {
    const a = id === undefined ? undefined : s.alerts.get(id);
    return a && !fits(a) ? a.id : null;
  });
  const shown = useMemo(() => {
    const rows = order.filter((a) => fits(a) || a.id === kept);
    return scope === 'all' ? rows : byPriority(rows);
  }, [order, scope, fits, kept]);
  const flooded = useMemo(() => positions.filter((p) => p.flood && (position === '' || p.id === position)), [positions, position]);
  const over = digests.filter((p) => position === '' || p.id === position);
  const collapsed = flooded.length > 0 && few && scope !== 'all';
  const within = collapsed ? (id ?? null) : null;
  const lines = useMemo(() => {
    if (!collapsed) return plainLines(shown);
    const ids = new Set(flooded.map((p) => p.id));
    return collapse(shown, (a) => ids.has(a.handling.position ?? ''), opened, within);
  }, [shown, flooded, collapsed, opened, within]);
  const hidden = useMemo(() => lines.reduce((n, l) => n + (l.open ? 0 : l.behind.length), 0), [lines]);
  const { waiting: fresh, open } = tally(order, position, me);
  // The row is marked at once; what is told of it may come a moment later, and is left out where the next key is faster.
  const told = useDeferredValue(id);
  useTitle(fresh > 0 ? `(${fresh}) ${t('alerts.title')}` : t('alerts.title'));

  const clear = (): void => {
    setOnly('any');
    setHow('rows');
    setPosition('');
  };

  const current = useRef<Current>({ lines, id, narrow });
  current.current = { lines, id, narrow };
  const choosing = useChoosing(current, setOpened);
  useDeskKeys(current, choosing, detail, setHelp);

  const list = (
    <section className="queue" aria-label={t('alerts.queue')}>
      <div className="queue-head">
        <h1>{t('alerts.title')}</h1>
        <span className={`new-count num ${fresh > 0 ? 'some' : ''}`}>{t('alerts.countNew', { count: fresh })}</span>
        <span className="grow" />
        <button type="button" className="ghost keys-button" title={t('alerts.help')} aria-label={t('alerts.help')} onClick={() => setHelp(true)}>
          <Icon name="keyboard" />
        </button>
      </div>
      <div className="queue-filters" {...keysBack}>
        <div className="segments" role="group" aria-label={t('alerts.filter')}>
          {(['open', 'all'] as const).map((s) => (
            <button key={s} type="button" data-testid={`filter-${s}`} aria-pressed={scope === s} onClick={() => setScope(s)}>
              {t(`alerts.${s}`)} {s === 'open' && loaded && <span className="num dim">{open}</span>}
            </button>
          ))}
        </div>
        <label className="select">
          <span className="visually-hidden">{t('alerts.stateFilter')}</span>
          <select value={only} onChange={(e) => setOnly(ALERT_STATES.find((s) => s === e.target.value) ?? 'any')}>
            <option value="any">{t('alerts.anyState')}</option>
            {ALERT_STATES.filter((s) => scope === 'all' || s !== 'closed').map((s) => (
              <option key={s} value={s}>
                {t(`state.${s}`)}
              </option>
            ))}
          </select>
        </label>
        {scope === 'open' && (
          <label className="select">
            <span className="visually-hidden">{t('alerts.shownFilter')}</span>
            <select value={how} data-testid="filter-shown" onChange={(e) => setHow(SHOWN.find((s) => s === e.target.value) ?? 'rows')}>
              {SHOWN.map((s) => (
                <option key={s} value={s}>
                  {t(`alerts.shown.${s}`)}
                </option>
              ))}
            </select>
          </label>
        )}
        {positions.length > 1 && (
          <label className="select">
            <span className="visually-hidden">{t('detail.position')}</span>
            <select value={position} data-testid="filter-position" onChange={(e) => setPosition(e.target.value)}>
              <option value="">{t('alerts.anyPosition')}</option>
              {positions.map((p) => (
                <option key={p.id} value={p.id}>
                  {p.rows + p.escalated > 0 ? t('alerts.positionRows', { position: p.name, count: p.rows + p.escalated }) : p.name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <FloodBanner positions={flooded} named={positions.length > 1} collapsed={few} hidden={hidden} onCollapse={setFew} />
      {over.map((p) => (
        <DigestCard key={p.id} position={p} named={positions.length > 1} onDismiss={() => dismiss(p)} />
      ))}
      {truncated && scope === 'open' && <p className="queue-note">{t('alerts.truncated', { count: tally(order, '', '').open })}</p>}
      {!loaded ? (
        <>
          <p className="visually-hidden" role="status">
            {t('alerts.loading')}
          </p>
          <Skeleton rows={7} kind="row" />
        </>
      ) : shown.length === 0 && !older.isFetching ? (
        <EmptyQueue scope={scope} onClear={only === 'any' && how === 'rows' && position === '' ? null : clear} />
      ) : (
        <AlertQueue lines={lines} chosen={id ?? null} onChoose={choosing.pick} onToggle={choosing.toggle}>
          {scope === 'all' && (
            <div className="queue-more">
              {older.isError ? (
                <p className="form-error">{errorText(t, older.error)}</p>
              ) : older.hasNextPage && fullOfClosed(order) ? (
                <p className="dim">
                  {t('alerts.older')} <Link to="/history">{t('nav.history')}</Link>
                </p>
              ) : older.hasNextPage ? (
                <button type="button" className="button" disabled={older.isFetchingNextPage} onClick={() => void older.fetchNextPage()}>
                  {older.isFetchingNextPage ? t('alerts.moreBusy') : t('alerts.more')}
                </button>
              ) : (
                !older.isFetching && <p className="dim">{t('alerts.noMore')}</p>
              )}
            </div>
          )}
        </AlertQueue>
      )}
    </section>
  );

  return (
    <div className={`desk ${id ? 'has-choice' : ''}`}>
      {(!narrow || !id) && list}
      {(!narrow || id) && (
        <section className="detail" ref={detail} tabIndex={-1} aria-label={t('detail.label')} data-testid="alert-detail" data-alert-id={told ?? ''}>
          <Guard of={told ?? ''}>
            {told ? (
              <AlertDetail key={told} id={told} onBack={narrow ? choosing.back : null} />
            ) : (
              <Blank icon="picture" title={t('alerts.pick')}>
                <p>{t('alerts.pickHint')}</p>
                <p className="key-hint" aria-hidden="true">
                  <kbd>J</kbd> <kbd>K</kbd> <span>{t('keys.move')}</span>
                </p>
              </Blank>
            )}
          </Guard>
        </section>
      )}
      <KeysDialog open={help} onClose={() => setHelp(false)} />
    </div>
  );
}

function EmptyQueue({ scope, onClear }: { scope: Scope; onClear: (() => void) | null }) {
  const { t } = useTranslation();
  const running = useLive((s) => [...s.health.values()].filter((h) => h.state === 'running').length);
  if (onClear) {
    return (
      <Blank icon="search" title={t('alerts.emptyFilter')}>
        <button type="button" className="button" onClick={onClear}>
          {t('channels.clear')}
        </button>
      </Blank>
    );
  }
  return (
    <Blank icon="eye" title={t('alerts.emptyTitle')}>
      <p>{t(scope === 'all' ? 'alerts.emptyAll' : 'alerts.emptyOpen')}</p>
      {running > 0 && <p className="dim">{t('alerts.watching', { count: running })}</p>}
    </Blank>
  );
}

