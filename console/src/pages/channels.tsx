/*
 * All channels with health and latest picture. Only the rows of cards in view exist, and only cards in view ask for
 * pictures; the more there are in view, the less often each is refreshed.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { CHANNEL_STATES, type Channel, type ChannelState } from '../api/types';
import { useTimes, useTitle, useWidth } from '../lib/hooks';
import { bitrateText, codecText, decimal, errorText, rateText } from '../lib/words';
import { useChannels, useHealthy } from '../state/channels';
import { setChannelView, usePrefs } from '../state/prefs';
import { ChannelPicture } from '../ui/channelpicture';
import { Icon } from '../ui/icons';
import { Blank, ChannelStateWord, Skeleton } from '../ui/parts';

const CARD_REM = 17;
const GAP_REM = 0.875;
/** A name and two lines below the picture. */
const TEXT_REM = 5.6;
const LIST_REM = 3;
/** A card refreshes every five seconds while few are in view. */
const EVERY_MS = 5000;
const EACH_MS = 400;

function matches(c: Channel, words: readonly string[]): boolean {
  const hay = [c.id, c.name, c.host, ...c.area, ...c.areaNames].join(' ').toLowerCase();
  return words.every((w) => hay.includes(w));
}

export default function ChannelsPage() {
  const { t } = useTranslation();
  const query = useChannels();
  const all = useHealthy(query.data);
  const view = usePrefs((s) => s.channelView);
  const [search, setSearch] = useState('');
  const [state, setState] = useState<ChannelState | null>(null);
  const wanted = useDeferredValue(search);
  useTitle(t('channels.title'));

  const counts = useMemo(() => {
    const n = new Map<ChannelState, number>();
    for (const c of all) n.set(c.health.state, (n.get(c.health.state) ?? 0) + 1);
    return n;
  }, [all]);
  const shown = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/).filter((w) => w !== '');
    return all.filter((c) => (state === null || c.health.state === state) && matches(c, words));
  }, [all, wanted, state]);
  const reset = (): void => {
    setSearch('');
    setState(null);
  };

  return (
    <div className="page channels-page">
      <header className="page-head">
        <h1>{t('channels.title')}</h1>
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('channels.search')}</span>
          <input type="search" data-testid="channel-search" placeholder={t('channels.search')} value={search} onChange={(e) => setSearch(e.target.value)} />
        </label>
        <div className="segments" role="group" aria-label={t('channels.view')}>
          {(['grid', 'list'] as const).map((v) => (
            <button key={v} type="button" aria-pressed={view === v} data-testid={`view-${v}`} onClick={() => setChannelView(v)}>
              <Icon name={v} /> {t(`channels.${v}`)}
            </button>
          ))}
        </div>
      </header>
      <div className="state-filter" role="group" aria-label={t('channels.filter')}>
        <button type="button" className="filter-chip" aria-pressed={state === null} onClick={() => setState(null)}>
          {t('channels.any', { count: all.length })}
        </button>
        {CHANNEL_STATES.filter((s) => counts.has(s) || s === state).map((s) => (
          <button key={s} type="button" className={`filter-chip ch-${s}`} aria-pressed={state === s} data-testid={`state-${s}`} onClick={() => setState(state === s ? null : s)}>
            <Icon name={s} /> {t(`channelState.${s}`)} <span className="num">{counts.get(s) ?? 0}</span>
          </button>
        ))}
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
          <p>{t('channels.empty')}</p>
        </Blank>
      ) : shown.length === 0 ? (
        <Blank icon="search" title={t('channels.noMatch')}>
          <button type="button" className="button" onClick={reset}>
            {t('channels.clear')}
          </button>
        </Blank>
      ) : (
        <>
          <p className="visually-hidden" role="status">
            {t('channels.shown', { count: shown.length })}
          </p>
          {view === 'grid' ? <Grid channels={shown} /> : <List channels={shown} />}
        </>
      )}
    </div>
  );
}

function useRem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}

function Grid({ channels }: { channels: readonly Channel[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const width = useWidth(scroller);
  const rem = useRem();
  const gap = GAP_REM * rem;
  const columns = Math.max(1, Math.floor((width + gap) / (CARD_REM * rem + gap)));
  const rows = Math.ceil(channels.length / columns);
  const cardWidth = (width - gap * (columns - 1)) / columns;
  const height = Math.round((cardWidth * 9) / 16 + TEXT_REM * rem);
  const virtual = useVirtualizer({
    count: width > 0 ? rows : 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => height + gap,
    overscan: 1,
  });
  const size = `${columns} ${Math.round(height)}`;
  const measured = useRef(size);
  if (measured.current !== size) {
    measured.current = size;
    virtual.measure();
  }
  const items = virtual.getVirtualItems();
  const everyMs = Math.max(EVERY_MS, items.length * columns * EACH_MS);
  return (
    <div className="cards-scroll" ref={scroller}>
      <div className="cards" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => (
          <div
            key={item.key}
            className="cards-row"
            style={{ transform: `translateY(${item.start}px)`, height, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
          >
            {channels.slice(item.index * columns, (item.index + 1) * columns).map((c) => (
              <Card key={c.id} channel={c} everyMs={everyMs} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function useVideo(): (c: Channel) => string {
  return (c) => {
    const { codec, width, height } = c.health;
    return [codecText(codec), width > 0 && height > 0 ? `${width}×${height}` : null].filter((x) => x !== null).join(' · ');
  };
}

function Card({ channel, everyMs }: { channel: Channel; everyMs: number }) {
  const { t } = useTranslation();
  const times = useTimes();
  const video = useVideo()(channel);
  const h = channel.health;
  return (
    <Link
      to={`/channels/${encodeURIComponent(channel.id)}`}
      className={`channel-card edge-${h.state}`}
      data-testid="channel-card"
      data-channel-id={channel.id}
      data-state={h.state}
    >
      <ChannelPicture id={channel.id} name={channel.name} everyMs={everyMs} live={h.state === 'running'} />
      <span className="card-state">
        <ChannelStateWord state={h.state} />
      </span>
      <span className="card-text">
        <b className="card-name" title={channel.name}>
          {channel.name}
        </b>
        {h.state === 'running' ? (
          <>
            <span className="card-line dim num">
              <span>{video}</span>
              <span>{bitrateText(t, h.kbitS)}</span>
            </span>
            <span className="card-line dim num">
              <span>
                {t('health.looks')} {rateText(t, h.lookRateHz)}
              </span>
              {h.keyIntervalS > 0 && (
                <span>
                  {t('health.key')} {t('unit.seconds', { n: decimal(h.keyIntervalS, 1) })}
                </span>
              )}
            </span>
          </>
        ) : (
          <span className="card-reason" title={h.reason}>
            {h.reason || t(`channelStateHint.${h.state}`)} <span className="dim num">{t('channels.since', { time: times.moment(h.since, 'short') })}</span>
          </span>
        )}
      </span>
    </Link>
  );
}

function List({ channels }: { channels: readonly Channel[] }) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const height = LIST_REM * useRem();
  const times = useTimes();
  const video = useVideo();
  const virtual = useVirtualizer({
    count: channels.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
  });
  return (
    <div className="list-scroll" ref={scroller}>
      <div className="list-head" aria-hidden="true">
        <span>{t('channels.column.state')}</span>
        <span>{t('channels.column.name')}</span>
        <span>{t('channels.column.area')}</span>
        <span>{t('channels.column.video')}</span>
        <span>{t('channels.column.rate')}</span>
        <span>{t('channels.column.reason')}</span>
      </div>
      <div className="list-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const c = channels[item.index];
          if (!c) return null;
          const h = c.health;
          return (
            <Link
              key={c.id}
              to={`/channels/${encodeURIComponent(c.id)}`}
              className={`list-row edge-${h.state}`}
              data-testid="channel-card"
              data-channel-id={c.id}
              data-state={h.state}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <ChannelStateWord state={h.state} />
              <b>{c.name}</b>
              <span className="dim">{c.areaNames.join(' / ')}</span>
              <span className="num">{video(c)}</span>
              <span className="num">
                {h.kbitS > 0 && `${bitrateText(t, h.kbitS)} · ${rateText(t, h.lookRateHz)}`}
              </span>
              <span className="dim" title={h.reason}>
                {h.reason || t('channels.since', { time: times.moment(h.since, 'short') })}
              </span>
            </Link>
          );
        })}
      </div>
    </div>
  );
}
