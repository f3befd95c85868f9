/*
 * The list of alerts: only the rows in view exist. It is one stop of the keyboard; which row is chosen is told by
 * `aria-activedescendant`. Rows that come in above what the operator looks at do not move what he looks at.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { indexNear, type Line } from '../lib/collapse';
import { AlertRow } from './alertrow';
import { Icon } from './icons';

/** In rem, as the rows are; see `.alert-row`. */
const ROW_REM = 5.75;

function remPx(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}

export function AlertQueue({
  lines,
  chosen,
  onChoose,
  onToggle,
  children,
}: {
  lines: readonly Line[];
  chosen: string | null;
  onChoose: (id: string) => void;
  /** Shows or hides what stands behind a row. */
  onToggle: (id: string) => void;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [above, setAbove] = useState(0);
  const height = remPx() * ROW_REM;
  // All rows are equally high, so that nothing has to be known of one by its id.
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 6,
  });

  // Keeps the rows in view where they are when others come in above them.
  const anchor = useRef<{ id: string; index: number } | null>(null);
  useLayoutEffect(() => {
    const box = scroller.current;
    const held = anchor.current;
    if (box && held && box.scrollTop > 0) {
      const now = indexNear(lines, held.id, held.index);
      const by = now < 0 ? 0 : now - held.index;
      if (by !== 0) box.scrollTop += by * height;
      if (by > 0) setAbove((n) => n + by);
    }
    remember();
  }, [lines, height]);

  function remember(): void {
    const box = scroller.current;
    if (!box) return;
    if (box.scrollTop < height / 2) setAbove(0);
    const index = Math.min(lines.length - 1, Math.max(0, Math.floor(box.scrollTop / height)));
    const line = lines[index];
    anchor.current = line ? { id: line.alert.id, index } : null;
  }

  // A choice made by key is brought into view; new arrivals do not scroll anything.
  const index = useRef(-1);
  const at = chosen === null ? -1 : indexNear(lines, chosen, index.current);
  index.current = at;
  useEffect(() => {
    if (chosen !== null && index.current >= 0) virtual.scrollToIndex(index.current, { align: 'auto' });
  }, [chosen, virtual]);

  const items = virtual.getVirtualItems();
  const activeShown = items.some((i) => i.index === at);
  return (
    <div className="queue-body">
      {above > 0 && (
        <button type="button" className="pill" onClick={() => scroller.current?.scrollTo({ top: 0 })}>
          <Icon name="up" /> {t('alerts.arrivedPill', { count: above })}
        </button>
      )}
      <div className="queue-scroll" ref={scroller} onScroll={remember}>
        <div
          id="alert-queue"
          className="queue-rows"
          role="listbox"
          tabIndex={0}
          aria-label={t('alerts.queue')}
          {...(activeShown ? { 'aria-activedescendant': `row-${chosen}` } : {})}
          style={{ height: virtual.getTotalSize() }}
        >
          {items.map((item) => {
            const line = lines[item.index];
            if (!line) return null;
            const { alert } = line;
            return (
              <div
                key={alert.id}
                id={`row-${alert.id}`}
                role="option"
                aria-selected={alert.id === chosen}
                aria-setsize={lines.length}
                aria-posinset={item.index + 1}
                className={`alert-row edge-${alert.handling.priority} ${alert.state === 'new' ? 'is-new' : ''} ${alert.state === 'closed' ? 'is-closed' : ''} ${line.under === null ? '' : 'is-behind'}`}
                data-testid="alert-row"
                data-alert-id={alert.id}
                data-state={alert.state}
                data-behind={line.behind.length}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => onChoose(alert.id)}
              >
                <AlertRow alert={alert} behind={line.behind.length} by={line.by} open={line.open} onToggle={onToggle} />
              </div>
            );
          })}
        </div>
        {children}
      </div>
    </div>
  );
}
