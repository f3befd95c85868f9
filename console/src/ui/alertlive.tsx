/*
 * What the alert's channel shows now, and up to four channels round it. Only while it can be seen; each picture is the
 * latest key frame, so it moves as often as the camera sends one, and its age stands on it.
 */
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../api/channel';
import { neighbours } from '../lib/neighbours';
import { reasonText } from '../lib/words';
import { useChannels } from '../state/channels';
import { useLive } from '../state/live';
import { ChannelPicture } from './channelpicture';

const MAIN_MS = 700;
const NEIGHBOUR_MS = 2000;

export function AlertLive({ channel, name }: { channel: string; name: string }) {
  const { t } = useTranslation();
  const channels = useChannels();
  const [large, setLarge] = useState(channel);
  const own = channels.data?.find((c) => c.id === channel) ?? null;
  const near = useMemo(() => (own && channels.data ? neighbours(own, channels.data) : []), [own, channels.data]);
  const shown = channels.data?.find((c) => c.id === large) ?? own;
  return (
    <section className="live" aria-label={t('live.of', { channel: shown?.name ?? name })} data-testid="alert-live">
      <Moving key={shown?.id ?? channel} id={shown?.id ?? channel} name={shown?.name ?? name} channel={shown} everyMs={MAIN_MS} />
      <p className="live-caption">
        <Link to={`/channels/${encodeURIComponent(shown?.id ?? channel)}`}>{shown?.name ?? name}</Link>
        <span className="dim">{t('live.how')}</span>
      </p>
      {near.length > 0 ? (
        <ul className="live-near" aria-label={t('live.near')}>
          {(shown && shown.id !== channel && own ? [{ channel: own, metres: 0 }, ...near.filter((n) => n.channel.id !== shown.id)] : near).map((n) => (
            <li key={n.channel.id}>
              <button type="button" className="live-one" data-testid="live-neighbour" onClick={() => setLarge(n.channel.id)}>
                <Moving id={n.channel.id} name={n.channel.name} channel={n.channel} everyMs={NEIGHBOUR_MS} />
                <span className="live-name">{n.channel.name}</span>
                <span className="dim num">
                  {n.channel.id === channel ? t('live.own') : n.metres === null ? t('live.sameArea') : t('live.metres', { n: Math.round(n.metres) })}
                </span>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        channels.data && <p className="dim small-text">{t('live.nobody')}</p>
      )}
    </section>
  );
}

function Moving({ id, name, channel, everyMs }: { id: string; name: string; channel: Channel | null; everyMs: number }) {
  const { t } = useTranslation();
  const health = useLive((s) => s.health.get(id)) ?? channel?.health;
  const runs = health?.state === 'running';
  return (
    <span className="moving">
      <ChannelPicture id={id} name={name} everyMs={everyMs} live={runs} />
      {health && !runs && (
        <span className="moving-why">
          {t(`channelState.${health.state}`)} · {reasonText(t, health)}
        </span>
      )}
    </span>
  );
}
