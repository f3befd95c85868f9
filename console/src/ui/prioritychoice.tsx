/*
 * How urgent an alert is. By pointer a choice is sent at once. By key it is only looked at, for an arrow key chooses with every
 * press: Enter, or leaving the field, sends what was arrived at, and Escape goes back.
 */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SEVERITIES, type Alert, type Severity } from '../api/types';
import { act } from '../lib/actions';

export function PriorityChoice({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const [looked, setLooked] = useState<Severity | null>(null);
  const byKey = useRef(false);
  const send = (priority: Severity): void => {
    setLooked(null);
    if (priority !== alert.handling.priority) void act(t, alert, 'priority', { priority });
  };
  return (
    <label className="select">
      <span className="visually-hidden">{t('action.priority')}</span>
      <select
        data-testid="action-priority"
        value={looked ?? alert.handling.priority}
        onPointerDown={() => {
          byKey.current = false;
        }}
        onKeyDown={(e) => {
          byKey.current = true;
          if (looked === null || (e.key !== 'Enter' && e.key !== 'Escape')) return;
          e.preventDefault();
          if (e.key === 'Enter') send(looked);
          else setLooked(null);
        }}
        onChange={(e) => {
          const priority = SEVERITIES.find((s) => s === e.target.value);
          if (!priority) return;
          if (byKey.current) setLooked(priority);
          else send(priority);
        }}
        onBlur={() => looked !== null && send(looked)}
      >
        {SEVERITIES.map((s) => (
          <option key={s} value={s}>
            {t('action.priorityIs', { priority: t(`severity.${s}`) })}
          </option>
        ))}
      </select>
      {looked !== null && (
        <kbd className="hint" aria-hidden="true">
          ↵
        </kbd>
      )}
    </label>
  );
}
