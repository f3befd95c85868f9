/* Choosing a role or a scope, each with what it is for. */
import { useTranslation } from 'react-i18next';
import { roleHint, roleText } from '../../lib/peoplewords';

export function RolePick({ legend, of, value, onChange }: { legend: string; of: readonly string[]; value: string; onChange: (role: string) => void }) {
  const { t } = useTranslation();
  return (
    <fieldset className="plain role-pick">
      <legend>{legend}</legend>
      {of.map((role) => (
        <label key={role} className={`role-choice ${role === value ? 'chosen' : ''}`}>
          <input type="radio" name="role" value={role} checked={role === value} data-testid={`role-${role}`} onChange={() => onChange(role)} />
          <span>
            <b>{roleText(t, role)}</b>
            <span className="dim">{roleHint(t, role)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
