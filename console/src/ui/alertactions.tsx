/* What can be done with the alert. What needs words or a choice opens a form under the buttons; closing asks once more. */
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AlertAction, Result } from '../api/alerts';
import type { Alert } from '../api/types';
import { ACTION_KEYS, act, mayPrioritise, mayShelve, possibleActions, withheld } from '../lib/actions';
import { keysHome } from '../lib/keys';
import { useDesk, written, type AnyForm } from '../state/desk';
import { notify } from '../state/notices';
import { rightsText, useMay } from '../state/rights';
import { AlertForm } from './alertform';
import { Icon, type IconName } from './icons';
import { PriorityChoice } from './prioritychoice';

const ICONS: Partial<Record<AlertAction, IconName>> = {
  acknowledge: 'hand',
  release: 'undo',
  dispatch: 'next',
  return: 'undo',
  resolve: 'check',
  reopen: 'undo',
  close: 'archive',
  feedback: 'note',
};
const HINTS: Partial<Record<AlertAction, string>> = ACTION_KEYS;
const FORMS: readonly string[] = ['dispatch', 'resolve', 'shelve', 'note', 'feedback'];
const hasForm = (action: AlertAction): action is AnyForm => FORMS.includes(action);

export function AlertActions({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const mayAct = useMay('act');
  const asked = useDesk((s) => s.asked);
  // What was written before and not sent is there again, but the keys stay with the queue until they are asked for: each
  // time that is done `asks` grows.
  const [form, setForm] = useState<{ what: AnyForm; result: Result | null; asks: number } | null>(() => {
    const before = written.of(alert.id);
    return before && { what: before.what, result: before.result, asks: 0 };
  });
  const open = (what: AnyForm, result: Result | null): void => setForm((f) => ({ what, result, asks: (f?.asks ?? 0) + 1 }));
  const [busy, setBusy] = useState(false);
  const [sure, setSure] = useState(false);

  useEffect(() => {
    if (!sure) return;
    const id = setTimeout(() => setSure(false), 5000);
    return () => clearTimeout(id);
  }, [sure]);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (asked?.alert !== alert.id) return;
    useDesk.getState().taken();
    if (asked.what !== 'close') {
      open(asked.what, asked.result);
      return;
    }
    // What is asked there is read out, and Enter answers it, too.
    root.current?.querySelector<HTMLElement>('[data-testid=action-close]')?.focus();
    void run('close');
  }, [asked, alert.id]);
  // What had the keys may be gone with what was done: they are the queue's then, and nobody's is said to no screen reader.
  const held = useRef(false);
  useLayoutEffect(() => {
    if (!held.current || (document.activeElement !== null && document.activeElement !== document.body)) return;
    held.current = false;
    keysHome();
  });

  const all: AlertAction[] = [...possibleActions(alert.state)];
  if (mayShelve(alert)) all.push('shelve');
  if (alert.handling.shelved && mayPrioritise(alert)) all.push('unshelve');
  if (alert.state !== 'closed') all.push('note');
  const close = (): void => {
    // A draft of another form is none of this one's.
    if (written.of(alert.id)?.what === form?.what) written.drop(alert.id);
    setForm(null);
  };
  const hide = (): void => setForm(null);
  const run = async (action: AlertAction): Promise<void> => {
    if (busy) return;
    const why = withheld(t, alert, action);
    if (why !== null) {
      notify('bad', why);
      return;
    }
    if (hasForm(action)) {
      if (form?.what === action) hide();
      else open(action, null);
      return;
    }
    if (action === 'close' && !sure) {
      setSure(true);
      return;
    }
    setSure(false);
    setBusy(true);
    await act(t, alert, action);
    setBusy(false);
  };
  const buttons = (): React.ReactNode => {
    if (all.length === 0) return <p className="actions-none dim">{t('action.none')}</p>;
    // Who may do nothing here is told so once, instead of by a row of buttons that refuse.
    if (!mayAct) {
      return (
        <p className="actions-none dim" data-testid="actions-withheld">
          {rightsText(t, 'act')}
        </p>
      );
    }
    return (
      <div className="actions" role="group" aria-label={t('action.label')}>
        {all.map((action, i) => (
          <button
            key={action}
            type="button"
            className={`button ${i === 0 ? 'primary' : ''} ${action === 'close' && sure ? 'sure' : ''}`}
            data-testid={`action-${action}`}
            // Not disabled: why it cannot be would be reached neither by keyboard nor by touch, and what is disabled loses the focus.
            aria-disabled={busy || withheld(t, alert, action) !== null}
            title={withheld(t, alert, action) ?? undefined}
            {...(hasForm(action) ? { 'aria-expanded': form?.what === action } : {})}
            onClick={() => void run(action)}
          >
            <Icon name={ICONS[action] ?? (action === 'note' ? 'note' : 'clock')} />
            {action === 'close' && sure ? t('action.closeSure') : t(`action.${action}`)}
            {HINTS[action] && (
              <kbd className="hint" aria-hidden="true">
                {HINTS[action]}
              </kbd>
            )}
          </button>
        ))}
        {mayPrioritise(alert) && <PriorityChoice alert={alert} />}
      </div>
    );
  };
  return (
    <div
      ref={root}
      className="alert-acts"
      onFocus={() => {
        held.current = true;
      }}
      onBlur={() => {
        held.current = false;
      }}
    >
      {buttons()}
      {form && (
        <AlertForm
          key={`${form.what} ${form.asks}`}
          alert={alert}
          what={form.what}
          result={form.result}
          // Somebody else may have moved the alert on meanwhile: what is being written stays, and so do the keys that write it.
          possible={mayAct && all.includes(form.what)}
          focus={form.asks > 0}
          onHide={hide}
          onClose={close}
        />
      )}
    </div>
  );
}
