/*
 * What an import would do, in tabs, and how its columns were understood. Lists may have ten thousand rows, of which
 * only those in view exist; rows differ in height, so each is measured when it comes into view.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Plan } from '../api/inventory';
import { fieldText } from '../lib/fieldwords';
import { useRem } from '../lib/hooks';
import { FIELDS, firstTab, tabCounts, TABS, type Tab } from '../lib/planwords';
import { FieldDiff } from './fieldchanges';
import { Said } from './said';

export function MappingTable({ plan, own, onMap }: { plan: Plan; own: Record<string, string>; onMap: (heading: string, field: string) => void }) {
  const { t } = useTranslation();
  const ignored = plan.mapping.filter((m) => m.field === null).length;
  const taken = new Map(plan.mapping.filter((m) => m.field !== null).map((m) => [m.field, m.heading]));
  return (
    <details className="card mapping" open={ignored > 0} data-testid="mapping">
      <summary>
        <h2>{t('import.mapping')}</h2>
        <span className="dim">{ignored > 0 ? t('import.ignored', { count: ignored }) : t('import.allMapped')}</span>
      </summary>
      <ul className="mapping-list">
        {plan.mapping.map((m) => (
          <li key={m.column} className={m.field === null ? 'ignored' : ''}>
            <label>
              <span className="mapping-heading" title={m.heading}>
                <span className="dim num">{m.column}</span> {m.heading || t('import.noHeading')}
              </span>
              <select value={m.field ?? ''} data-testid="map-select" data-heading={m.heading} onChange={(e) => onMap(m.heading, e.target.value)}>
                <option value="">{t('import.ignore')}</option>
                {[...new Set<string>([...FIELDS[plan.kind], ...(m.field ? [m.field] : [])])].map((f) => (
                  <option key={f} value={f} disabled={f !== m.field && taken.has(f)}>
                    {fieldText(t, f)}
                  </option>
                ))}
              </select>
              <span className="dim small-text">{Object.hasOwn(own, m.heading) ? t('import.own') : m.guessed && m.field !== null ? t('import.guessed') : ''}</span>
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function PlanTabs({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const base = useId();
  const counts = tabCounts(plan);
  const [tab, setTab] = useState<Tab>(() => firstTab(plan));
  // A new plan may have nothing under the open tab.
  useEffect(() => setTab((now) => (tabCounts(plan)[now] > 0 ? now : firstTab(plan))), [plan]);
  const onKey = (e: KeyboardEvent): void => {
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    e.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? 'added';
    setTab(next);
    document.getElementById(`${base}-${next}`)?.focus();
  };
  const rows: Record<Tab, { count: number; row: (i: number) => ReactNode }> = {
    added: { count: plan.added.length, row: (i) => planRow(plan.added[i]) },
    changed: { count: plan.changed.length, row: (i) => planRow(plan.changed[i]) },
    removed: {
      count: plan.removed.length,
      row: (i) => (
        <>
          <span />
          <Named id={plan.removed[i]?.id ?? ''} name={plan.removed[i]?.name ?? ''} />
          <span className="dim">{t('import.willRetire')}</span>
        </>
      ),
    },
    refused: {
      count: plan.refused.length,
      row: (i) => {
        const r = plan.refused[i];
        return (
          r && (
            <>
              <span className="num dim">{r.row > 0 ? t('import.row', { n: r.row }) : ''}</span>
              <span className="two">
                <b>{r.column === '' ? t('import.wholeRow') : fieldText(t, r.column)}</b>
                {r.value !== '' && <span className="mono small-text break">{r.value}</span>}
              </span>
              <Said className="refusal break" text={r.reason} />
            </>
          )
        );
      },
    },
    areas: {
      count: plan.areasAdded.length,
      row: (i) => {
        const a = plan.areasAdded[i];
        return (
          a && (
            <>
              <span />
              <Named id={a.id} name={a.name} />
              <span className="dim">{a.parent ? t('import.below', { parent: nameOf(plan, a.parent) }) : t('import.root')}</span>
            </>
          )
        );
      },
    },
  };
  return (
    <div className="plan-tabs">
      <div className="tabs" role="tablist" aria-label={t('import.diff')} onKeyDown={onKey}>
        {TABS.map((k) => (
          <button
            key={k}
            id={`${base}-${k}`}
            type="button"
            role="tab"
            aria-selected={tab === k}
            aria-controls={`${base}-panel`}
            tabIndex={tab === k ? 0 : -1}
            className={`${tab === k ? 'active' : ''} tab-${k} ${counts[k] === 0 ? 'empty' : ''}`}
            data-testid={`plan-${k}`}
            data-count={counts[k]}
            onClick={() => setTab(k)}
          >
            {t(`import.tab.${k}`)} <span className="num">{counts[k]}</span>
          </button>
        ))}
      </div>
      <div id={`${base}-panel`} role="tabpanel" aria-labelledby={`${base}-${tab}`} className="plan-panel">
        {rows[tab].count === 0 ? <p className="dim plan-none">{t(`import.none.${tab}`)}</p> : <Rows key={tab} {...rows[tab]} label={t(`import.tab.${tab}`)} />}
      </div>
    </div>
  );
}

function planRow(r: Plan['added'][number] | undefined): ReactNode {
  return r && <PlanRow row={r} />;
}
function PlanRow({ row: r }: { row: Plan['added'][number] }) {
  const { t } = useTranslation();
  return (
    <>
      <span className="num dim">{r.row > 0 ? t('import.row', { n: r.row }) : ''}</span>
      <Named id={r.id} name={r.name} />
      <span className="diffs">
        {r.fields
          .filter((f) => f.field !== 'name' || f.before !== null)
          .map((f) => (
            <FieldDiff key={f.field} field={f} />
          ))}
      </span>
    </>
  );
}

function Named({ id, name }: { id: string; name: string }) {
  return (
    <span className="two">
      <b className="break">{name || id}</b>
      <span className="dim mono small-text">{id}</span>
    </span>
  );
}

function nameOf(plan: Plan, id: string): string {
  return plan.areasAdded.find((a) => a.id === id)?.name ?? id;
}

function Rows({ count, row, label }: { count: number; row: (i: number) => ReactNode; label: string }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rem = useRem();
  const virtual = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => 3.2 * rem, overscan: 10 });
  return (
    <div ref={scroller} className="plan-scroll" tabIndex={0} role="group" aria-label={label}>
      <div className="plan-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => (
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            className="plan-row"
            data-testid="plan-row"
            style={{ transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
