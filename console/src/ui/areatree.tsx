/*
 * The tree of areas, of which only the rows in view exist. One row can be reached by Tab, the others by arrow keys, as
 * trees are worked: right opens, left closes or goes up, Enter or Space chooses. Each row says how many channels hang
 * below it and how many of them do not run.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useRem } from '../lib/hooks';
import { areaKindText } from '../lib/configwords';
import { areaRows, wayTo, type AreaRow, type AreaTree as Tree, type Count } from '../state/areas';
import { Icon } from './icons';

const ROW_REM = 2;
/** Trees up to this size begin with their second level open. */
const OPEN_SMALL = 60;

export function AreaTree({
  tree,
  counts,
  chosen,
  onChoose,
  label,
}: {
  tree: Tree;
  counts: ReadonlyMap<string, Count>;
  chosen: string | null;
  onChoose: (id: string) => void;
  label: string;
}) {
  const { t } = useTranslation();
  const base = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState<string | null>(null);
  const height = ROW_REM * useRem();

  // The roots are open at first, and always the way to what is chosen.
  const started = useRef(false);
  useEffect(() => {
    if (started.current || tree.roots.length === 0) return;
    started.current = true;
    const first = tree.byId.size <= OPEN_SMALL ? tree.roots.flatMap((r) => [r, ...r.children]) : tree.roots;
    setOpen((o) => new Set([...o, ...first.map((n) => n.id)]));
  }, [tree]);
  useEffect(() => {
    if (!chosen) return;
    const way = wayTo(tree, chosen).slice(0, -1);
    setOpen((o) => (way.every((n) => o.has(n.id)) ? o : new Set([...o, ...way.map((n) => n.id)])));
  }, [tree, chosen]);

  const rows = useMemo(() => areaRows(tree, open, wanted), [tree, open, wanted]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 6,
  });
  const activeAt = Math.max(0, rows.findIndex((r) => r.node.id === (active ?? chosen)));
  const rowId = (r: AreaRow): string => `${base}-${r.node.id}`;

  const go = (at: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, at))];
    if (!row) return;
    setActive(row.node.id);
    virtual.scrollToIndex(rows.indexOf(row));
  };
  const flip = (row: AreaRow, to = !row.open): void =>
    setOpen((o) => {
      const next = new Set(o);
      if (to) next.add(row.node.id);
      else next.delete(row.node.id);
      return next;
    });
  const onKey = (e: KeyboardEvent): void => {
    const row = rows[activeAt];
    if (!row || e.altKey || e.ctrlKey || e.metaKey) return;
    const deeds: Record<string, () => void> = {
      ArrowDown: () => go(activeAt + 1),
      ArrowUp: () => go(activeAt - 1),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowRight: () => (row.node.children.length > 0 && !row.open ? flip(row, true) : go(activeAt + 1)),
      ArrowLeft: () => (row.open ? flip(row, false) : row.node.parent && go(rows.findIndex((r) => r.node === row.node.parent))),
      Enter: () => onChoose(row.node.id),
      ' ': () => onChoose(row.node.id),
    };
    const deed = deeds[e.key];
    if (!deed) return;
    e.preventDefault();
    deed();
  };

  return (
    <div className="area-tree">
      <label className="search">
        <Icon name="search" />
        <span className="visually-hidden">{t('areas.search')}</span>
        <input type="search" data-testid="area-search" placeholder={t('areas.search')} value={search} onChange={(e) => setSearch(e.target.value)} />
      </label>
      {rows.length === 0 ? (
        <p className="dim tree-none">{t(search === '' ? 'areas.none' : 'areas.noMatch')}</p>
      ) : (
        <div
          ref={scroller}
          className="tree-scroll"
          role="tree"
          tabIndex={0}
          aria-label={label}
          aria-activedescendant={rows[activeAt] && rowId(rows[activeAt])}
          data-testid="area-tree"
          onKeyDown={onKey}
        >
          <div className="tree-rows" role="presentation" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              if (!row) return null;
              const { node } = row;
              const count = counts.get(node.id);
              const away = count?.away ?? 0;
              const kind = areaKindText(t, node.kind);
              return (
                <div
                  key={node.id}
                  id={rowId(row)}
                  role="treeitem"
                  aria-level={row.depth + 1}
                  aria-setsize={row.of}
                  aria-posinset={row.place}
                  aria-expanded={node.children.length > 0 ? row.open : undefined}
                  aria-selected={chosen === node.id}
                  className={`tree-row ${item.index === activeAt ? 'at' : ''}`}
                  data-testid="area-row"
                  data-area-id={node.id}
                  style={{ transform: `translateY(${item.start}px)`, paddingLeft: `${0.25 + row.depth * 0.9}rem` }}
                  onClick={() => {
                    setActive(node.id);
                    onChoose(node.id);
                  }}
                >
                  {node.children.length > 0 ? (
                    <span
                      className={`tree-knob ${row.open ? 'open' : ''}`}
                      aria-hidden="true"
                      onClick={(e) => {
                        e.stopPropagation();
                        setActive(node.id);
                        flip(row);
                      }}
                    >
                      <Icon name="next" />
                    </span>
                  ) : (
                    <span className="tree-knob" aria-hidden="true" />
                  )}
                  <span className="tree-name" title={kind ? `${node.name} · ${kind}` : node.name}>
                    {node.name}
                  </span>
                  {away > 0 && (
                    <span className="tree-away num" title={t('areas.away', { count: away })}>
                      <Icon name="misconfigured" />
                      {away}
                      <span className="visually-hidden">{t('areas.awayShort')}</span>
                    </span>
                  )}
                  <span className="tree-count num">{count?.channels ?? 0}</span>
                </div>
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}
