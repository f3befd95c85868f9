/*
 * Alerts of all that is kept: what is looked for stands in the address, what is found in a list that goes on as it is
 * scrolled, how many there are in two charts that narrow the search when they are chosen from. It shows what was when it
 * was asked; the queue is where alerts live.
 */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useSearchParams } from 'react-router';
import { RESULTS } from '../api/alerts';
import { ApiError, gatewayNow } from '../api/client';
import { historyApi, type Asked, type Summary } from '../api/history';
import { RULE_KINDS } from '../api/rules';
import { ALERT_STATES, SEVERITIES } from '../api/types';
import { COUNTS, fieldShows, grain, historyFrom, historyQuery, historyTo, isPlain, moreSet, NO_FILTER, SPANS, zonedText, type CountKey, type HistoryFilter } from '../lib/historyfilter';
import { useMedia, useTimes, useTitle } from '../lib/hooks';
import { composing } from '../lib/keys';
import { errorText } from '../lib/words';
import { buildTree } from '../state/areas';
import { useChannels } from '../state/channels';
import { useAreas } from '../state/inventory';
import { useLive } from '../state/live';
import { useRules } from '../state/rules';
import { AreaSelect } from '../ui/areaselect';
import { KindBars, TimeBars, type Bar } from '../ui/bars';
import { Choice } from '../ui/choice';
import { HistoryRows } from '../ui/historyrows';
import { Icon } from '../ui/icons';
import { Blank, Skeleton } from '../ui/parts';

const PAGE = 100;
const TYPED_MS = 300;
/** Damaged records that are named. */
const NAMED = 5;
/** Bars of the second chart. */
const KINDS_SHOWN = 12;
/** A question is the same one for so long: the span up to now does not move while one reads. */
const MINUTE = 60_000;

function useFilter(): [HistoryFilter, (part: Partial<HistoryFilter>) => void] {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => historyFrom(params), [params]);
  const change = useCallback(
    (part: Partial<HistoryFilter>) => setParams((now) => historyTo({ ...historyFrom(now), ...part }), { replace: true }),
    [setParams],
  );
  return [filter, change];
}

export default function HistoryPage() {
  const { t } = useTranslation();
  const { zone } = useTimes();
  const narrow = useMedia('(max-width: 60rem)');
  const [filter, change] = useFilter();
  // The end of the span stays where it is until something else is asked for.
  const now = useMemo(() => Math.floor(gatewayNow() / MINUTE) * MINUTE, [filter]);
  const asked = useMemo(() => historyQuery(filter, zone, now), [filter, zone, now]);
  const unit = grain(filter, zone, now);
  useTitle(t('past.title'));

  const found = useInfiniteQuery({
    queryKey: ['history', asked],
    queryFn: ({ pageParam }) => historyApi.find(asked, pageParam, PAGE),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const alerts = useMemo(() => found.data?.pages.flatMap((p) => p.alerts) ?? [], [found.data]);
  const times = useQuery({ queryKey: ['history-count', asked, unit], queryFn: () => historyApi.count(asked, unit), placeholderData: keepPreviousData, retry: false });
  const kinds = useQuery({ queryKey: ['history-count', asked, filter.by], queryFn: () => historyApi.count(asked, filter.by), placeholderData: keepPreviousData, retry: false });
  const { fetchNextPage, isFetchingNextPage, hasNextPage } = found;
  const onMore = useCallback(() => void (!isFetchingNextPage && fetchNextPage()), [isFetchingNextPage, fetchNextPage]);
  // A page of nothing but damaged records is not the last one.
  const nothingYet = alerts.length === 0 && hasNextPage && !found.isError;
  useEffect(() => {
    if (nothingYet) onMore();
  }, [nothingYet, onMore]);
  const filling = found.data?.pages.some((p) => p.filling) ?? false;
  const unreadable = useMemo(() => found.data?.pages.flatMap((p) => p.unreadable) ?? [], [found.data]);

  const charts = (
    <Charts filter={filter} change={change} unit={unit} times={times.data} kinds={kinds.data} error={times.error ?? kinds.error} />
  );
  return (
    <div className="page history-page">
      <h1 className="visually-hidden">{t('past.title')}</h1>
      <FilterBar filter={filter} change={change} now={now} />
      <div className="history-split">
        <section className="history-main" aria-label={t('past.found')} aria-busy={found.isFetching}>
          <div className="history-head">
            <span className="num" role="status" data-testid="history-count" data-count={times.data?.total ?? ''}>
              {times.data ? t('past.count', { count: times.data.total }) : found.isPending ? t('past.searching') : ''}
            </span>
            {found.isFetching && <span className="scan small" aria-hidden="true" />}
            <span className="grow" />
            <Exports asked={asked} />
          </div>
          {filling && <p className="queue-note">{t('past.filling')}</p>}
          {unreadable.length > 0 && (
            <p className="queue-note break" data-testid="history-unreadable">
              {t('past.unreadable', { count: unreadable.length, ids: unreadable.slice(0, NAMED).join(', ') + (unreadable.length > NAMED ? ' …' : '') })}
            </p>
          )}
          {narrow && (
            <details className="history-charts-fold">
              <summary>{t('past.charts')}</summary>
              {charts}
            </details>
          )}
          {found.isPending || nothingYet ? (
            <Skeleton rows={10} kind="row" />
          ) : found.isError ? (
            <Blank icon="misconfigured" title={t('past.failed')} tone="bad">
              <p>{found.error instanceof ApiError && found.error.kind === 'too_wide' ? t('past.tooWide') : errorText(t, found.error)}</p>
              <button type="button" className="button" onClick={() => void found.refetch()}>
                {t('error.retry')}
              </button>
            </Blank>
          ) : alerts.length === 0 ? (
            <Blank icon="search" title={t('past.none')}>
              <p>{t('past.noneHint')}</p>
              {!isPlain(filter) && (
                <button type="button" className="button" onClick={() => change({ ...NO_FILTER, by: filter.by })}>
                  {t('channels.clear')}
                </button>
              )}
            </Blank>
          ) : (
            <HistoryRows key={JSON.stringify(asked)} alerts={alerts} more={hasNextPage} onMore={onMore} label={t('past.found')} />
          )}
        </section>
        {!narrow && (
          <aside className="history-side" aria-label={t('past.charts')}>
            {charts}
          </aside>
        )}
      </div>
    </div>
  );
}

function FilterBar({ filter, change, now }: { filter: HistoryFilter; change: (part: Partial<HistoryFilter>) => void; now: number }) {
  const { t } = useTranslation();
  const { zone } = useTimes();
  const channels = useChannels();
  const areas = useAreas();
  const rules = useRules();
  const location = useLocation();
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(filter.text);
  const set = moreSet(filter);
  const [open, setOpen] = useState(set > 0);
  const tree = useMemo(() => buildTree(areas.data ?? [], channels.data ?? []), [areas.data, channels.data]);
  const channelChoices = useMemo(() => (channels.data ?? []).map((c) => ({ value: c.id, text: c.name, note: c.id })), [channels.data]);
  const ruleChoices = useMemo(() => (rules.data ?? []).map((r) => ({ value: r.rule.id, text: r.rule.id })), [rules.data]);

  // The key "/" on another page leads here, into the field.
  const wanted = (location.state as { search?: boolean } | null)?.search === true;
  useEffect(() => {
    if (wanted) field.current?.select();
  }, [wanted, location.key]);

  const typing = useRef<ReturnType<typeof setTimeout> | null>(null);
  const stop = (): void => {
    if (typing.current !== null) clearTimeout(typing.current);
    typing.current = null;
  };
  useEffect(() => stop, []);
  // An address that somebody else has set, going back for one, shows its own text.
  useEffect(() => {
    if (typing.current === null) setTyped((now) => fieldShows(now, filter.text));
  }, [filter.text]);
  const take = (text: string): void => {
    stop();
    change({ text: text.trim() });
  };
  const type = (text: string, composed: boolean): void => {
    setTyped(text);
    stop();
    if (composed) typing.current = setTimeout(() => take(text), TYPED_MS);
  };
  const span = (value: string): void => {
    const next = SPANS.find((s) => s === value) ?? '7d';
    // One's own span begins as what was there before.
    if (next === 'own') change({ span: next, from: zonedText(now - 24 * 60 * MINUTE, zone), to: '' });
    else change({ span: next, from: '', to: '' });
  };
  return (
    <form
      className="history-filter"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        take(typed);
      }}
    >
      <div className="filter-bar">
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('past.search')}</span>
          <input
            ref={field}
            id="history-search"
            type="search"
            maxLength={200}
            autoComplete="off"
            data-testid="history-search"
            placeholder={t('past.search')}
            aria-keyshortcuts="/"
            value={typed}
            // Half a word of pinyin is not looked for.
            onChange={(e) => type(e.target.value, !(e.nativeEvent as InputEvent).isComposing)}
            onCompositionEnd={(e) => type(e.currentTarget.value, true)}
          />
        </label>
        <Facet label={t('past.time')} value={filter.span} usual="7d" testid="history-span" onChange={span}>
          {SPANS.map((s) => (
            <option key={s} value={s}>
              {t(`past.span.${s}`)}
            </option>
          ))}
        </Facet>
        <button type="button" className="button small" aria-expanded={open} data-testid="history-more" onClick={() => setOpen(!open)}>
          {t('past.more')}
          {set > 0 && <span className="num"> {set}</span>}
        </button>
        {!isPlain(filter) && (
          <button
            type="button"
            className="button quiet small"
            data-testid="history-clear"
            onClick={() => {
              stop();
              setTyped('');
              change({ ...NO_FILTER, by: filter.by });
            }}
          >
            <Icon name="cross" />
            {t('channels.clear')}
          </button>
        )}
      </div>
      <div className="filter-bar">
        <div className={`history-area ${filter.area === '' ? '' : 'on'}`}>
          <AreaSelect tree={tree} value={filter.area} onChange={(area) => change({ area })} empty={t('areas.all')} />
        </div>
        <Facet label={t('past.type')} value={filter.type} testid="history-type" onChange={(type) => change({ type })}>
          <option value="">{t('channels.facetAny', { what: t('past.type') })}</option>
          {RULE_KINDS.map((k) => (
            <option key={k} value={k}>
              {t(`ruleKind.${k}`)}
            </option>
          ))}
          <option value="health">{t('kind.health')}</option>
        </Facet>
        <Facet label={t('past.state')} value={filter.state} testid="history-state" onChange={(v) => change({ state: v as HistoryFilter['state'] })}>
          <option value="">{t('channels.facetAny', { what: t('past.state') })}</option>
          <option value="open">{t('past.open')}</option>
          {ALERT_STATES.map((s) => (
            <option key={s} value={s}>
              {t(`state.${s}`)}
            </option>
          ))}
        </Facet>
        <Facet label={t('past.priority')} value={filter.priority} testid="history-priority" onChange={(v) => change({ priority: v as HistoryFilter['priority'] })}>
          <option value="">{t('channels.facetAny', { what: t('past.priority') })}</option>
          {[...SEVERITIES].reverse().map((s) => (
            <option key={s} value={s}>
              {t(`severity.${s}`)}
            </option>
          ))}
        </Facet>
        <Facet label={t('result.label')} value={filter.result} testid="history-result" onChange={(v) => change({ result: v as HistoryFilter['result'] })}>
          <option value="">{t('channels.facetAny', { what: t('result.label') })}</option>
          {RESULTS.map((r) => (
            <option key={r} value={r}>
              {t(`result.${r}`)}
            </option>
          ))}
        </Facet>
      </div>
      {filter.span === 'own' && (
        <div className="history-own">
          {(['from', 'to'] as const).map((key) => (
            <label key={key}>
              <span>{t(`past.${key}`)}</span>
              <input type="datetime-local" data-testid={`history-${key}`} value={filter[key]} onChange={(e) => change({ [key]: e.target.value.slice(0, 16) })} />
            </label>
          ))}
          <span className="dim small-text">{t('past.zone', { zone })}</span>
        </div>
      )}
      {open && (
        <div className="history-more">
          <label>
            <span>{t('past.column.channel')}</span>
            <Choice choices={channelChoices} value={filter.channel} onChange={(channel) => change({ channel })} empty={t('past.anyOne')} testid="history-channel" />
          </label>
          <label>
            <span>{t('past.rule')}</span>
            <Choice choices={ruleChoices} value={filter.rule} onChange={(rule) => change({ rule })} empty={t('past.anyOne')} testid="history-rule" />
          </label>
          {(['owner', 'position'] as const).map((key) => (
            <label key={key}>
              <span>{t(`past.${key}`)}</span>
              <IdField value={filter[key]} onChange={(value) => change({ [key]: value })} testid={`history-${key}`} placeholder={t('past.anyOne')} />
            </label>
          ))}
        </div>
      )}
    </form>
  );
}

function Facet({ label, value, usual = '', onChange, children, testid }: { label: string; value: string; usual?: string; onChange: (value: string) => void; children: ReactNode; testid: string }) {
  return (
    <label className={`select facet ${value !== usual ? 'on' : ''}`}>
      <span className="visually-hidden">{label}</span>
      <select data-testid={testid} value={value} onChange={(e) => onChange(e.target.value)}>
        {children}
      </select>
    </label>
  );
}

/** An id that is typed; it counts when the field is left or Enter is pressed, for half an id finds nothing. */
function IdField({ value, onChange, testid, placeholder }: { value: string; onChange: (value: string) => void; testid: string; placeholder: string }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const take = (): void => {
    const id = typed.trim().toLowerCase();
    if (id !== value) onChange(id);
  };
  return (
    <input
      value={typed}
      maxLength={64}
      autoComplete="off"
      spellCheck={false}
      placeholder={placeholder}
      data-testid={testid}
      onChange={(e) => setTyped(e.target.value)}
      onBlur={take}
      onKeyDown={(e) => {
        if (e.key !== 'Enter' || composing(e)) return;
        e.preventDefault();
        take();
      }}
    />
  );
}

function Exports({ asked }: { asked: Asked }) {
  const { t } = useTranslation();
  return (
    <span className="history-exports" title={t('past.exportHint')}>
      {(['csv', 'json'] as const).map((format) => (
        <a key={format} className="button small" href={historyApi.exportUrl(asked, format)} download={`alerts.${format}`} data-testid={`history-export-${format}`}>
          <Icon name="download" />
          {format.toUpperCase()}
        </a>
      ))}
    </span>
  );
}

function Charts({
  filter,
  change,
  unit,
  times,
  kinds,
  error,
}: {
  filter: HistoryFilter;
  change: (part: Partial<HistoryFilter>) => void;
  unit: 'hour' | 'day';
  times: Summary | undefined;
  kinds: Summary | undefined;
  error: Error | null;
}) {
  const { t, i18n } = useTranslation();
  const clock = useTimes();
  const areas = useLive((s) => s.areas);
  const channels = useChannels();
  const names = useMemo(() => new Map((channels.data ?? []).map((c) => [c.id, c.name])), [channels.data]);
  const bars = useMemo(() => {
    const day = new Intl.DateTimeFormat(i18n.language === 'en' ? 'en-GB' : i18n.language, { timeZone: clock.zone, month: 'numeric', day: 'numeric', weekday: 'short' });
    const short = new Intl.DateTimeFormat(i18n.language === 'en' ? 'en-GB' : i18n.language, { timeZone: clock.zone, month: 'numeric', day: 'numeric' });
    return (times?.groups ?? []).map((g): Bar => {
      const at = Date.parse(g.key);
      if (!Number.isFinite(at)) return { key: g.key, name: g.key, short: '', count: g.count };
      const name = unit === 'day' ? day.format(at) : clock.moment(at, 'short');
      return { key: g.key, name, short: unit === 'day' ? short.format(at) : clock.moment(at, 'short'), count: g.count };
    });
  }, [times, unit, clock.zone, i18n.language]); // eslint-disable-line react-hooks/exhaustive-deps
  const word = (by: CountKey, key: string): string => {
    if (key === '') return t(by === 'result' ? 'past.noResult' : 'past.noWord');
    const kind = RULE_KINDS.find((k) => k === key);
    if (by === 'type') return kind ? t(`ruleKind.${kind}`) : key === 'health' ? t('kind.health') : key;
    if (by === 'area') return areas.get(key) ?? key;
    if (by === 'channel') return names.get(key) ?? key;
    const result = RESULTS.find((r) => r === key);
    if (by === 'result' && result) return t(`result.${result}`);
    const severity = SEVERITIES.find((s) => s === key);
    return by === 'priority' && severity ? t(`severity.${severity}`) : key;
  };
  const shown = (kinds?.groups ?? []).slice(0, KINDS_SHOWN).map((g): Bar => {
    const name = word(filter.by, g.key);
    return { key: g.key, name, short: name, count: g.count };
  });
  const left = Math.max(0, (kinds?.groups.length ?? 0) - KINDS_SHOWN);
  const narrowTo = (i: number): void => {
    const from = Date.parse(times?.groups[i]?.key ?? '');
    if (!Number.isFinite(from)) return;
    const next = Date.parse(times?.groups[i + 1]?.key ?? '');
    const to = Number.isFinite(next) ? next : from + (unit === 'day' ? 24 : 1) * 60 * MINUTE;
    change({ span: 'own', from: zonedText(from, clock.zone), to: zonedText(to, clock.zone) });
  };
  if (error) return <p className="queue-note">{error instanceof ApiError && error.kind === 'too_wide' ? t('past.tooWide') : errorText(t, error)}</p>;
  if (times?.total === 0) return null;
  return (
    <>
      <TimeBars title={t(unit === 'hour' ? 'past.perHour' : 'past.perDay')} bars={bars} onChoose={narrowTo} testid="history-times" />
      <div className="history-kinds">
        <label className="select facet">
          <span className="visually-hidden">{t('past.countBy')}</span>
          <select data-testid="history-by" value={filter.by} onChange={(e) => change({ by: COUNTS.find((c) => c === e.target.value) ?? 'type' })}>
            {COUNTS.map((c) => (
              <option key={c} value={c}>
                {t(`past.by.${c}`)}
              </option>
            ))}
          </select>
        </label>
        <KindBars
          bars={shown}
          chosen={filter[filter.by]}
          label={t(`past.by.${filter.by}`)}
          onChoose={(key) => change({ [filter.by]: key })}
          testid="history-kinds"
        />
        {left > 0 && <p className="dim small-text">{t('past.left', { count: left })}</p>}
      </div>
    </>
  );
}
