/*
 * All channels: the tree of areas on the left, what the filter lets through on the right, as a table or as pictures. The
 * filter stands in the address, so that going back finds it again. Ten thousand channels are searched and sorted in
 * memory; health is taken in twice a second at most.
 */
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { CHANNEL_STATES, CONDITIONS, type Channel, type ConditionKind } from '../api/channel';
import { ALL, filterChannels, filterFrom, filterTo, indexChannels, isAll, SORTS, type Filter, type SortKey } from '../lib/channelfilter';
import { useMedia, useTitle } from '../lib/hooks';
import { errorText } from '../lib/words';
import { buildTree, countTree, NO_AREA, wayText } from '../state/areas';
import { useChannels, useHealthy } from '../state/channels';
import { useAreas } from '../state/inventory';
import { setChannelView, usePrefs } from '../state/prefs';
import { useMayConfigure } from '../state/rights';
import { useSelection } from '../state/selection';
import { AreaTree } from '../ui/areatree';
import { BulkBar } from '../ui/bulk';
import { ChannelCards } from '../ui/channelcards';
import { ChannelRows } from '../ui/channelrows';
import { Icon } from '../ui/icons';
import { Blank, Skeleton } from '../ui/parts';
import { ConfigNav } from '../ui/subnav';

const HEALTH_MS = 500;
/** After the last key, the address follows what is typed. */
const TYPED_MS = 250;

function useFilter(): [Filter, (part: Partial<Filter>) => void] {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => filterFrom(params), [params]);
  const change = useCallback(
    (part: Partial<Filter>) => setParams((now) => filterTo({ ...filterFrom(now), ...part }), { replace: true }),
    [setParams],
  );
  return [filter, change];
}

export default function ChannelsPage() {
  const { t } = useTranslation();
  const query = useChannels();
  const areas = useAreas();
  const all = useHealthy(query.data, HEALTH_MS);
  const view = usePrefs((s) => s.channelView);
  const may = useMayConfigure();
  const narrow = useMedia('(max-width: 60rem)');
  const [treeOpen, setTreeOpen] = useState(false);
  const [filter, change] = useFilter();
  const [typed, setTyped] = useState(filter.search);
  const picking = useSelection();
  useTitle(t('channels.title'));

  const typing = useRef<ReturnType<typeof setTimeout> | null>(null);
  const search = (text: string): void => {
    setTyped(text);
    if (typing.current !== null) clearTimeout(typing.current);
    typing.current = setTimeout(() => change({ search: text.trim() }), TYPED_MS);
  };
  useEffect(() => () => void (typing.current !== null && clearTimeout(typing.current)), []);
  const reset = (): void => {
    setTyped('');
    if (typing.current !== null) clearTimeout(typing.current);
    change({ ...ALL, sort: filter.sort, down: filter.down });
  };

  const index = useMemo(() => indexChannels(query.data ?? []), [query.data]);
  const tree = useMemo(() => buildTree(areas.data ?? [], query.data ?? []), [areas.data, query.data]);
  const counts = useMemo(() => countTree(all), [all]);
  const wanted = useDeferredValue(typed);
  const shown = useMemo(() => filterChannels(all, index, { ...filter, search: wanted }), [all, index, filter, wanted]);
  const conditions = useMemo(() => {
    const n = new Map<ConditionKind, number>();
    for (const c of all) for (const x of c.health.conditions) n.set(x.kind, (n.get(x.kind) ?? 0) + 1);
    return n;
  }, [all]);
  const { ids } = picking.selection;
  const chosen = useMemo(() => (ids.size === 0 ? [] : all.filter((c) => ids.has(c.id))), [all, ids]);
  const chosenShown = useMemo(() => (ids.size === 0 ? 0 : shown.channels.filter((c) => ids.has(c.id)).length), [shown, ids]);

  const sort = (key: SortKey): void => {
    if (filter.sort !== key) change({ sort: key, down: key === 'rate' });
    else if (filter.down === (key === 'rate')) change({ down: !filter.down });
    else change({ sort: 'order', down: false });
  };
  const list = (channels: readonly Channel[]) =>
    view === 'grid' ? (
      <ChannelCards channels={channels} picking={may ? picking : null} />
    ) : (
      <ChannelRows channels={channels} picking={may ? picking : null} sorting={{ key: filter.sort, down: filter.down, set: sort }} />
    );
  const chooseArea = (id: string): void => {
    change({ area: filter.area === id ? null : id });
    setTreeOpen(false);
  };
  const treeShown = !narrow || treeOpen;

  return (
    <div className="page channels-page">
      <h1 className="visually-hidden">{t('channels.title')}</h1>
      <ConfigNav />
      <div className={`channels-split ${treeShown && !narrow ? '' : 'one'}`}>
        {narrow && (
          <button type="button" className="button small tree-toggle" aria-expanded={treeOpen} data-testid="tree-toggle" onClick={() => setTreeOpen(!treeOpen)}>
            <Icon name="area" />
            {filter.area === null ? t('areas.all') : filter.area === NO_AREA ? t('areas.loose') : wayText(tree, filter.area) || filter.area}
          </button>
        )}
        {treeShown && (
          <aside className="channels-tree" aria-label={t('areas.title')}>
            <button type="button" className={`tree-all ${filter.area === null ? 'on' : ''}`} aria-pressed={filter.area === null} data-testid="area-all" onClick={() => { change({ area: null }); setTreeOpen(false); }}>
              <span>{t('areas.all')}</span>
              <span className="num dim">{all.length}</span>
            </button>
            <AreaTree tree={tree} counts={counts} chosen={filter.area} onChoose={chooseArea} label={t('areas.title')} />
            {tree.loose && tree.byId.size > 0 && (
              <button type="button" className={`tree-all ${filter.area === NO_AREA ? 'on' : ''}`} aria-pressed={filter.area === NO_AREA} data-testid="area-none" onClick={() => chooseArea(NO_AREA)}>
                <span>{t('areas.loose')}</span>
                <span className="num dim">{counts.get(NO_AREA)?.channels ?? 0}</span>
              </button>
            )}
          </aside>
        )}
        <section className="channels-main" aria-label={t('channels.title')}>
          <div className="filter-bar">
            <label className="search">
              <Icon name="search" />
              <span className="visually-hidden">{t('channels.search')}</span>
              <input type="search" data-testid="channel-search" placeholder={t('channels.search')} value={typed} onChange={(e) => search(e.target.value)} />
            </label>
            <FacetSelect label={t('channels.condition')} value={filter.condition} testid="filter-condition" onChange={(v) => change({ condition: v as Filter['condition'] })}>
              <option value="any">{t('channels.conditionAny')}</option>
              {CONDITIONS.filter((k) => conditions.has(k) || k === filter.condition).map((k) => (
                <option key={k} value={k}>
                  {t(`condition.${k}`)} ({conditions.get(k) ?? 0})
                </option>
              ))}
            </FacetSelect>
            <FacetSelect label={t('channels.host')} value={filter.host} testid="filter-host" onChange={(host) => change({ host })} facets={index.hosts} />
            {(index.tags.length > 0 || filter.tag !== null) && (
              <FacetSelect label={t('field.tags')} value={filter.tag} testid="filter-tag" onChange={(tag) => change({ tag })} facets={index.tags} />
            )}
            {view === 'grid' && (
              <label className="select facet">
                <span className="visually-hidden">{t('channels.sort')}</span>
                <select data-testid="sort-select" value={filter.sort} onChange={(e) => change({ sort: e.target.value as SortKey, down: e.target.value === 'rate' })}>
                  {SORTS.map((s) => (
                    <option key={s} value={s}>
                      {t('channels.sortBy', { what: t(`channels.sorted.${s}`) })}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <span className="grow" />
            <div className="segments" role="group" aria-label={t('channels.view')}>
              {(['grid', 'list'] as const).map((v) => (
                <button key={v} type="button" aria-pressed={view === v} data-testid={`view-${v}`} onClick={() => setChannelView(v)}>
                  <Icon name={v} /> {t(`channels.${v}`)}
                </button>
              ))}
            </div>
          </div>
          <div className="state-filter" role="group" aria-label={t('channels.filter')}>
            <button type="button" className="filter-chip" aria-pressed={filter.state === null} onClick={() => change({ state: null })}>
              {t('channels.any', { count: shown.all })}
            </button>
            {(shown.away > 0 || filter.state === 'away') && (
              <button type="button" className="filter-chip ch-away" aria-pressed={filter.state === 'away'} data-testid="state-away" onClick={() => change({ state: filter.state === 'away' ? null : 'away' })}>
                <Icon name="misconfigured" /> {t('channels.away')} <span className="num">{shown.away}</span>
              </button>
            )}
            {CHANNEL_STATES.filter((s) => shown.states.has(s) || s === filter.state).map((s) => (
              <button key={s} type="button" className={`filter-chip ch-${s}`} aria-pressed={filter.state === s} data-testid={`state-${s}`} onClick={() => change({ state: filter.state === s ? null : s })}>
                <Icon name={s} /> {t(`channelState.${s}`)} <span className="num">{shown.states.get(s) ?? 0}</span>
              </button>
            ))}
            {!isAll(filter) && (
              <button type="button" className="button quiet small" data-testid="filter-reset" onClick={reset}>
                <Icon name="cross" />
                {t('channels.clear')}
              </button>
            )}
          </div>
          {query.isPending ? (
            <>
              <p className="visually-hidden" role="status">
                {t('channels.loading')}
              </p>
              <Skeleton rows={8} kind="card" />
            </>
          ) : query.isError && all.length === 0 ? (
            <Blank icon="misconfigured" title={t('channels.failed')} tone="bad">
              <p>{errorText(t, query.error)}</p>
              <button type="button" className="button" onClick={() => void query.refetch()}>
                {t('error.retry')}
              </button>
            </Blank>
          ) : all.length === 0 ? (
            <Blank icon="channels" title={t('channels.emptyTitle')}>
              <p>{t(may ? 'channels.emptyMay' : 'channels.empty')}</p>
            </Blank>
          ) : shown.channels.length === 0 ? (
            <Blank icon="search" title={t('channels.noMatch')}>
              <button type="button" className="button" onClick={reset}>
                {t('channels.clear')}
              </button>
            </Blank>
          ) : (
            <>
              <p className="visually-hidden" role="status" data-testid="shown-count" data-count={shown.channels.length}>
                {t('channels.shown', { count: shown.channels.length })}
              </p>
              {list(shown.channels)}
            </>
          )}
          {may && <BulkBar chosen={chosen} shown={chosenShown} picking={picking} tree={tree} />}
        </section>
      </div>
    </div>
  );
}

function FacetSelect({
  label,
  value,
  onChange,
  facets = [],
  children,
  testid,
}: {
  label: string;
  value: string | null;
  onChange: (value: string | null) => void;
  facets?: readonly { value: string; count: number }[];
  children?: ReactNode;
  testid: string;
}) {
  const { t } = useTranslation();
  return (
    <label className={`select facet ${value !== null ? 'on' : ''}`}>
      <span className="visually-hidden">{label}</span>
      <select data-testid={testid} value={value ?? ''} onChange={(e) => onChange(e.target.value === '' ? null : e.target.value)}>
        <option value="">{t('channels.facetAny', { what: label })}</option>
        {children}
        {value !== null && !children && !facets.some((f) => f.value === value) && <option value={value}>{value}</option>}
        {facets.map((f) => (
          <option key={f.value} value={f.value}>
            {f.value} ({f.count})
          </option>
        ))}
      </select>
    </label>
  );
}
