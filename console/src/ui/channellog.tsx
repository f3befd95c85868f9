/*
 * What happened to a channel: its states as a band of time, and below it one list of state changes and of changes to its
 * configuration, newest first. The gateway keeps the last hundred states of its present run.
 */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../api/channel';
import { configure } from '../api/configure';
import type { RevisionDetail, StateChange } from '../api/inventory';
import { percent } from '../lib/boxwords';
import { useNow, useTimes } from '../lib/hooks';
import { runningShare, stretches } from '../lib/timeline';
import { errorText } from '../lib/words';
import { useMayConfigure } from '../state/rights';
import { FieldChanges } from './fieldchanges';
import { Icon } from './icons';
import { ChannelStateWord } from './parts';
import { Said } from './said';

const HOUR = 3_600_000;
const SPANS = [HOUR, 24 * HOUR] as const;
const FIRST = 8;

type Line = { at: number; key: string } & ({ what: 'state'; change: StateChange } | { what: 'revision'; revision: RevisionDetail });

export function ChannelLog({ channel }: { channel: Channel }) {
  const { t } = useTranslation();
  const times = useTimes();
  const may = useMayConfigure();
  const { id, health } = channel;
  const [all, setAll] = useState(false);
  const states = useQuery({
    queryKey: ['channel-states', id, health.state, health.since],
    queryFn: () => configure.states(id),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const last = channel.config?.rev ?? 0;
  const log = useQuery({
    queryKey: ['channel-log', id, last],
    queryFn: () => configure.revisionsOf('channel', id),
    enabled: may && channel.origin === 'inventory',
    placeholderData: keepPreviousData,
    retry: false,
  });
  const lines = useMemo(() => {
    const out: Line[] = [
      ...(states.data ?? []).map((change, i): Line => ({ at: change.at, key: `s${i} ${change.at}`, what: 'state', change })),
      ...(log.data ?? []).map((revision): Line => ({ at: revision.at, key: `r${revision.rev}`, what: 'revision', revision })),
    ];
    return out.sort((a, b) => b.at - a.at);
  }, [states.data, log.data]);

  return (
    <section className="card channel-log" data-testid="channel-log">
      <h2>{t('log.title')}</h2>
      {states.data && states.data.length > 0 && <Band changes={states.data} />}
      {states.isError && <p className="dim">{errorText(t, states.error)}</p>}
      <ol className="log">
        {lines.slice(0, all ? undefined : FIRST).map((line) => (
          <li key={line.key} data-testid={`log-${line.what}`}>
            <time className="num dim" dateTime={Number.isFinite(line.at) ? new Date(line.at).toISOString() : undefined}>
              {times.moment(line.at, 'full')}
            </time>
            {line.what === 'state' ? (
              <div>
                <ChannelStateWord state={line.change.state} />
                <Said className="reason" text={line.change.reason} />
              </div>
            ) : (
              <div>
                <Link to={`/changes/${line.revision.rev}`} className="log-revision">
                  <Icon name="edit" />
                  {t('log.revision', { rev: line.revision.rev, user: line.revision.author })}
                </Link>
                {line.revision.changes.map((c, i) => (
                  <FieldChanges key={i} change={c} />
                ))}
              </div>
            )}
          </li>
        ))}
      </ol>
      {lines.length === 0 && !states.isError && <p className="dim">{t(states.isPending ? 'app.loading' : 'log.none')}</p>}
      {lines.length > FIRST && (
        <button type="button" className="button quiet small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t('log.fewer') : t('log.more', { count: lines.length - FIRST })}
        </button>
      )}
    </section>
  );
}

function Band({ changes }: { changes: readonly StateChange[] }) {
  const { t } = useTranslation();
  const times = useTimes();
  const now = useNow();
  const [span, setSpan] = useState<number>(SPANS[1]);
  const from = now - span;
  const parts = useMemo(() => stretches(changes, from, now), [changes, from, now]);
  const share = runningShare(parts);
  const name = (ms: number): string => t('unit.h', { n: ms / HOUR });
  return (
    <div className="band-box">
      <div className="card-head">
        <span className="num">{share !== null && t('log.share', { share: percent(share), span: name(span) })}</span>
        <span className="segments" role="group" aria-label={t('box.span')}>
          {SPANS.map((s) => (
            <button key={s} type="button" aria-pressed={s === span} onClick={() => setSpan(s)}>
              {name(s)}
            </button>
          ))}
        </span>
      </div>
      <div className="band" role="img" aria-label={t('log.band', { share: share === null ? '–' : percent(share), span: name(span) })} data-testid="state-band">
        {parts.map((p) => (
          <i
            key={p.from}
            className={`ch-${p.state} band-${p.state}`}
            style={{ left: `${((p.from - from) / span) * 100}%`, width: `${((p.to - p.from) / span) * 100}%` }}
            title={`${t(`channelState.${p.state}`)} · ${times.moment(p.from, 'full')} – ${times.moment(p.to, 'full')} (${times.age(p.to - p.from)})`}
          />
        ))}
      </div>
      <p className="band-ends num dim small-text" aria-hidden="true">
        <span>{times.moment(from, 'short')}</span>
        <span>{t('detail.now')}</span>
      </p>
    </div>
  );
}
