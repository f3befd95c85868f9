/* How the gateway itself is: what works, what does not, how much waits, and where integrators go on. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { CHANNEL_STATES } from '../api/channel';
import { api } from '../api/client';
import { topics } from '../feed/message';
import { useNow, useTimes, useTitle } from '../lib/hooks';
import { bytesText, decimal, errorText } from '../lib/words';
import { useBox } from '../state/box';
import { useLive } from '../state/live';
import { useSession } from '../state/session';
import { BoxVerdict } from '../ui/boxverdict';
import { Failed } from '../ui/failed';
import { HookTable } from '../ui/hooktable';
import { Icon } from '../ui/icons';
import { Fact, Loading } from '../ui/parts';

export default function SystemPage() {
  const { t } = useTranslation();
  const times = useTimes();
  useNow();
  const session = useSession((s) => s.session);
  const feed = useLive((s) => s.feed);
  const query = useQuery({ queryKey: ['node'], queryFn: api.node, refetchInterval: 5000, staleTime: 0 });
  // The verdict is the box's own: two pages that judge by different things would not agree.
  const box = useBox();
  const pushed = useLive((s) => (query.data ? s.nodes.get(query.data.node) : undefined));
  useTitle(t('system.title'));

  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (!query.data) {
    return <Failed title={t('system.failed')} error={query.error} retry={query.refetch} />;
  }
  const node = query.data;
  const offline = node.status === 'offline' || pushed?.status === 'offline' || query.isError;
  const total = CHANNEL_STATES.reduce((n, s) => n + (node.channels[s] ?? 0), 0);
  return (
    <div className="page system-page">
      <header className="page-head">
        <h1>{t('system.title')}</h1>
      </header>
      <div className="system-grid">
        {box.data ? (
          <BoxVerdict
            box={box.data}
            stale={offline || box.isError}
            testid="node-status"
            more={
              <p>
                <Link to="/box">{t('system.toBox')}</Link>
              </p>
            }
          />
        ) : (
          <section className="card wide verdict mood-offline" data-testid="node-status" data-mood="unknown">
            {box.isPending ? <Loading text={t('app.loading')} /> : <p>{errorText(t, box.error)}</p>}
          </section>
        )}
        <section className="card tile">
          <h2>{t('system.looks')}</h2>
          <p className="figure num">{node.looksPerS === null ? '–' : decimal(node.looksPerS, 1)}</p>
        </section>
        <section className="card tile">
          <h2>{t('system.outbox')}</h2>
          <p className="figure num">{node.outbox ? node.outbox.rows : '–'}</p>
          <p className="dim">
            {node.outbox && node.outbox.rows > 0 ? (
              <>
                {t('system.outboxRows')} · <span className="num">{bytesText(node.outbox.bytes)}</span>
                <br />
                {t('system.outboxWaits')}
              </>
            ) : (
              t('system.outboxEmpty')
            )}
          </p>
        </section>
        <section className="card tile">
          <h2>{t('system.uptime')}</h2>
          <p className="figure num">{node.uptimeS === null ? '–' : times.age(node.uptimeS * 1000)}</p>
          <p className="dim">
            {t('system.feed', { state: feed.state === 'live' ? t('feed.live') : t('feed.connecting') })}
          </p>
        </section>
        <section className="card wide">
          <h2>
            {t('system.channelsBy')} <span className="num dim">{total}</span>
          </h2>
          {total > 0 && (
            <div className="bar-stack" aria-hidden="true">
              {CHANNEL_STATES.filter((s) => (node.channels[s] ?? 0) > 0).map((s) => (
                <i key={s} className={`ch-${s}`} style={{ flexGrow: node.channels[s] ?? 0 }} />
              ))}
            </div>
          )}
          <ul className="legend">
            {CHANNEL_STATES.filter((s) => (node.channels[s] ?? 0) > 0).map((s) => (
              <li key={s} className={`ch-${s}`}>
                <Icon name={s} /> {t(`channelState.${s}`)} <b className="num">{node.channels[s]}</b>
              </li>
            ))}
          </ul>
        </section>
        {node.hooks.length > 0 && <HookTable hooks={node.hooks} />}
        <section className="card half">
          <h2>{t('system.node')}</h2>
          <dl className="facts">
            <Fact name={t('system.id')}>
              <span className="mono">{node.node}</span>
            </Fact>
            <Fact name={t('system.site')}>
              {session?.siteName} <span className="dim mono">{node.site}</span>
            </Fact>
            <Fact name={t('system.program')}>
              <span className="mono">{node.program}</span>
            </Fact>
            <Fact name={t('system.boot')}>
              <span className="mono break">{node.boot}</span>
            </Fact>
          </dl>
        </section>
        <section className="card half">
          <h2>{t('system.forDevelopers')}</h2>
          <ul className="links">
            <li>
              <Link to="/api-docs" data-testid="link-api-docs">
                {t('system.apiDocs')}
              </Link>
              <span className="dim">{t('system.apiDocsHint')}</span>
            </li>
            <li>
              <a href="/api/v1/openapi.json">{t('system.openapi')}</a>
            </li>
            <li>
              <a href="/metrics">{t('system.metrics')}</a>
              <span className="dim">{t('system.metricsHint')}</span>
            </li>
          </ul>
          <h3>{t('system.topics')}</h3>
          <ul className="topics mono">
            {topics(node.site, session?.user ?? '+').map((topic) => (
              <li key={topic}>{topic}</li>
            ))}
          </ul>
        </section>
      </div>
    </div>
  );
}
