/* The chosen alert: its picture with boxes and zone, what can be done, what is known, its events and its history. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ApiError } from '../api/client';
import type { AlertDetail as Detail, Media } from '../api/types';
import { useMedia } from '../lib/hooks';
import { keyIsOurs } from '../lib/keys';
import { errorText, kindText } from '../lib/words';
import { absorb, onFacts, useLive } from '../state/live';
import { happenings, mergeFacts } from '../state/merge';
import { useAreaText } from '../state/channels';
import { AlertActions } from './alertactions';
import { AlertFacts } from './alertfacts';
import { AlertFlags } from './alertflags';
import { AlertLive } from './alertlive';
import { AlertMembers } from './alertmembers';
import { AlertPicture, Strip, useShots } from './alertpicture';
import { ProcedureCards } from './alertprocedure';
import { EventList, History, Trace } from './alertstory';
import { Icon } from './icons';
import { AlertPlace } from './map/alertplace';
import { Blank, Loading, SeverityWord, StateChip } from './parts';

/** From here on the moving picture stands beside the evidence and not in its place. */
const BOTH = '(min-width: 2500px)';
const LIVE_KEY = 'L';

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

/** Drawn anew when its own alert changes, not with every message of the queue beside it. */
export const AlertDetail = memo(function AlertDetail({ id, onBack }: { id: string; onBack: (() => void) | null }) {
  const { t } = useTranslation();
  const known = useLive((s) => s.alerts.get(id));
  const query = useDetail(id);
  // Not among the open ones that were loaded anew, for it was closed meanwhile: what is being written about it stays.
  const alert = known ?? query.data?.alert;
  const area = useAreaText(alert?.area ?? []);
  /** The event that is looked at, and with it one of its pictures. */
  const [picked, setPicked] = useState<{ event: string; url: string | null } | null>(null);
  const [watching, setWatching] = useState(false);
  const stage = useRef<HTMLDivElement>(null);
  const both = useMedia(BOTH);
  const choose = (event: string, url: string | null = null): void => {
    setPicked({ event, url });
    setWatching(false);
    stage.current?.scrollIntoView({ block: 'nearest' });
  };
  const groups = useMemo(() => happenings(query.data?.events ?? []), [query.data]);
  const shots = useShots(alert, groups);
  const shown = picked?.event ?? alert?.lastEvent ?? '';
  const group = groups.find((g) => g.id === shown) ?? null;
  // Without a choice it is the newest picture of the latest event; what the alert itself carries where none is known.
  const pictures = group && (picked || group.pictures.length > 0) ? group.pictures : (alert?.media ?? []);
  const media = pictures.find((m) => m.url === picked?.url) ?? pictures[picked ? 0 : pictures.length - 1] ?? null;

  const current = useRef({ shots, url: media?.url, choose });
  current.current = { shots, url: media?.url, choose };
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (!keyIsOurs(e)) return;
      const { shots: all, url, choose: take } = current.current;
      if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') {
        if (all.length === 0) return;
        const index = all.findIndex((s) => s.picture.url === url);
        const next = all[index < 0 ? all.length - 1 : Math.min(Math.max(index + (e.key === 'ArrowLeft' ? -1 : 1), 0), all.length - 1)];
        if (next) take(next.event, next.picture.url);
      } else if (e.key === 'l' || e.key === 'L') {
        setWatching((on) => !on);
      } else {
        return;
      }
      e.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

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
  const seenAt = media && Number.isFinite(media.seen) ? media.seen : (group?.seen ?? alert.updated);
  const Title = onBack ? 'h1' : 'h2';
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
      <div className={`alert-body ${besides(media) ? 'beside' : ''}`}>
        <div className="alert-main" ref={stage}>
          <div className="stage-bar">
            {!both && (
              <div className="segments stage-switch" role="group" aria-label={t('live.label')}>
                <button type="button" aria-pressed={!watching} data-testid="show-evidence" onClick={() => setWatching(false)}>
                  {t('live.evidence')}
                </button>
                <button type="button" aria-pressed={watching} data-testid="show-live" onClick={() => setWatching(true)}>
                  {t('live.now')}{' '}
                  <kbd className="hint" aria-hidden="true">
                    {LIVE_KEY}
                  </kbd>
                </button>
              </div>
            )}
            <Strip shots={shots} chosen={both || !watching ? (media?.url ?? '') : ''} onChoose={(s) => choose(s.event, s.picture.url)} />
          </div>
          <div className={both ? 'stages' : ''}>
            {(both || !watching) && (
              <div className="evidence">
                <AlertPicture alert={alert} zone={group?.latest.zone ?? alert.zone} media={media} seen={seenAt} shots={shots.length} />
              </div>
            )}
            {(both || watching) && <AlertLive channel={alert.channel} name={alert.channelName} />}
          </div>
          <Trace groups={groups} alert={alert} chosen={shown} onChoose={choose} />
          <ProcedureCards alert={alert} history={query.data?.history ?? null} />
          <AlertMembers alert={alert} />
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
            <EventList groups={groups} chosen={shown} onChoose={choose} loading={query.isPending} />
          </section>
        </div>
      </div>
    </article>
  );
});

/** Whether a picture is so narrow that it would leave half of the width empty. */
function besides(media: Media | null | undefined): boolean {
  return !!media && media.height > 0 && media.width / media.height < 1.6;
}

