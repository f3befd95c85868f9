/*
 * Channels as a table of which only the rows in view exist. It is worked by mouse (click opens, the box or Ctrl
 * chooses, Shift chooses a range, a heading sorts) and by keys (arrows, Space, Shift with arrows, Ctrl+A, Enter, Esc).
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import type { Channel } from '../api/channel';
import type { SortKey } from '../lib/channelfilter';
import { useRem, useTimes } from '../lib/hooks';
import { bitrateText, rateText, reasonText } from '../lib/words';
import type { Picking } from '../state/selection';
import { ConditionChip, Tags, videoText } from './channelbits';
import { Icon } from './icons';
import { ChannelStateWord } from './parts';

const LIST_REM = 3;
/** Rows of a page for PageUp and PageDown. */
const PAGE = 12;
const COLUMNS: readonly [SortKey | null, 'state' | 'name' | 'area' | 'host' | 'rate' | 'reason'][] = [
  ['state', 'state'],
  ['name', 'name'],
  ['area', 'area'],
  ['host', 'host'],
  ['rate', 'rate'],
  ['since', 'reason'],
];

export interface Sorting {
  key: SortKey;
  down: boolean;
  set: (key: SortKey) => void;
}

export function ChannelRows({ channels, picking, sorting }: { channels: readonly Channel[]; picking: Picking | null; sorting: Sorting }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const base = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const height = LIST_REM * useRem();
  const [active, setActive] = useState<string | null>(null);
  const chosen = picking?.selection.ids;
  const virtual = useVirtualizer({
    count: channels.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 10,
  });
  const at = useMemo(() => Math.max(0, active === null ? 0 : channels.findIndex((c) => c.id === active)), [channels, active]);
  const ids = (): string[] => channels.map((c) => c.id);

  const move = (to: number, extend: boolean): void => {
    const next = channels[Math.max(0, Math.min(channels.length - 1, to))];
    if (!next || !picking) {
      if (next) setActive(next.id);
    } else {
      if (extend) {
        // Shift begins at the row where one stands.
        const from = channels[at];
        if (picking.selection.anchor === null && from) picking.toggle(from.id);
        picking.range(ids(), next.id);
      }
      setActive(next.id);
    }
    if (next) virtual.scrollToIndex(channels.indexOf(next));
  };
  const onKey = (e: KeyboardEvent): void => {
    if (e.target !== e.currentTarget) return;
    const row = channels[at];
    const deeds: Record<string, () => void> = {
      ArrowDown: () => move(active === null ? 0 : at + 1, e.shiftKey),
      ArrowUp: () => move(at - 1, e.shiftKey),
      PageDown: () => move(at + PAGE, e.shiftKey),
      PageUp: () => move(at - PAGE, e.shiftKey),
      Home: () => move(0, e.shiftKey),
      End: () => move(channels.length - 1, e.shiftKey),
      Enter: () => row && void go(`/channels/${encodeURIComponent(row.id)}`),
    };
    if (picking && row) {
      deeds[' '] = () => (e.shiftKey ? picking.range(ids(), row.id) : picking.toggle(row.id));
      if (e.ctrlKey || e.metaKey) deeds.a = () => picking.all(ids());
      if (picking.selection.ids.size > 0) deeds.Escape = () => picking.none();
    }
    const deed = deeds[e.key];
    if (!deed) return;
    e.preventDefault();
    deed();
  };
  const onRow = (e: MouseEvent, c: Channel): void => {
    setActive(c.id);
    if (picking && e.shiftKey) {
      e.preventDefault();
      picking.range(ids(), c.id);
    } else if (picking && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      picking.toggle(c.id);
    } else if (!e.defaultPrevented) void go(`/channels/${encodeURIComponent(c.id)}`);
  };
  const [every, some] = useMemo(() => {
    const n = chosen === undefined || chosen.size === 0 ? 0 : channels.reduce((sum, c) => sum + (chosen.has(c.id) ? 1 : 0), 0);
    return [n > 0 && n === channels.length, n > 0 && n < channels.length];
  }, [channels, chosen]);
  const row = channels[at];

  return (
    <div
      className={`list-scroll ${picking ? 'picking' : ''}`}
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={t('channels.title')}
      aria-rowcount={channels.length + 1}
      aria-multiselectable={picking !== null}
      aria-activedescendant={active !== null && row ? `${base}-${row.id}` : undefined}
      data-testid="channel-list"
      onKeyDown={onKey}
    >
      <div className="list-head" role="row" aria-rowindex={1}>
        {picking && (
          <span role="columnheader" className="pick">
            <PickBox
              label={t('channels.chooseAll', { count: channels.length })}
              on={every}
              some={some}
              onPick={() => (every ? picking.drop(ids()) : picking.all(ids()))}
              testid="choose-all"
            />
          </span>
        )}
        {COLUMNS.map(([key, name]) => (
          <span key={name} role="columnheader" aria-sort={key === sorting.key ? (sorting.down ? 'descending' : 'ascending') : undefined}>
            {key === null ? (
              t(`channels.column.${name}`)
            ) : (
              <button type="button" className={`sort ${key === sorting.key ? 'on' : ''}`} data-testid={`sort-${key}`} onClick={() => sorting.set(key)}>
                {t(`channels.column.${name}`)}
                {key === sorting.key && <Icon name="up" className={sorting.down ? 'down' : ''} />}
              </button>
            )}
          </span>
        ))}
      </div>
      <div className="list-rows" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const c = channels[item.index];
          if (!c) return null;
          return (
            <div
              key={c.id}
              id={`${base}-${c.id}`}
              role="row"
              aria-rowindex={item.index + 2}
              aria-selected={chosen ? chosen.has(c.id) : undefined}
              className={`list-row edge-${c.health.state} ${active === c.id ? 'at' : ''}`}
              data-testid="channel-card"
              data-channel-id={c.id}
              data-state={c.health.state}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={(e) => onRow(e, c)}
            >
              {picking && (
                <span role="gridcell" className="pick" onClick={(e) => e.stopPropagation()}>
                  <PickBox
                    label={t('channels.choose', { channel: c.name })}
                    on={chosen?.has(c.id) ?? false}
                    onPick={(shift) => {
                      setActive(c.id);
                      if (shift) picking.range(ids(), c.id);
                      else picking.toggle(c.id);
                    }}
                    skip
                  />
                </span>
              )}
              <Cells channel={c} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** A row whose channel is the same object is not drawn again, however fast one scrolls. */
const Cells = memo(function Cells({ channel: c }: { channel: Channel }) {
  const { t } = useTranslation();
  const times = useTimes();
  const h = c.health;
  // What all channels have in common, the district, is left out where the way is long.
  const top = c.areaNames.length > 2 ? 1 : 0;
  return (
    <>
      <span role="gridcell">
        <ChannelStateWord state={h.state} />
      </span>
      <span role="gridcell" className="two">
        <Link className="list-name" to={`/channels/${encodeURIComponent(c.id)}`} tabIndex={-1} title={c.name}>
          {c.name}
        </Link>
        <span className="dim small-text">
          <span className="mono">{c.externalId || c.id}</span>
          <Tags tags={c.tags} />
        </span>
      </span>
      <span role="gridcell" className="two" title={c.areaNames.join(' / ')}>
        <span>{c.areaNames.slice(top, top + 2).join(' / ')}</span>
        <span className="dim small-text">{c.areaNames.slice(top + 2).join(' / ')}</span>
      </span>
      <span role="gridcell" className="mono dim" title={c.host}>
        {c.host}
      </span>
      <span role="gridcell" className="two num">
        <span>{videoText(c)}</span>
        <span className="dim small-text">{h.kbitS > 0 && `${bitrateText(t, h.kbitS)} · ${rateText(t, h.lookRateHz)}`}</span>
      </span>
      <span role="gridcell" className="why" title={reasonText(t, h)}>
        {h.conditions.length > 0 ? (
          h.conditions.map((x) => <ConditionChip key={x.kind} kind={x.kind} since={t('channels.since', { time: times.moment(x.since, 'short') })} />)
        ) : (
          <span className="dim">{h.state === 'running' ? t('channels.since', { time: times.moment(h.since, 'short') }) : reasonText(t, h)}</span>
        )}
      </span>
    </>
  );
});

export function PickBox({
  label,
  on,
  some = false,
  onPick,
  testid,
  skip = false,
}: {
  label: string;
  on: boolean;
  /** Some, but not all, of what it stands for. */
  some?: boolean;
  onPick: (shift: boolean) => void;
  testid?: string;
  /** Not reached by Tab: the table has keys of its own. */
  skip?: boolean;
}) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some;
  }, [some]);
  return (
    <label className="pick-box">
      <input
        ref={box}
        type="checkbox"
        checked={on}
        tabIndex={skip ? -1 : 0}
        aria-label={label}
        data-testid={testid}
        onChange={() => {}}
        onClick={(e) => onPick(e.shiftKey)}
      />
    </label>
  );
}
