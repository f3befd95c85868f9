/*
 * The same things as on the map in words: alerts by priority, channels by name. It is how the map is worked by keyboard
 * and heard; only the rows in view exist. A name opens what it names, the button beside it shows where it is.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../../api/channel';
import type { Alert } from '../../api/types';
import { useRem } from '../../lib/hooks';
import { lookOf } from '../../lib/mapmarks';
import type { Place } from '../../lib/mercator';
import { kindText } from '../../lib/words';
import { Icon, SeveritySign } from '../icons';
import { Age, StateChip } from '../parts';
import { LookSign } from './sign';

const ROW_REM = 3.4;

export interface Listed {
  alerts: readonly { alert: Alert; place: Place | null; about: boolean }[];
  channels: readonly Channel[];
}
export type Part = keyof Listed;

/** Memoised: the map moves sixty times a second, and nothing here with it. */
export const MapList = memo(function MapList({
  listed,
  part,
  onPart,
  only,
  onAll,
  chosen,
  onShow,
}: {
  listed: Listed;
  part: Part;
  onPart: (part: Part) => void;
  /** Of a mark that stands for many only these, by their ids. */
  only: ReadonlySet<string> | null;
  onAll: () => void;
  chosen: string | null;
  onShow: (place: Place, id: string) => void;
}) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState('');
  const wanted = useDeferredValue(typed.trim().toLowerCase());
  const height = ROW_REM * useRem();

  const alerts = useMemo(
    () =>
      listed.alerts.filter(
        ({ alert: a }) => (only === null || only.has(a.id)) && (wanted === '' || `${a.channelName} ${a.channel} ${kindText(t, a)}`.toLowerCase().includes(wanted)),
      ),
    [listed.alerts, only, wanted, t],
  );
  const channels = useMemo(
    () => listed.channels.filter((c) => (only === null || only.has(c.id)) && (wanted === '' || `${c.name} ${c.id} ${c.areaNames.join(' ')}`.toLowerCase().includes(wanted))),
    [listed.channels, only, wanted],
  );
  const count = part === 'alerts' ? alerts.length : channels.length;
  const virtual = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 8 });

  return (
    <section className="map-side" aria-label={t('map.list')} data-testid="map-list">
      <div className="map-side-head">
        <div className="segments" role="group" aria-label={t('map.list')}>
          {(['alerts', 'channels'] as const).map((p) => (
            <button key={p} type="button" aria-pressed={part === p} data-testid={`map-part-${p}`} onClick={() => onPart(p)}>
              {t(`map.layer.${p}`)} <span className="num dim">{listed[p].length}</span>
            </button>
          ))}
        </div>
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('map.search')}</span>
          <input type="search" data-testid="map-search" placeholder={t('map.search')} value={typed} onChange={(e) => setTyped(e.target.value)} />
        </label>
        {only !== null && (
          <button type="button" className="button small" data-testid="map-only" onClick={onAll}>
            <Icon name="cross" /> {t('map.only', { count })}
          </button>
        )}
        <p className="visually-hidden" role="status">
          {t('map.listed', { count })}
        </p>
      </div>
      <div className="map-rows" ref={scroller}>
        {count === 0 ? (
          <p className="map-none dim">{t(part === 'alerts' ? 'map.noAlerts' : 'map.noChannels')}</p>
        ) : (
          <ul style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const alert = part === 'alerts' ? alerts[item.index] : undefined;
              const channel = part === 'channels' ? channels[item.index] : undefined;
              const id = alert?.alert.id ?? channel?.id ?? '';
              return (
                <li key={id} aria-setsize={count} aria-posinset={item.index + 1} className={`map-row ${id === chosen ? 'at' : ''}`} data-testid="map-row" data-id={id} style={{ height, transform: `translateY(${item.start}px)` }}>
                  {alert && <AlertLine {...alert} onShow={onShow} />}
                  {channel && <ChannelLine channel={channel} onShow={onShow} />}
                </li>
              );
            })}
          </ul>
        )}
      </div>
    </section>
  );
});

function AlertLine({ alert, place, about, onShow }: Listed['alerts'][number] & { onShow: (place: Place, id: string) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <SeveritySign severity={alert.handling.priority} />
      <span className="map-row-text">
        <Link to={`/alerts/${encodeURIComponent(alert.id)}`}>
          <span className="visually-hidden">{t(`severity.${alert.handling.priority}`)} </span>
          {kindText(t, alert)}
        </Link>
        <span className="dim small-text" title={alert.channelName}>
          {alert.channelName}
        </span>
      </span>
      <span className="map-row-end">
        <Age at={alert.opened} className="dim small-text" />
        <StateChip state={alert.state} />
      </span>
      <ShowButton place={place} about={about} name={`${kindText(t, alert)}, ${alert.channelName}`} onShow={(p) => onShow(p, alert.id)} />
    </>
  );
}

function ChannelLine({ channel, onShow }: { channel: Channel; onShow: (place: Place, id: string) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <LookSign look={lookOf(channel)} />
      <span className="map-row-text">
        <Link to={`/channels/${encodeURIComponent(channel.id)}`}>{channel.name}</Link>
        <span className="dim small-text">
          {t(`channelState.${channel.health.state}`)} · {channel.areaNames.slice(-2).join(' / ')}
        </span>
      </span>
      <ShowButton place={channel.place} about={false} name={channel.name} onShow={(p) => onShow(p, channel.id)} />
    </>
  );
}

function ShowButton({ place, about, name, onShow }: { place: Place | null; about: boolean; name: string; onShow: (place: Place) => void }) {
  const { t } = useTranslation();
  const text = place ? t(about ? 'map.showAbout' : 'map.show', { what: name }) : t('map.nowhere', { what: name });
  return (
    <button type="button" className="ghost" disabled={place === null} aria-label={text} title={text} data-testid="map-show" onClick={() => place && onShow(place)}>
      <Icon name="target" />
    </button>
  );
}
