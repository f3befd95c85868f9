/* The form of one action: whom it goes to, what it turned out to be, why and for how long it is put aside, or a note. */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { RESULTS, type ActBody, type Result } from '../api/alerts';
import type { Alert } from '../api/types';
import { act } from '../lib/actions';
import { composing } from '../lib/keys';
import { written, type AnyForm } from '../state/desk';
import { DispatchTo } from './dispatchto';

const MINUTES = [15, 30, 60, 240, 480, 1440, 10080] as const;

export function AlertForm({
  alert,
  what,
  result: first,
  possible,
  focus = true,
  onHide,
  onClose,
}: {
  alert: Alert;
  what: AnyForm;
  result: Result | null;
  /** Whether the alert is in a state that lets it be done. */
  possible: boolean;
  /** Whether it takes the keys when it opens. */
  focus?: boolean;
  /** Puts it away with what is written in it. */
  onHide: () => void;
  /** Throws that away. */
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [before] = useState(() => {
    const kept = written.of(alert.id);
    return kept?.what === what ? kept : null;
  });
  const [note, setNote] = useState(before?.note ?? '');
  const [to, setTo] = useState(before?.to ?? '');
  const [result, setResult] = useState<Result | null>(first ?? before?.result ?? null);
  const [minutes, setMinutes] = useState(before?.minutes ?? 30);
  const [busy, setBusy] = useState(false);
  const empty = note.trim() === '' && to.trim() === '';
  useEffect(() => {
    if (!empty) written.keep(alert.id, { what, note, to, result, minutes });
    else if (written.of(alert.id)?.what === what) written.drop(alert.id);
  }, [alert.id, what, note, to, result, minutes, empty]);
  const needsNote = what === 'shelve' || what === 'note' || what === 'feedback';
  const missing = (needsNote && note.trim() === '') || (what === 'dispatch' && to.trim() === '');
  const unchosen = what === 'resolve' && result === null;
  const [asked, setAsked] = useState(false);
  // Nobody would miss it. Where the keys are in it somebody is about to write.
  const form = useRef<HTMLFormElement>(null);
  const unused = !possible && empty && !busy;
  useEffect(() => {
    if (unused && !form.current?.contains(document.activeElement)) onClose();
  }, [unused, onClose]);

  const submit = async (): Promise<void> => {
    if (missing || busy || !possible) return;
    if (unchosen) {
      setAsked(true);
      form.current?.querySelector<HTMLElement>('input[name=result]')?.focus();
      return;
    }
    const body: ActBody = {};
    if (note.trim() !== '') body.note = note.trim();
    if (what === 'dispatch') body.to = to.trim();
    if (what === 'resolve' && result) body.result = result;
    if (what === 'shelve') body.minutes = minutes;
    setBusy(true);
    const done = await act(t, alert, what, body);
    setBusy(false);
    if (done) onClose();
  };
  return (
    <form
      ref={form}
      className="action-form"
      data-testid={`form-${what}`}
      aria-label={t(`action.${what}`)}
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || composing(e)) return;
        e.stopPropagation();
        onHide();
      }}
    >
      {what === 'resolve' && (
        <fieldset aria-describedby={asked && unchosen ? 'form-unchosen' : undefined}>
          <legend>{t('result.label')}</legend>
          {RESULTS.map((r, i) => (
            <label key={r}>
              <input
                type="radio"
                name="result"
                value={r}
                autoFocus={focus && first === null && (result ? r === result : i === 0)}
                checked={result === r}
                onChange={() => setResult(r)}
              />
              <span>{t(`result.${r}`)}</span>
            </label>
          ))}
          {asked && unchosen && (
            <p id="form-unchosen" className="form-error" role="alert" data-testid="form-unchosen">
              {t('result.choose')}
            </p>
          )}
        </fieldset>
      )}
      {what === 'dispatch' && <DispatchTo alert={alert} value={to} focus={focus} onChange={setTo} />}
      {what === 'shelve' && (
        <label className="select">
          <span>{t('action.for')}</span>
          <select value={minutes} onChange={(e) => setMinutes(Number(e.target.value))}>
            {MINUTES.map((m) => (
              <option key={m} value={m}>
                {m < 60 ? t('action.minutes', { n: m }) : m < 1440 ? t('action.hours', { n: m / 60 }) : t('action.days', { n: m / 1440 })}
              </option>
            ))}
          </select>
        </label>
      )}
      <label className="note">
        <span>{t(what === 'shelve' ? 'action.why' : needsNote ? 'action.noteOnly' : 'action.note')}</span>
        <input
          value={note}
          maxLength={1000}
          required={needsNote}
          // A key that says the result leaves only the words to be said.
          autoFocus={focus && (needsNote || (what === 'resolve' && first !== null))}
          data-testid="action-note-text"
          onChange={(e) => setNote(e.target.value)}
        />
      </label>
      {!possible && !busy && (
        <p className="form-late" role="status" data-testid="form-late">
          {t('action.late', { action: t(`action.${what}`), state: t(`state.${alert.state}`) })}
        </p>
      )}
      <button type="submit" className="button primary" data-testid="form-send" disabled={missing} aria-disabled={busy || !possible}>
        {busy ? t('action.busy') : t(what === 'note' ? 'action.save' : `action.${what}`)}
      </button>
      <button type="button" className="button quiet" onClick={onClose}>
        {t('action.cancel')}
      </button>
    </form>
  );
}
