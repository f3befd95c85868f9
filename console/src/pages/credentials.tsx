/* User names and passwords of cameras, kept apart from channels. A password goes in and never comes back out. */
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { configure } from '../api/configure';
import type { Credential } from '../api/inventory';
import { useTitle } from '../lib/hooks';
import { idProblem } from '../lib/wizard';
import { errorText } from '../lib/words';
import { refreshInventory, useCredentials } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { Dialog } from '../ui/dialog';
import { Field, Problem } from '../ui/form';
import { Heads } from '../ui/heads';
import { Icon } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';
import { RemoveButton, useRemoval } from '../ui/remove';
import { Said } from '../ui/said';
import { ConfigNav } from '../ui/subnav';

export default function CredentialsPage() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  useTitle(t('config.credentials'));
  return (
    <div className="page credentials-page">
      <ConfigNav />
      {may ? <Credentials /> : <Blank icon="auth_failed" title={t('config.forbidden')} />}
    </div>
  );
}

function Credentials() {
  const { t } = useTranslation();
  const query = useCredentials();
  const [setting, setSetting] = useState<Credential | 'new' | null>(null);
  const list = query.data ?? [];
  const removal = useRemoval();
  const remove = (id: string): void => void removal.run(() => configure.removeCredential(id), t('credentials.removed', { id }));
  if (query.isPending) return <Loading text={t('app.loading')} />;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{t('config.credentials')}</h1>
          <p className="dim">{t('credentials.hint')}</p>
        </div>
        <span className="grow" />
        <button type="button" className="button" data-testid="credential-add" onClick={() => setSetting('new')}>
          <Icon name="plus" />
          {t('credentials.add')}
        </button>
      </header>
      {(removal.error ?? query.error) && <Problem>{removal.error ?? errorText(t, query.error)}</Problem>}
      {list.length === 0 && !query.isError ? (
        <Blank icon="key" title={t('credentials.none')} />
      ) : (
        <div className="card table-scroll">
          <table className="figures credentials-table">
            <Heads
              of={[
                { text: t('field.credential') },
                { text: t('field.username') },
                { text: t('nav.channels'), right: true },
                { text: t('field.origin') },
                { text: <span className="visually-hidden">{t('action.label')}</span> },
              ]}
            />
            <tbody>
              {list.map((c) => (
                <tr key={c.id} data-testid="credential" data-credential={c.id}>
                  <th scope="row" className="mono">
                    {c.id}
                  </th>
                  <td>
                    {c.username}
                    {c.problem !== '' && <p className="form-error small-text"><Said text={c.problem} /></p>}
                  </td>
                  <td className="right num">{c.channels}</td>
                  <td className="dim">{t(c.origin === 'file' ? 'rules.fromFile' : 'edit.originInventory')}</td>
                  <td className="right">
                    {c.origin === 'inventory' && (
                      <span className="row-deeds">
                        <button type="button" className="button small" aria-label={t('credentials.setOf', { id: c.id })} data-testid="credential-set" onClick={() => setSetting(c)}>
                          {t('credentials.set')}
                        </button>
                        <RemoveButton small what={c.id} blocked={c.channels > 0 ? t('credentials.used', { count: c.channels }) : undefined} testid="credential-remove" onRemove={() => remove(c.id)} />
                      </span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {setting !== null && <CredentialDialog credential={setting === 'new' ? null : setting} taken={list.map((c) => c.id)} onClose={() => setSetting(null)} />}
    </>
  );
}

function CredentialDialog({ credential, taken, onClose }: { credential: Credential | null; taken: readonly string[]; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [id, setId] = useState(credential?.id ?? '');
  const [username, setUsername] = useState(credential?.username ?? '');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const clash = credential === null && taken.includes(id);
  const bad = id !== '' && idProblem(id);
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await configure.setCredential(id, username, password);
      refreshInventory(queries);
      notify('good', t('edit.saved'));
      onClose();
    } catch (e) {
      setError(errorText(t, e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={credential ? t('credentials.setOf', { id: credential.id }) : t('credentials.add')} onClose={onClose} testid="credential-dialog">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        {error && <Problem>{error}</Problem>}
        {credential === null && (
          <Field label={t('wizard.credentialId')} hint={t('credentials.idRule')} problem={clash ? t('wizard.credentialClash') : bad ? t('credentials.idRule') : undefined}>
            {(ids) => <input {...ids} className="mono" autoFocus required maxLength={64} autoComplete="off" value={id} data-testid="credential-id" onChange={(e) => setId(e.target.value)} />}
          </Field>
        )}
        <Field label={t('field.username')}>
          {(ids) => <input {...ids} required maxLength={120} autoComplete="off" value={username} data-testid="credential-user" onChange={(e) => setUsername(e.target.value)} />}
        </Field>
        <Field label={t('field.password')} hint={credential ? `${t('credentials.keep')} ${credential.channels > 0 ? t('credentials.touches', { count: credential.channels }) : ''}` : t('wizard.passwordHint')}>
          {(ids) => (
            <input {...ids} type="password" required={credential === null} maxLength={200} autoComplete="new-password" value={password} data-testid="credential-password" onChange={(e) => setPassword(e.target.value)} />
          )}
        </Field>
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={busy || clash || idProblem(id) || username === '' || (credential === null && password === '')} data-testid="credential-save">
            {busy ? t('action.busy') : t('edit.save')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
