/* How an alert went on: its events along a line of time, as a list, and what people did with it. */
import { useTranslation } from 'react-i18next';
import type { Alert, HistoryEntry } from '../api/types';
import { useNow, useTimes } from '../lib/hooks';
import { historyNote, historyTitle } from '../lib/historywords';
import type { Happening } from '../state/merge';
import { Skeleton } from './parts';

const W = 1000;
/** A single short event should look like one. */
const SHORTEST_MS = 120_000;

/** One bar an event, from its start to its end; an open one reaches to now. */
export function Trace({
  groups,
  alert,
  chosen,
  onChoose,
}: {
  groups: readonly Happening[];
  alert: Alert;
  chosen: string;
  onChoose: (id: string) => void;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  const now = useNow();
  const known = groups.filter((g) => Number.isFinite(g.seen));
  if (known.length === 0) return null;
  const from = Math.min(alert.opened, ...known.map((g) => g.seen));
  const last = Math.max(...known.map((g) => g.ended ?? now));
  const to = Math.max(alert.active ? now : last, from + SHORTEST_MS);
  const x = (at: number): number => ((at - from) / (to - from)) * W;
  return (
    <div className="trace">
      <div className="trace-head">
        <h3>{t('detail.trace')}</h3>
        <span className="dim num">
          {times.moment(from, 'time')} – {alert.active ? t('detail.now') : times.moment(to, 'time')}
        </span>
      </div>
      <svg viewBox={`0 0 ${W} 40`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path className="trace-line" d={`M0 20H${W}`} />
        {known.map((g) => {
          const x0 = x(g.seen);
          const x1 = Math.max(x(g.ended ?? now), x0 + 5);
          return (
            <rect
              key={g.id}
              className={`trace-bar ${g.ended === null ? 'open' : ''} ${g.id === chosen ? 'chosen' : ''}`}
              x={Math.min(x0, W - 5)}
              y={8}
              width={Math.min(x1, W) - Math.min(x0, W - 5)}
              height={24}
              onClick={() => onChoose(g.id)}
            />
          );
        })}
      </svg>
    </div>
  );
}

export function EventList({
  groups,
  chosen,
  onChoose,
  loading,
}: {
  groups: readonly Happening[];
  chosen: string;
  onChoose: (id: string) => void;
  loading: boolean;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  if (loading) return <Skeleton rows={2} kind="row" />;
  if (groups.length === 0) return <p className="dim">{t('detail.noEvents')}</p>;
  return (
    <>
      {groups.length > 1 && <p className="dim small-text">{t('detail.eventsHint')}</p>}
      <ul className="events">
        {groups.map((g) => (
          <li key={g.id}>
            <button
              type="button"
              className="event"
              aria-pressed={g.id === chosen}
              data-testid="event-item"
              data-event-id={g.id}
              onClick={() => onChoose(g.id)}
            >
              <i className={g.ended === null ? 'dot open' : 'dot'} aria-hidden="true" />
              <span className="num">
                {g.ended === null
                  ? t('detail.eventFrom', { from: times.moment(g.seen, 'time') })
                  : t('detail.eventRange', { from: times.moment(g.seen, 'time'), to: times.moment(g.ended, 'time') })}
              </span>
              <span className="dim">
                {g.ended === null ? (
                  t('detail.ongoing')
                ) : (
                  <>
                    <span className="num">{times.age(g.ended - g.seen)}</span>
                    {g.end && <> · {t(`end.${g.end}`)}</>}
                  </>
                )}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

export function History({ entries }: { entries: readonly HistoryEntry[] }) {
  const { t, i18n } = useTranslation();
  const times = useTimes();
  // Chinese says first who did it: behind the deed it would be whom it was done to.
  const whoFirst = i18n.language === 'zh-CN';
  const who = (h: HistoryEntry): React.ReactNode => <span className="dim">{h.author ? t('detail.by', { user: h.author }) : t('detail.bySystem')}</span>;
  // Events are listed by themselves; the history tells what changed hands or state.
  const told = entries.filter((h) => h.action !== 'event' || h.from !== h.to).sort((a, b) => b.rev - a.rev);
  return (
    <ol className="history" data-testid="alert-history">
      {told.map((h) => (
        <li key={h.rev} className={h.to ? `to-${h.to}` : ''}>
          <span className="history-what">
            {whoFirst && <>{who(h)} </>}
            <b>{historyTitle(t, h)}</b>
            {h.to && h.to !== h.from && h.action === 'event' && <span> {t('detail.toState', { state: t(`state.${h.to}`) })}</span>}
            {!whoFirst && <> {who(h)}</>}
          </span>
          <span className="num dim">{times.moment(h.at, 'full')}</span>
          {h.note && <q>{historyNote(t, times, h)}</q>}
        </li>
      ))}
    </ol>
  );
}
