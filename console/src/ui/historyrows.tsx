/*
 * What was found, as a table of which only the rows in view exist; the next page is fetched when its end comes near. Worked
 * by mouse and by keys (arrows, Page, Home, End, Enter).
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import type { Alert } from '../api/types';
import { useMedia, useRem, useTimes } from '../lib/hooks';
import { kindText } from '../lib/words';
import { useAreaText } from '../state/channels';
import { SeveritySign } from './icons';
import { StateChip } from './parts';

const ROW_REM = 3;
/** Two lines with what else has a column. */
const PHONE_ROW_REM = 4.75;
const PAGE = 12;
/** The next page is asked for when so few rows are left below. */
const AHEAD = 40;
const COLUMNS = ['when', 'what', 'channel', 'area', 'state', 'owner'] as const;

export function HistoryRows({ alerts, more, onMore, label }: { alerts: readonly Alert[]; more: boolean; onMore: () => void; label: string }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const base = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const phone = useMedia('(max-width: 40rem)');
  const height = (phone ? PHONE_ROW_REM : ROW_REM) * useRem();
  const [at, setAt] = useState<number | null>(null);
  const virtual = useVirtualizer({ count: alerts.length, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 10 });
  useEffect(() => virtual.measure(), [virtual, height]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= alerts.length - AHEAD) onMore();
  }, [more, last, alerts.length, onMore]);

  const move = (to: number): void => {
    const next = Math.max(0, Math.min(alerts.length - 1, to));
    setAt(next);
    virtual.scrollToIndex(next);
  };
  const onKey = (e: KeyboardEvent): void => {
    if (e.target !== e.currentTarget || e.ctrlKey || e.metaKey || e.altKey) return;
    const row = at === null ? undefined : alerts[at];
    const deeds: Record<string, () => void> = {
      ArrowDown: () => move(at === null ? 0 : at + 1),
      j: () => move(at === null ? 0 : at + 1),
      ArrowUp: () => move((at ?? 0) - 1),
      k: () => move((at ?? 0) - 1),
      PageDown: () => move((at ?? 0) + PAGE),
      PageUp: () => move((at ?? 0) - PAGE),
      Home: () => move(0),
      End: () => move(alerts.length - 1),
      Enter: () => row && void go(`/alerts/${encodeURIComponent(row.id)}`),
    };
    const deed = deeds[e.key];
    if (!deed) return;
    e.preventDefault();
    deed();
  };
  const current = at === null ? undefined : alerts[at];
  return (
    <div
      className="list-scroll history-list"
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={more ? -1 : alerts.length + 1}
      aria-activedescendant={current ? `${base}-${current.id}` : undefined}
      data-testid="history-list"
      data-count={alerts.length}
      onKeyDown={onKey}
    >
      <div className="list-head" role="row" aria-rowindex={1}>
        {COLUMNS.map((name) => (
          <span key={name} role="columnheader">
            {t(`past.column.${name}`)}
          </span>
        ))}
      </div>
      <div className="list-rows" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const alert = alerts[item.index];
          if (!alert) return null;
          return (
            <div
              key={alert.id}
              id={`${base}-${alert.id}`}
              role="row"
              aria-rowindex={item.index + 2}
              className={`list-row ${at === item.index ? 'at' : ''}`}
              data-testid="history-row"
              data-alert-id={alert.id}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={(e) => {
                setAt(item.index);
                if (!e.defaultPrevented) void go(`/alerts/${encodeURIComponent(alert.id)}`);
              }}
            >
              <Cells alert={alert} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

const Cells = memo(function Cells({ alert: a }: { alert: Alert }) {
  const { t } = useTranslation();
  const times = useTimes();
  const area = useAreaText(a.area.slice(-2));
  const whole = useAreaText(a.area);
  const { priority, result } = a.handling;
  return (
    <>
      <span role="gridcell">
        <time className="num" dateTime={Number.isFinite(a.opened) ? new Date(a.opened).toISOString() : undefined}>
          {times.moment(a.opened, 'full')}
        </time>
      </span>
      <span role="gridcell" className="two">
        <Link className="list-name" to={`/alerts/${encodeURIComponent(a.id)}`} tabIndex={-1}>
          {kindText(t, a)}
        </Link>
        <span className={`small-text sev-${priority}`}>
          <SeveritySign severity={priority} /> {t(`severity.${priority}`)} <span className="dim mono">{a.rule.id}</span>
        </span>
      </span>
      <span role="gridcell" className="two" title={a.channelName}>
        <span>{a.channelName}</span>
        <span className="dim small-text mono">{a.channel}</span>
      </span>
      <span role="gridcell" title={whole}>
        {area}
      </span>
      <span role="gridcell" className="state-and-result">
        <StateChip state={a.state} />
        {result !== null && <span className={`chip result-${result}`}>{t(`result.${result}`)}</span>}
      </span>
      <span role="gridcell" className="dim">
        {a.owner ?? ''}
      </span>
    </>
  );
});
