/*
 * Channels as pictures. Only the rows of cards in view exist, and only cards in view ask for pictures; the more there
 * are in view, the less often each is refreshed.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../api/channel';
import { useRem, useTimes, useWidth } from '../lib/hooks';
import { bitrateText, decimal, rateText, reasonText } from '../lib/words';
import type { Picking } from '../state/selection';
import { ConditionChip, videoText } from './channelbits';
import { ChannelPicture } from './channelpicture';
import { PickBox } from './channelrows';
import { ChannelStateWord } from './parts';

const CARD_REM = 17;
const GAP_REM = 0.875;
/** A name and two lines below the picture. */
const TEXT_REM = 5.6;
/** A card refreshes every five seconds while few are in view. */
const EVERY_MS = 5000;
const EACH_MS = 400;

export function ChannelCards({ channels, picking }: { channels: readonly Channel[]; picking: Picking | null }) {
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
  const pick = (id: string, shift: boolean): void => {
    if (shift) picking?.range(channels.map((c) => c.id), id);
    else picking?.toggle(id);
  };
  return (
    <div className="cards-scroll" ref={scroller} tabIndex={-1}>
      <div className="cards" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => (
          <div
            key={item.key}
            className="cards-row"
            style={{ transform: `translateY(${item.start}px)`, height, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
          >
            {channels.slice(item.index * columns, (item.index + 1) * columns).map((c) => (
              <Card key={c.id} channel={c} everyMs={everyMs} on={picking?.selection.ids.has(c.id) ?? false} onPick={picking ? pick : null} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function Card({
  channel,
  everyMs,
  on,
  onPick,
}: {
  channel: Channel;
  everyMs: number;
  on: boolean;
  onPick: ((id: string, shift: boolean) => void) | null;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  const h = channel.health;
  const first = h.conditions[0];
  return (
    <div className={`card-frame ${on ? 'on' : ''}`}>
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
          {h.state !== 'running' ? (
            <span className="card-reason" title={reasonText(t, h)}>
              {reasonText(t, h)}{' '}
              <span className="dim num">{t('channels.since', { time: times.moment(h.since, 'short') })}</span>
            </span>
          ) : (
            <>
              <span className="card-line dim num">
                <span>{videoText(channel)}</span>
                <span>{bitrateText(t, h.kbitS)}</span>
              </span>
              {first ? (
                <span className="card-line">
                  <ConditionChip kind={first.kind} since={t('channels.since', { time: times.moment(first.since, 'short') })} />
                  {h.conditions.length > 1 && <span className="dim num">+{h.conditions.length - 1}</span>}
                </span>
              ) : (
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
              )}
            </>
          )}
        </span>
      </Link>
      {onPick && <PickBox label={t('channels.choose', { channel: channel.name })} on={on} onPick={(shift) => onPick(channel.id, shift)} />}
    </div>
  );
}
