/*
 * Whom the alert goes to: typed freely, or chosen from the people of its area, the nearest first. A list that belongs to
 * its field: down and up choose, Enter takes, Escape closes it.
 */
import { useId, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import { AREA_KINDS } from '../api/inventory';
import { composing } from '../lib/keys';
import { matching, peopleOf } from '../lib/people';
import { useAreas } from '../state/inventory';

/** More is a list nobody reads; typing makes it shorter. */
const MOST = 8;

export function DispatchTo({ alert, value, focus, onChange }: { alert: Alert; value: string; focus: boolean; onChange: (to: string) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const areas = useAreas();
  const [open, setOpen] = useState(focus);
  const [at, setAt] = useState(-1);
  const people = useMemo(() => peopleOf(alert.area, areas.data ?? []), [alert.area, areas.data]);
  // Somebody who is chosen fits nobody else: the whole list is there again for another choice.
  const chosen = people.some((p) => p.text === value);
  const fitting = useMemo(() => (chosen ? people : matching(people, value)), [people, chosen, value]);
  const shown = fitting.slice(0, MOST);
  const listed = open && shown.length > 0;
  const take = (index: number): void => {
    const choice = shown[index];
    if (!choice) return;
    onChange(choice.text);
    setOpen(false);
    setAt(-1);
  };
  const onKeyDown = (e: React.KeyboardEvent): void => {
    if (composing(e)) return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      if (shown.length === 0) return;
      setOpen(true);
      const by = e.key === 'ArrowDown' ? 1 : -1;
      setAt(at < 0 ? (by > 0 ? 0 : shown.length - 1) : (at + by + shown.length) % shown.length);
    } else if (e.key === 'Enter' && listed && at >= 0) {
      take(at);
    } else if (e.key === 'Escape' && listed) {
      setOpen(false);
      setAt(-1);
      e.stopPropagation();
    } else {
      return;
    }
    e.preventDefault();
  };
  return (
    <div className="note dispatch-to">
      <label htmlFor={`${id}-to`}>{t('action.to')}</label>
      <input
        id={`${id}-to`}
        value={value}
        maxLength={200}
        required
        autoFocus={focus}
        autoComplete="off"
        role="combobox"
        aria-expanded={listed}
        aria-controls={`${id}-people`}
        aria-autocomplete="list"
        {...(listed && at >= 0 ? { 'aria-activedescendant': `${id}-${at}` } : {})}
        data-testid="action-to"
        onKeyDown={onKeyDown}
        onChange={(e) => {
          onChange(e.target.value);
          setOpen(true);
          setAt(-1);
        }}
      />
      {listed && (
        <ul id={`${id}-people`} role="listbox" aria-label={t('people.label')} className="people-list">
          {shown.map((c, i) => (
            <li
              key={c.text}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              data-testid="person"
              // The field keeps the focus.
              onMouseDown={(e) => e.preventDefault()}
              onClick={() => take(i)}
            >
              <b>{c.person.name}</b>
              <span>{c.person.role}</span>
              <span className="num">{c.person.phone}</span>
              <span className="dim">
                {AREA_KINDS.some((k) => k === c.area.kind) ? `${t(`areaKind.${AREA_KINDS.find((k) => k === c.area.kind) ?? 'grid'}`)} ` : ''}
                {c.area.name}
              </span>
            </li>
          ))}
        </ul>
      )}
      {areas.isSuccess && people.length === 0 && <p className="dim small-text">{t('people.none')}</p>}
      {listed && fitting.length > MOST && <p className="dim small-text">{t('people.more', { count: fitting.length - MOST })}</p>}
    </div>
  );
}
