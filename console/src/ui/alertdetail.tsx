/* The chosen alert: its picture with boxes and zone, what can be done, what is known, its events and its history. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ApiError } from '../api/client';
import type { Zone } from '../api/channel';
import type { Alert, AlertDetail as Detail, EventFact, Media } from '../api/types';
import { useTimes } from '../lib/hooks';
import { errorText, kindText, rateText } from '../lib/words';
import { absorb, onFacts, useLive } from '../state/live';
import { happenings, mergeFacts, type Happening } from '../state/merge';
import { useAreaText, useChannels } from '../state/channels';
import { AlertActions } from './alertactions';
import { AlertFlags } from './alertflags';
import { EventList, History, Trace } from './alertstory';
import { Icon } from './icons';
import { AlertPlace } from './map/alertplace';
import { Boxes } from './overlay';
import { Blank, Fact, Loading, Moment, SeverityWord, StateChip } from './parts';

function useDetail(id: string) {
  const queries = useQueryClient();
  const key = useMemo(() => ['alert', id], [id]);
  const query = useQuery({
    queryKey: key,
    queryFn: async () => {
      const found = await api.alert(id);
      absorb([found.alert]);
      return found;
    },
  });
  const rev = useLive((s) => s.alerts.get(id)?.rev ?? 0);
  const known = query.data?.alert.rev ?? 0;
  const ready = query.data !== undefined;
  // The history is not in the feed: a newer revision means that there is more of it.
  useEffect(() => {
    if (!ready || rev <= known) return;
    const timer = setTimeout(() => void queries.invalidateQueries({ queryKey: key }), 300);
    return () => clearTimeout(timer);
  }, [rev, known, ready, queries, key]);
  useEffect(
    () =>
      onFacts((facts) => {
        const mine = facts.filter((f) => f.alert === id);
        if (mine.length === 0) return;
        queries.setQueryData<Detail>(key, (old) => (old ? { ...old, events: mergeFacts(old.events, mine) } : old));
      }),
    [id, key, queries],
  );
  return query;
}

export function AlertDetail({ id, onBack }: { id: string; onBack: (() => void) | null }) {
  const { t } = useTranslation();
  const alert = useLive((s) => s.alerts.get(id));
  const query = useDetail(id);
  const area = useAreaText(alert?.area ?? []);
  const [event, setEvent] = useState<string | null>(null);
  const stage = useRef<HTMLDivElement>(null);
  const choose = (next: string): void => {
    setEvent(next);
    stage.current?.scrollIntoView({ block: 'nearest' });
  };
  const groups = useMemo(() => happenings(query.data?.events ?? []), [query.data]);

  if (!alert) {
    if (query.isPending || query.isFetching) return <Loading text={t('detail.loading')} />;
    const missing = query.error instanceof ApiError && query.error.status === 404;
    return (
      <Blank icon="search" title={missing ? t('detail.notFound') : t('alerts.failed')} tone="bad">
        {!missing && <p>{errorText(t, query.error)}</p>}
        <button type="button" className="button" onClick={onBack ?? (() => void query.refetch())}>
          {onBack ? t('detail.back') : t('error.retry')}
        </button>
      </Blank>
    );
  }
  // Where the queue is not beside it, this is the page.
  const Title = onBack ? 'h1' : 'h2';
  const group = groups.find((g) => g.id === event) ?? null;
  return (
    <article className="alert">
      <header className="alert-head">
        {onBack && (
          <button type="button" className="ghost back" aria-label={t('detail.back')} onClick={onBack}>
            <Icon name="back" />
          </button>
        )}
        <div className="alert-titles">
          <Title>
            <SeverityWord severity={alert.handling.priority} />
            <span>{kindText(t, alert)}</span>
          </Title>
          <p>
            <Link to={`/channels/${encodeURIComponent(alert.channel)}`}>{alert.channelName}</Link>
            {area !== '' && <span className="dim"> · {area}</span>}
          </p>
        </div>
        <div className="alert-state">
          <StateChip state={alert.state} testid="alert-state" />
          <span className={alert.active ? 'going' : 'dim'}>{t(alert.active ? 'alerts.active' : 'alerts.cleared')}</span>
          <AlertFlags alert={alert} />
        </div>
      </header>
      <AlertActions alert={alert} />
      <div className={`alert-body ${besides(group ? group.picture : alert.media[0]) ? 'beside' : ''}`}>
        <div className="alert-main" ref={stage}>
          <AlertPicture alert={alert} group={group} groups={groups} />
          <Trace groups={groups} alert={alert} chosen={event ?? alert.lastEvent} onChoose={choose} />
        </div>
        <div className="alert-side">
          <AlertFacts alert={alert} fact={(group ?? groups[0])?.latest ?? null} />
          <AlertPlace alert={alert} />
          <section className="card">
            <h3>{t('detail.history')}</h3>
            {query.isPending ? <Loading text={t('detail.loading')} /> : query.isError ? <p className="form-error">{errorText(t, query.error)}</p> : <History entries={query.data.history} />}
          </section>
          <section className="card">
            <h3>
              {t('detail.events')} <span className="num dim">{alert.events}</span>
            </h3>
            <EventList groups={groups} chosen={event ?? alert.lastEvent} onChoose={choose} loading={query.isPending} />
          </section>
        </div>
      </div>
    </article>
  );
}

/** Whether a picture is so narrow that it would leave half of the width empty. */
function besides(media: Media | null | undefined): boolean {
  return !!media && media.height > 0 && media.width / media.height < 1.6;
}

function useZone(channel: string, zone: string | null): Zone[] {
  const channels = useChannels();
  return useMemo(() => {
    if (zone === null) return [];
    return channels.data?.find((c) => c.id === channel)?.zones.filter((z) => z.id === zone) ?? [];
  }, [channels.data, channel, zone]);
}

function AlertPicture({ alert, group, groups }: { alert: Alert; group: Happening | null; groups: readonly Happening[] }) {
  const { t } = useTranslation();
  const times = useTimes();
  const media = group ? group.picture : (alert.media[0] ?? null);
  const objects = media?.objects ?? [];
  const zones = useZone(alert.channel, (group ? group.latest.zone : null) ?? alert.zone);
  const [failed, setFailed] = useState('');
  const [ready, setReady] = useState('');
  const [boxes, setBoxes] = useState(true);
  const [outline, setOutline] = useState(true);
  const width = media && media.width > 0 ? media.width : 16;
  const height = media && media.height > 0 ? media.height : 9;
  // The picture is of the event's start; the alert may have begun long before and have been updated since.
  const seen = (group ?? groups.find((g) => g.picture?.url === media?.url))?.seen ?? alert.updated;
  return (
    <figure className="stage">
      <div className="picture-space" style={{ aspectRatio: `${width} / ${height}`, '--ratio': width / height } as React.CSSProperties}>
        <div className={`picture ${media && ready === media.url ? 'ready' : ''}`} style={{ aspectRatio: `${width} / ${height}` }}>
          {media && failed !== media.url ? (
            <>
              <img
                key={media.url}
                src={media.url}
                data-testid="alert-picture"
                data-ready={ready === media.url}
                alt={t('detail.pictureOf', { channel: alert.channelName, time: times.moment(seen, 'full') })}
                decoding="async"
                onLoad={() => setReady(media.url)}
                onError={() => setFailed(media.url)}
              />
              <Boxes objects={boxes ? objects : []} zones={outline ? zones : []} labels ratio={width / height} testid="alert-box" />
            </>
          ) : (
            <span className="picture-none">
              <Icon name="picture" />
              {t(media ? 'detail.pictureGone' : 'detail.noPicture')}
            </span>
          )}
        </div>
      </div>
      <figcaption>
        <span className="num">{times.moment(seen, 'full')}</span>
        {media && <span className="dim num">{t('detail.objects', { count: objects.length })}</span>}
        <span className="grow" />
        <button type="button" className="toggle" aria-pressed={boxes} onClick={() => setBoxes(!boxes)}>
          {t('detail.boxes')}
        </button>
        {zones.length > 0 && (
          <button type="button" className="toggle" aria-pressed={outline} onClick={() => setOutline(!outline)}>
            {t('detail.zones')}
          </button>
        )}
      </figcaption>
    </figure>
  );
}

function AlertFacts({ alert, fact }: { alert: Alert; fact: EventFact | null }) {
  const { t } = useTranslation();
  const zones = useZone(alert.channel, alert.zone);
  return (
    <section className="card">
      <h3>{t('detail.facts')}</h3>
      <dl className="facts">
        <Fact name={t('detail.opened')}>
          <Moment at={alert.opened} />
        </Fact>
        <Fact name={t('detail.updated')}>
          <Moment at={alert.updated} />
        </Fact>
        {alert.health && <Fact name={t('detail.wrong')}>{alert.health.reason}</Fact>}
        <Fact name={t('detail.owner')}>{alert.owner ?? <span className="dim">{t('detail.nobody')}</span>}</Fact>
        {alert.handling.position && (
          <Fact name={t('detail.position')}>
            <span className="mono">{alert.handling.position}</span>
          </Fact>
        )}
        {alert.handling.dispatchedTo && <Fact name={t('detail.dispatchedTo')}>{alert.handling.dispatchedTo}</Fact>}
        {alert.handling.shelved && (
          <Fact name={t('detail.shelf')}>
            {alert.handling.shelved.reason} <span className="dim">{t('detail.by', { user: alert.handling.shelved.by })}</span>
          </Fact>
        )}
        {alert.handling.heldBack > 0 && (
          <Fact name={t('detail.heldBack')}>
            <span className="num">{alert.handling.heldBack}</span>
          </Fact>
        )}
        {alert.handling.row && (
          <Fact name={t('detail.row')}>
            <Link to={`/alerts/${encodeURIComponent(alert.handling.row)}`}>{t('detail.show')}</Link>
          </Fact>
        )}
        {alert.handling.recurs && (
          <Fact name={t('detail.recurs')}>
            <Link to={`/alerts/${encodeURIComponent(alert.handling.recurs)}`}>{t('detail.show')}</Link>
          </Fact>
        )}
        <Fact name={t('detail.zone')}>{zones[0]?.name ?? alert.zone ?? <span className="dim">{t('detail.wholePicture')}</span>}</Fact>
        <Fact name={t('detail.rule')}>
          <span className="mono">{alert.rule.id}</span> <span className="dim mono">{alert.rule.revision.slice(0, 12)}</span>
        </Fact>
        {fact && (
          <>
            <Fact name={t('detail.seen')}>
              <TimeOf at={fact.seen} />{' '}
              <span className="dim">
                {t(fact.clock === 'camera' ? 'detail.clockCamera' : 'detail.clockGateway')}
                {fact.skewMs !== null && Math.abs(fact.skewMs) >= 1000 && ` · ${t('detail.skew', { ms: fact.skewMs })}`}
              </span>
            </Fact>
            <Fact name={t('detail.ingested')}>
              <TimeOf at={fact.ingested} /> <Later from={fact.seen} to={fact.ingested} />
            </Fact>
            <Fact name={t('detail.committed')}>
              <TimeOf at={fact.committed} /> <Later from={fact.seen} to={fact.committed} />
            </Fact>
            {fact.model && (
              <Fact name={t('detail.model')}>
                {fact.model.name} <span className="dim mono">{fact.model.sha256.slice(0, 8)}</span>
              </Fact>
            )}
            <Fact name={t('detail.rate')}>
              <span className="num">{rateText(t, fact.rateHz)}</span>
            </Fact>
          </>
        )}
        <Fact name={t('detail.id')}>
          <span className="mono break">{alert.id}</span>
        </Fact>
      </dl>
    </section>
  );
}

function TimeOf({ at }: { at: number }) {
  const times = useTimes();
  return <span className="num">{times.moment(at, 'time')}</span>;
}

function Later({ from, to }: { from: number; to: number }) {
  const { t } = useTranslation();
  const ms = to - from;
  if (!Number.isFinite(ms) || ms < 0) return null;
  return <span className="dim num">+{t('unit.ms', { n: Math.round(ms) })}</span>;
}
