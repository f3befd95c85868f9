/*
 * The desk: the queue of alerts at the left, the chosen one at the right. Which alert is chosen stands in the address,
 * so nothing that arrives can change it. New alerts come in at the top; where the operator has scrolled down, the rows
 * in view stay where they are and a button says how many are above.
 */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate, useParams } from 'react-router';
import { api } from '../api/client';
import type { Result } from '../api/alerts';
import { ALERT_STATES, SEVERITIES, type Alert, type AlertState } from '../api/types';
import { act, keyMay, mayPrioritise, withheld, type KeyAction } from '../lib/actions';
import { collapse, plainLines } from '../lib/collapse';
import { useNarrow, useTitle } from '../lib/hooks';
import { keyIsOurs } from '../lib/keys';
import { byPriority, isBefore, isShown, SHOWN, tally, type Shown } from '../lib/queue';
import { errorText } from '../lib/words';
import { useDesk } from '../state/desk';
import { absorb, useLive } from '../state/live';
import { notify } from '../state/notices';
import { useDigests, usePosition, usePositions } from '../state/positions';
import { useSession } from '../state/session';
import { AlertDetail } from '../ui/alertdetail';
import { AlertQueue } from '../ui/alertqueue';
import { DigestCard, FloodBanner } from '../ui/flood';
import { Icon } from '../ui/icons';
import { KeysDialog } from '../ui/keys';
import { Blank, Guard, Skeleton } from '../ui/parts';

type Scope = 'open' | 'all';

export function AlertsPage() {
  const { t } = useTranslation();
  const { id } = useParams();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const order = useLive((s) => s.order);
  const loaded = useLive((s) => s.loaded);
  const truncated = useLive((s) => s.truncated);
  const [scope, setScope] = useState<Scope>('open');
  const [only, setOnly] = useState<AlertState | 'any'>('any');
  const [how, setHow] = useState<Shown>('rows');
  const positions = usePositions();
  const [position, setPosition] = usePosition(positions);
  const me = useSession((s) => s.session?.user ?? '');
  const [digests, dismiss] = useDigests(positions);
  const [few, setFew] = useState(true);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [help, setHelp] = useState(false);
  const detail = useRef<HTMLElement>(null);

  const older = useInfiniteQuery({
    queryKey: ['alerts', 'all'],
    enabled: scope === 'all',
    initialPageParam: null as number | string | null,
    queryFn: async ({ pageParam }) => {
      const page = await api.alerts({ state: 'all', before: pageParam, limit: 100 });
      absorb(page.alerts);
      return { next: page.alerts.length > 0 ? page.next : null };
    },
    getNextPageParam: (last) => last.next,
  });

  const fits = useCallback(
    (a: Alert): boolean =>
      (only === 'any' || a.state === only) && isBefore(a, position, me) && (scope === 'all' || (a.state !== 'closed' && isShown(a, how))),
    [scope, only, how, position, me],
  );
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
  const { waiting: fresh, open } = tally(order);
  // The row is marked at once; what is told of it may come a moment later, and is left out where the next key is faster.
  const told = useDeferredValue(id);
  useTitle(fresh > 0 ? `(${fresh}) ${t('alerts.title')}` : t('alerts.title'));

  const { search } = useLocation();
  const choose = useCallback(
    (next: string | null, push = false) => void navigate(`${next ? `/alerts/${next}` : '/'}${search}`, { replace: !push }),
    [navigate, search],
  );

  const back = useCallback(() => choose(null), [choose]);
  const pick = useCallback((next: string) => choose(next, narrow), [choose, narrow]);

  const clear = (): void => {
    setOnly('any');
    setHow('rows');
    setPosition('');
  };

  // Handlers read what is current through this, so that the listener need not be set anew with every message.
  const current = useRef({ lines, id, narrow });
  current.current = { lines, id, narrow };

  const toggle = useCallback(
    (lead: string): void => {
      const { lines: rows, id: chosen } = current.current;
      const open = rows.some((l) => l.alert.id === lead && l.open);
      setOpened((old) => new Set(open ? [...old].filter((x) => x !== lead) : [...old, lead]));
      // What is chosen is always to be seen: a group closes onto its first.
      if (open && rows.some((l) => l.under === lead && l.alert.id === chosen)) choose(lead);
    },
    [choose],
  );

  useEffect(() => {
    const move = (by: number): void => {
      const { lines: rows, id: chosen } = current.current;
      if (rows.length === 0) return;
      const at = rows.findIndex((l) => l.alert.id === chosen);
      const next = rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]?.alert;
      if (next && next.id !== chosen) choose(next.id);
    };
    const group = (): void => {
      const { lines: rows, id: chosen } = current.current;
      const line = rows.find((l) => l.alert.id === chosen);
      if (line && (line.behind.length > 0 || line.under !== null)) toggle(line.under ?? line.alert.id);
    };
    const quick = (action: KeyAction, result?: Result): void => {
      const alert = useLive.getState().alerts.get(current.current.id ?? '');
      if (!alert) return;
      const why = withheld(t, alert, action);
      if (why !== null) notify('bad', why);
      else if (keyMay(action, alert)) {
        if (action === 'acknowledge') void act(t, alert, action);
        else useDesk.getState().ask(alert.id, action, result);
      } else {
        notify('bad', t('action.notNow', { action: t(`action.${action}`), state: t(`state.${alert.state}`) }));
      }
    };
    // 1 is the most urgent.
    const prioritise = (n: number): void => {
      const alert = useLive.getState().alerts.get(current.current.id ?? '');
      const priority = SEVERITIES[SEVERITIES.length - n];
      const why = alert && withheld(t, alert, 'priority');
      if (why) notify('bad', why);
      else if (alert && priority && mayPrioritise(alert) && alert.handling.priority !== priority) void act(t, alert, 'priority', { priority });
    };
    const onKey = (e: KeyboardEvent): void => {
      if (!keyIsOurs(e)) return;
      const inDetail = e.target instanceof HTMLElement && e.target.closest('.detail') !== null;
      switch (e.key) {
        case 'j':
        case 'J':
          move(1);
          break;
        case 'k':
        case 'K':
          move(-1);
          break;
        case 'ArrowDown':
          if (inDetail) return;
          move(1);
          break;
        case 'ArrowUp':
          if (inDetail) return;
          move(-1);
          break;
        case 'a':
        case 'A':
          quick('acknowledge');
          break;
        case 'r':
        case 'R':
          quick('resolve');
          break;
        case 'd':
        case 'D':
          quick('dispatch');
          break;
        case 's':
        case 'S':
          quick('shelve');
          break;
        case 'f':
        case 'F':
          quick('resolve', 'false');
          break;
        case '1':
        case '2':
        case '3':
        case '4':
          prioritise(Number(e.key));
          break;
        case 'g':
        case 'G':
          group();
          break;
        case 'Enter':
          if (!current.current.id) move(1);
          detail.current?.focus();
          break;
        case 'Escape':
          if (current.current.narrow) choose(null);
          else document.getElementById('alert-queue')?.focus();
          break;
        case '?':
          setHelp(true);
          break;
        default:
          return;
      }
      e.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [choose, toggle, t]);

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
      <div className="queue-filters">
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
      {truncated && scope === 'open' && <p className="queue-note">{t('alerts.truncated', { count: open })}</p>}
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
        <AlertQueue lines={lines} chosen={id ?? null} onChoose={pick} onToggle={toggle}>
          {scope === 'all' && (
            <div className="queue-more">
              {older.isError ? (
                <p className="form-error">{errorText(t, older.error)}</p>
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
              <AlertDetail key={told} id={told} onBack={narrow ? back : null} />
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

