/*
 * One channel: its picture with the zones drawn on it, what is known of its health and what to do about it, its
 * configuration, its latest alerts, and what happened to it.
 */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useShallow } from 'zustand/react/shallow';
import { api } from '../api/client';
import { transportText } from '../lib/configwords';
import { useTimes, useTitle } from '../lib/hooks';
import { saidText } from '../lib/said';
import { bitrateText, codecText, decimal, rateText, reasonText } from '../lib/words';
import { useHealthy } from '../state/channels';
import { absorb, setHealth, useLive } from '../state/live';
import { useMayConfigure } from '../state/rights';
import { AlertRow } from '../ui/alertrow';
import { Tags } from '../ui/channelbits';
import { ChannelFormDialog } from '../ui/channelform';
import { ChannelLog } from '../ui/channellog';
import { ChannelPicture } from '../ui/channelpicture';
import { NotThere } from '../ui/failed';
import { Icon } from '../ui/icons';
import { ChannelStateWord, Fact, Loading, Moment } from '../ui/parts';
import { Said } from '../ui/said';

const EVERY_MS = 2000;
const ALERTS = 8;

export default function ChannelPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const times = useTimes();
  const query = useQuery({
    queryKey: ['channel', id],
    queryFn: async () => {
      const channel = await api.channel(id);
      setHealth([channel.health]);
      return channel;
    },
    refetchInterval: 60_000,
  });
  const found = useMemo(() => (query.data ? [query.data] : []), [query.data]);
  const channel = useHealthy(found)[0];
  const may = useMayConfigure();
  const [editing, setEditing] = useState(false);
  useTitle(channel?.name ?? t('channels.title'));

  if (!channel) {
    if (query.isPending) return <Loading text={t('channels.loading')} />;
    return <NotThere error={query.error} missing={t('channels.notFound')} failed={t('channels.failed')} retry={query.refetch} back={{ to: '/channels', text: t('channels.back') }} />;
  }
  const h = channel.health;
  const said = saidText(t, h.reason);
  // Rates that were measured while pictures came say nothing of a channel that is away.
  const flows = h.state === 'running';
  const skew =
    h.clockSkewMs === null || !flows
      ? t('health.skewNone')
      : Math.abs(h.clockSkewMs) < 100
        ? t('health.exact')
        : t(h.clockSkewMs > 0 ? 'health.ahead' : 'health.behind', {
            value:
              Math.abs(h.clockSkewMs) < 10_000
                ? t('unit.ms', { n: Math.abs(h.clockSkewMs) })
                : times.age(Math.abs(h.clockSkewMs)),
          });
  return (
    <div className="page channel-page" data-testid="channel-page" data-state={h.state}>
      <header className="page-head">
        <Link className="ghost back" to="/channels" aria-label={t('channels.back')}>
          <Icon name="back" />
        </Link>
        <div>
          <h1>{channel.name}</h1>
          <p className="dim">
            {channel.areaNames.length > 0 && <>{channel.areaNames.join(' / ')} · </>}
            <span className="mono">{channel.id}</span>
          </p>
        </div>
        <span className="grow" />
        {may && channel.config && channel.origin === 'inventory' && (
          <button type="button" className="button" data-testid="edit-channel" onClick={() => setEditing(true)}>
            <Icon name="edit" />
            {t('edit.open')}
          </button>
        )}
        {may && channel.config && channel.origin === 'inventory' && (
          <Link className="button" to={`/channels/${encodeURIComponent(channel.id)}/draw`} data-testid="draw-channel">
            <Icon name="zone" />
            {t('draw.open')}
          </Link>
        )}
      </header>
      {editing && channel.config && <ChannelFormDialog channel={channel} config={channel.config} onClose={() => setEditing(false)} />}
      <div className="channel-body">
        <div className="channel-main">
          <div className="picture-space">
            <ChannelPicture id={channel.id} name={channel.name} everyMs={EVERY_MS} live={h.state === 'running'} zones={channel.zones} lines={channel.lines} />
          </div>
        </div>
        <div className="channel-side">
          <section className={`card verdict ch-${h.state}`}>
            <ChannelStateWord state={h.state} />
            <p>{reasonText(t, h)}</p>
            {said?.own && <Said className="reason" text={h.reason} />}
            <p className="dim num">{t('channels.since', { time: times.moment(h.since, 'full') })}</p>
            {h.state !== 'running' && h.state !== 'connecting' && (
              <p className="advice">
                <b>{t('log.todo')}</b> {t(`channelAdvice.${h.state}`)}
              </p>
            )}
          </section>
          {h.conditions.map((c) => (
            <section key={c.kind} className="card verdict ch-stalled" data-testid="condition" data-condition={c.kind}>
              <span className="chan-state">
                <Icon name={c.kind} />
                {t(`condition.${c.kind}`)}
              </span>
              <p>{t(`conditionHint.${c.kind}`)}</p>
              <Said className="reason" text={c.reason} />
              <p className="dim num">{t('channels.since', { time: times.moment(c.since, 'full') })}</p>
              <p className="advice">
                <b>{t('log.todo')}</b> {t(`conditionAdvice.${c.kind}`)}
              </p>
            </section>
          ))}
          <section className="card">
            <h2>{t('channels.health')}</h2>
            {!flows && h.codec !== null && <p className="dim">{t('health.before')}</p>}
            <dl className="facts">
              <Fact name={t('health.codec')}>{codecText(h.codec) ?? t('health.unknown')}</Fact>
              <Fact name={t('health.size')}>
                <span className="num">{h.width > 0 ? `${h.width} × ${h.height}` : t('health.unknown')}</span>
              </Fact>
              <Fact name={t('health.bitrate')}>
                <span className="num">{flows ? bitrateText(t, h.kbitS) : t('health.unknown')}</span>
              </Fact>
              <Fact name={t('health.units')}>
                <span className="num">{flows ? rateText(t, h.unitRateHz) : t('health.unknown')}</span>
              </Fact>
              <Fact name={t('health.key')}>
                <span className="num">{flows && h.keyIntervalS > 0 ? t('unit.seconds', { n: decimal(h.keyIntervalS, 2) }) : t('health.unknown')}</span>
              </Fact>
              <Fact name={t('health.looks')}>
                <span className="num">{flows ? rateText(t, h.lookRateHz) : t('health.unknown')}</span>
              </Fact>
              <Fact name={t('health.skew')}>
                <span className="num">{skew}</span>
              </Fact>
              <Fact name={t('health.lost')}>
                <span className="num">{h.lostPackets}</span>
              </Fact>
              <Fact name={t('health.sessions')}>
                <span className="num">{h.sessions}</span>
              </Fact>
              <Fact name={t('health.at')}>
                <Moment at={h.at} />
              </Fact>
            </dl>
          </section>
          <section className="card">
            <h2>{t('channels.setup')}</h2>
            <dl className="facts" data-testid="channel-setup">
              <Fact name={t('health.host')}>
                <span className="mono">{channel.host}</span>
              </Fact>
              {channel.config && (
                <>
                  <Fact name={t('field.url')}>
                    <span className="mono">{channel.config.url}</span>
                  </Fact>
                  {channel.config.mainUrl !== '' && (
                    <Fact name={t('field.main_url')}>
                      <span className="mono">{channel.config.mainUrl}</span>
                    </Fact>
                  )}
                  <Fact name={t('field.credential')}>{channel.config.credential || t('edit.noCredential')}</Fact>
                </>
              )}
              {channel.externalId !== '' && (
                <Fact name={t('field.external_id')}>
                  <span className="mono">{channel.externalId}</span>
                </Fact>
              )}
              <Fact name={t('health.stream')}>
                {channel.stream === 'main' ? t('health.streamMain') : channel.stream === 'sub' ? t('health.streamSub') : channel.stream}
              </Fact>
              <Fact name={t('health.transport')}>{transportText(t, channel.transport)}</Fact>
              <Fact name={t('health.rules')}>
                {channel.rules.length === 0
                  ? t('health.unknown')
                  : channel.rules.map((r, i) => (
                      <span key={r}>
                        {i > 0 && ', '}
                        <Link to={`/rules/${encodeURIComponent(r)}`} className="mono">
                          {r}
                        </Link>
                      </span>
                    ))}
              </Fact>
              <Fact name={t('health.zones')}>{channel.zones.map((z) => z.name).join(', ') || t('health.unknown')}</Fact>
              {channel.tags.length > 0 && (
                <Fact name={t('field.tags')}>
                  <Tags tags={channel.tags} />
                </Fact>
              )}
              {channel.place && (
                <Fact name={t('field.place')}>
                  <span className="num">
                    {channel.place.lat.toFixed(5)}, {channel.place.lon.toFixed(5)}
                  </span>
                </Fact>
              )}
              <Fact name={t('field.origin')}>{t(channel.origin === 'file' ? 'edit.originFile' : 'edit.originInventory')}</Fact>
            </dl>
          </section>
        </div>
        <section className="card channel-alerts">
          <h2>{t('channels.latestAlerts')}</h2>
          <ChannelAlerts id={channel.id} />
        </section>
        <ChannelLog channel={channel} />
      </div>
    </div>
  );
}

function ChannelAlerts({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['channel-alerts', id],
    queryFn: () => api.alerts({ state: 'all', channel: id, limit: ALERTS }),
  });
  useEffect(() => {
    if (query.data) absorb(query.data.alerts);
  }, [query.data]);
  const rows = useLive(useShallow((s) => s.order.filter((a) => a.channel === id).slice(0, ALERTS)));
  if (rows.length === 0) return <p className="dim">{query.isPending ? t('alerts.loading') : t('channels.noAlerts')}</p>;
  return (
    <ul className="alert-links">
      {rows.map((a) => (
        <li key={a.id}>
          <Link to={`/alerts/${a.id}`} className={`alert-row edge-${a.severity}`}>
            <AlertRow alert={a} />
          </Link>
        </li>
      ))}
    </ul>
  );
}
