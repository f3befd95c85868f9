/* What can be done with the alert, with an optional note. Closing is final, so it asks once more. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert, AlertAction } from '../api/types';
import { act, actionWord, possibleActions } from '../lib/actions';
import { Icon, type IconName } from './icons';

const ICONS: Record<AlertAction, IconName> = { acknowledge: 'hand', release: 'undo', dispatch: 'next', resolve: 'check', close: 'cross' };
const HINTS: Partial<Record<AlertAction, string>> = { acknowledge: 'A', resolve: 'R' };

export function AlertActions({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const [note, setNote] = useState('');
  const [noting, setNoting] = useState(false);
  const [busy, setBusy] = useState<AlertAction | null>(null);
  const [sure, setSure] = useState(false);
  const actions = possibleActions(alert.state);

  useEffect(() => {
    if (!sure) return;
    const id = setTimeout(() => setSure(false), 5000);
    return () => clearTimeout(id);
  }, [sure]);

  const run = async (action: AlertAction): Promise<void> => {
    if (action === 'close' && !sure) {
      setSure(true);
      return;
    }
    setSure(false);
    setBusy(action);
    if (await act(t, alert, action, note.trim())) {
      setNote('');
      setNoting(false);
    }
    setBusy(null);
  };

  if (actions.length === 0) return <p className="actions-none dim">{t('action.none')}</p>;
  return (
    <div className="actions" role="group" aria-label={t('action.label')}>
      {actions.map((action, i) => (
        <button
          key={action}
          type="button"
          className={`button ${i === 0 ? 'primary' : ''} ${action === 'close' && sure ? 'sure' : ''}`}
          data-testid={`action-${action}`}
          disabled={busy !== null}
          onClick={() => void run(action)}
        >
          <Icon name={actionWord(action, alert.state) === action ? ICONS[action] : 'undo'} />
          {busy === action ? t('action.busy') : action === 'close' && sure ? t('action.closeSure') : t(`action.${actionWord(action, alert.state)}`)}
          {HINTS[action] && actionWord(action, alert.state) === action && (
            <kbd className="hint" aria-hidden="true">
              {HINTS[action]}
            </kbd>
          )}
        </button>
      ))}
      {noting ? (
        <label className="note">
          <span className="visually-hidden">{t('action.note')}</span>
          <input
            data-testid="action-note"
            value={note}
            maxLength={1000}
            autoFocus
            placeholder={t('action.notePlaceholder')}
            onChange={(e) => setNote(e.target.value)}
            onKeyDown={(e) => {
              if (e.key !== 'Escape') return;
              setNoting(false);
              setNote('');
            }}
          />
        </label>
      ) : (
        <button type="button" className="button quiet" data-testid="action-note-open" onClick={() => setNoting(true)}>
          <Icon name="note" />
          {t('action.addNote')}
        </button>
      )}
    </div>
  );
}
