/* Timetables: the hours in which rules are in force, drawn as a week, with holidays and single exceptions. */
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';
import { rulesApi, type Timetable } from '../api/rules';
import { useTimes, useTitle } from '../lib/hooks';
import { clockText, DAYS, linesOf, weekOf } from '../lib/week';
import { conflictText, errorText } from '../lib/words';
import { refreshInventory } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { useTimetables } from '../state/rules';
import { Dialog } from '../ui/dialog';
import { Field, Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';
import { RemoveButton, useRemoval } from '../ui/remove';
import { RulesNav } from '../ui/subnav';

export default function TimetablesPage() {
  const { t } = useTranslation();
  useTitle(t('timetables.title'));
  return (
    <div className="page timetables-page">
      <RulesNav />
      <Timetables />
    </div>
  );
}

function Timetables() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  const query = useTimetables();
  const [editing, setEditing] = useState<Timetable | 'new' | null>(null);
  const list = query.data ?? [];
  const removal = useRemoval();
  const remove = (id: string): void => void removal.run(() => rulesApi.removeTimetable(id), t('timetables.removed', { id }));
  if (query.isPending) return <Loading text={t('app.loading')} />;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{t('timetables.title')}</h1>
          <p className="dim">{t('timetables.hint')}</p>
        </div>
        <span className="grow" />
        {may && (
          <button type="button" className="button" data-testid="timetable-add" onClick={() => setEditing('new')}>
            <Icon name="plus" />
            {t('timetables.add')}
          </button>
        )}
      </header>
      {(removal.error ?? query.error) && <Problem>{removal.error ?? errorText(t, query.error)}</Problem>}
      {list.length === 0 && !query.isError ? (
        <Blank icon="clock" title={t('timetables.none')} />
      ) : (
        <div className="timetable-list">
          {list.map((x) => (
            <article key={x.id} className="card" data-testid="timetable" data-timetable={x.id}>
              <header className="page-head">
                <div>
                  <h2>{x.name || x.id}</h2>
                  <p className="dim small-text">
                    <span className="mono">{x.id}</span> · {x.zone} · {t('timetables.rules', { count: x.rules })}
                    {x.origin === 'file' && ` · ${t('edit.originFile')}`}
                  </p>
                </div>
                <span className="grow" />
                <Now table={x} />
              </header>
              <Week lines={x.weekly} />
              <More table={x} />
              {may && x.origin === 'inventory' && (
                <div className="row-deeds">
                  <button type="button" className="button small" aria-label={t('timetables.editOf', { name: x.name || x.id })} data-testid="timetable-edit" onClick={() => setEditing(x)}>
                    {t('edit.open')}
                  </button>
                  <RemoveButton small what={x.name || x.id} blocked={x.rules > 0 ? t('timetables.used', { count: x.rules }) : undefined} testid="timetable-remove" onRemove={() => remove(x.id)} />
                </div>
              )}
            </article>
          ))}
        </div>
      )}
      {editing !== null && <TimetableDialog table={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function Now({ table }: { table: Timetable }) {
  const { t } = useTranslation();
  const times = useTimes();
  if (table.on === null) return null;
  return (
    <p className={`armed armed-${table.on ? 'armed' : 'off'}`}>
      <i aria-hidden="true" />
      {t(table.on ? 'timetables.onNow' : 'timetables.offNow')}
      {table.next !== null && <span className="dim num"> {t('timetables.until', { time: times.moment(table.next, 'short') })}</span>}
    </p>
  );
}

function More({ table }: { table: Timetable }) {
  const { t } = useTranslation();
  if (table.holidays.length + table.exceptions.length === 0) return null;
  return (
    <div className="small-text">
      {table.holidays.length > 0 && (
        <p>
          <b>{t('timetables.holidays')}</b> <span className="num">{table.holidays.join(', ')}</span>: {table.onHolidays.join(', ') || t('timetables.off')}
        </p>
      )}
      {table.exceptions.map((e, i) => (
        <p key={i}>
          <b>{t(e.on ? 'timetables.exceptOn' : 'timetables.exceptOff')}</b> <span className="num">{t('timetables.fromTo', { from: e.from.replace('T', ' '), to: e.to.replace('T', ' ') })}</span>
        </p>
      ))}
    </div>
  );
}

/** Seven rows, 24 hours wide; the same in words for who does not see it. */
export function Week({ lines }: { lines: readonly string[] }) {
  const { t } = useTranslation();
  const { days, bad } = weekOf(lines);
  return (
    <>
      <ul className="week" aria-label={t('timetables.week')}>
        {days.map((spans, d) => {
          const day = DAYS[d] ?? 'mon';
          const said = spans.map((s) => `${clockText(s.from)}–${clockText(s.to)}`).join(', ') || t('timetables.off');
          return (
            <li key={day} title={said}>
              <span className="week-day">{t(`day.${day}`)}</span>
              <span className="visually-hidden">{said}</span>
              <span className="week-bar" aria-hidden="true">
                {spans.map((s, i) => (
                  <i key={i} style={{ left: `${(s.from / 1440) * 100}%`, width: `${((s.to - s.from) / 1440) * 100}%` }} />
                ))}
              </span>
            </li>
          );
        })}
        <li className="week-axis" aria-hidden="true">
          <span className="week-day" />
          <span className="week-bar num">
            {[0, 6, 12, 18, 24].map((h) => (
              <b key={h} style={{ left: `${(h / 24) * 100}%` }}>
                {h}
              </b>
            ))}
          </span>
        </li>
      </ul>
      {bad.length > 0 && <p className="form-error small-text">{t('timetables.bad', { lines: bad.join('; ') })}</p>}
    </>
  );
}

interface Draft {
  name: string;
  zone: string;
  weekly: string;
  holidays: string;
  onHolidays: string;
  exceptions: { from: string; to: string; on: boolean }[];
}

function TimetableDialog({ table, onClose }: { table: Timetable | null; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const times = useTimes();
  const [rev, setRev] = useState(table?.rev ?? 0);
  const [draft, setDraft] = useState<Draft>(() => ({
    name: table?.name ?? '',
    zone: table?.timeZone ?? '',
    weekly: (table?.weekly ?? ['mon-fri 18:00-08:00', 'sat,sun 00:00-24:00']).join('\n'),
    holidays: (table?.holidays ?? []).join('\n'),
    onHolidays: (table?.onHolidays ?? []).join('\n'),
    exceptions: table?.exceptions ?? [],
  }));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const set = (part: Partial<Draft>): void => setDraft((d) => ({ ...d, ...part }));
  const setException = (i: number, part: Partial<Draft['exceptions'][number]>): void => set({ exceptions: draft.exceptions.map((e, k) => (k === i ? { ...e, ...part } : e)) });
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    const fields = {
      name: draft.name.trim(),
      time_zone: draft.zone.trim() === '' ? null : draft.zone.trim(),
      weekly: linesOf(draft.weekly),
      holidays: linesOf(draft.holidays),
      on_holidays: linesOf(draft.onHolidays),
      exceptions: draft.exceptions,
    };
    try {
      if (table) await rulesApi.changeTimetable(table.id, { ...fields, expect_rev: rev });
      else await rulesApi.addTimetable(fields);
      refreshInventory(queries);
      notify('good', t('edit.saved'));
      onClose();
    } catch (e) {
      if (e instanceof ApiError && e.status === 409 && table) {
        const fresh = (await rulesApi.timetables().catch(() => [])).find((x) => x.id === table.id);
        if (fresh) setRev(fresh.rev);
        setError(conflictText(t, e, t('rules.conflictForm')));
      } else setError(errorText(t, e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t(table ? 'timetables.edit' : 'timetables.add')} onClose={onClose} wide testid="timetable-dialog">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        {error && <Problem>{error}</Problem>}
        <div className="fields-grid">
          <Field label={t('draw.name')}>{(ids) => <input {...ids} autoFocus required maxLength={80} value={draft.name} data-testid="timetable-name" onChange={(e) => set({ name: e.target.value })} />}</Field>
          <Field label={t('timetables.zone')} hint={t('timetables.zoneHint', { zone: times.zone })}>
            {(ids) => <input {...ids} className="mono" maxLength={60} placeholder={times.zone} value={draft.zone} onChange={(e) => set({ zone: e.target.value })} />}
          </Field>
        </div>
        <Field label={t('timetables.weekly')} hint={t('timetables.weeklyHint')}>
          {(ids) => <textarea {...ids} className="mono" rows={3} maxLength={4000} value={draft.weekly} data-testid="timetable-weekly" onChange={(e) => set({ weekly: e.target.value })} />}
        </Field>
        <Week lines={linesOf(draft.weekly)} />
        <div className="fields-grid">
          <Field label={t('timetables.holidays')} hint={t('timetables.holidaysHint')}>
            {(ids) => <textarea {...ids} className="mono" rows={2} maxLength={8000} value={draft.holidays} onChange={(e) => set({ holidays: e.target.value })} />}
          </Field>
          <Field label={t('timetables.onHolidays')} hint={t('timetables.onHolidaysHint')}>
            {(ids) => <textarea {...ids} className="mono" rows={2} maxLength={4000} value={draft.onHolidays} onChange={(e) => set({ onHolidays: e.target.value })} />}
          </Field>
        </div>
        <fieldset className="field wide plain">
          <legend>{t('timetables.exceptions')}</legend>
          {draft.exceptions.map((e, i) => (
            <div key={i} className="exception-row">
              <input type="datetime-local" aria-label={t('timetables.from')} value={e.from} required onChange={(x) => setException(i, { from: x.target.value })} />
              <input type="datetime-local" aria-label={t('timetables.to')} value={e.to} required onChange={(x) => setException(i, { to: x.target.value })} />
              <select aria-label={t('timetables.onOrOff')} value={e.on ? 'on' : 'off'} onChange={(x) => setException(i, { on: x.target.value === 'on' })}>
                <option value="on">{t('timetables.exceptOn')}</option>
                <option value="off">{t('timetables.exceptOff')}</option>
              </select>
              <button type="button" className="ghost" aria-label={t('timetables.dropException')} onClick={() => set({ exceptions: draft.exceptions.filter((_, k) => k !== i) })}>
                <Icon name="cross" />
              </button>
            </div>
          ))}
          <button type="button" className="button small" onClick={() => set({ exceptions: [...draft.exceptions, { from: '', to: '', on: false }] })}>
            <Icon name="plus" />
            {t('timetables.addException')}
          </button>
        </fieldset>
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={busy || draft.name.trim() === ''} data-testid="timetable-save">
            {busy ? t('action.busy') : t('edit.save')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
