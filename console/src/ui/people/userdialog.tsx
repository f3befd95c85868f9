/* Adding a user, or giving one other rights. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { people, ROLES, type OneTime, type RightsEdit, type User } from '../../api/people';
import { idProblem } from '../../lib/wizard';
import { errorText } from '../../lib/words';
import { notify } from '../../state/notices';
import { Dialog } from '../dialog';
import { Field, Problem } from '../form';
import { RolePick } from './rolepick';
import { WherePick } from './where';

export function UserDialog({ user, onMade, onDone, onClose }: { user: User | null; onMade: (made: OneTime) => void; onDone: () => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>(user?.role ?? 'operator');
  const [areas, setAreas] = useState<string[] | null>(user ? user.areas : null);
  const [off, setOff] = useState(user?.disabled ?? false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const badName = name !== '' && idProblem(name);
  const edit: RightsEdit = {
    ...(role !== user?.role ? { role } : {}),
    ...(JSON.stringify(areas) !== JSON.stringify(user?.areas) ? { areas } : {}),
    ...(off !== user?.disabled ? { disabled: off } : {}),
  };
  const ready = areas?.length !== 0 && (user ? Object.keys(edit).length > 0 : name !== '' && !badName);
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      if (user) {
        await people.change(user.user, edit);
        notify('good', t('people.changed', { user: user.user }));
        onDone();
      } else {
        onMade(await people.add(name, role, areas));
      }
    } catch (e) {
      setError(errorText(t, e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={user ? t('people.rightsOf', { user: user.user }) : t('people.add')} onClose={onClose} testid="user-dialog">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (ready && !busy) void save();
        }}
      >
        {error && <Problem>{error}</Problem>}
        {!user && (
          <Field label={t('people.name')} hint={t('people.nameRule')} problem={badName ? t('people.nameRule') : undefined}>
            {(ids) => <input {...ids} className="mono" autoFocus required maxLength={64} autoComplete="off" value={name} data-testid="user-name" onChange={(e) => setName(e.target.value)} />}
          </Field>
        )}
        <RolePick legend={t('people.role')} of={ROLES} value={role} onChange={setRole} />
        <WherePick value={areas} onChange={setAreas} />
        {user && (
          <label className="check">
            <input type="checkbox" checked={off} data-testid="user-off" onChange={(e) => setOff(e.target.checked)} />
            {t('people.switchOff')}
          </label>
        )}
        {user && <p className="dim small-text">{t('people.atOnce')}</p>}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={busy || !ready} data-testid="user-save">
            {busy ? t('action.busy') : t(user ? 'edit.save' : 'people.add')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
