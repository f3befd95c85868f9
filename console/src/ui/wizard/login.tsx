/* The second step: with which login the device is asked. What is typed stays in this page until it is saved. */
import { useTranslation } from 'react-i18next';
import { idProblem, type Login } from '../../lib/wizard';
import { errorText } from '../../lib/words';
import { useCredentials } from '../../state/inventory';
import { Field } from '../form';
import { Icon } from '../icons';

export function LoginStep({ host, login, onChange, onBack, onNext }: { host: string; login: Login; onChange: (l: Login) => void; onBack: () => void; onNext: () => void }) {
  const { t } = useTranslation();
  const credentials = useCredentials();
  const list = credentials.data ?? [];
  const put = (part: Partial<Login>): void => onChange({ ...login, ...part });
  const missing = login.kind === 'stored' ? login.credential === '' : login.kind === 'new' && (login.username === '' || idProblem(login.id));
  const clash = login.kind === 'new' && list.some((c) => c.id === login.id);
  return (
    <form
      className="form wizard-step"
      onSubmit={(e) => {
        e.preventDefault();
        if (!missing && !clash) onNext();
      }}
    >
      <p>{t('wizard.loginFor', { host })}</p>
      <div className="segments" role="group" aria-label={t('wizard.login')}>
        {(['new', 'stored', 'none'] as const).map((k) => (
          <button key={k} type="button" aria-pressed={login.kind === k} data-testid={`login-${k}`} onClick={() => put({ kind: k })}>
            {t(`wizard.loginKind.${k}`)}
          </button>
        ))}
      </div>
      {login.kind === 'new' && (
        <div className="fields-grid">
          <Field label={t('field.username')}>
            {(ids) => <input {...ids} autoFocus autoComplete="off" maxLength={120} value={login.username} data-testid="wizard-username" onChange={(e) => put({ username: e.target.value })} />}
          </Field>
          <Field label={t('field.password')} hint={t('wizard.passwordHint')}>
            {(ids) => (
              <input {...ids} type="password" autoComplete="new-password" maxLength={200} value={login.password} data-testid="wizard-password" onChange={(e) => put({ password: e.target.value })} />
            )}
          </Field>
          <Field
            label={t('wizard.credentialId')}
            hint={t('wizard.credentialIdHint')}
            problem={clash ? t('wizard.credentialClash') : login.id !== '' && idProblem(login.id) ? t('credentials.idRule') : undefined}
          >
            {(ids) => <input {...ids} className="mono" autoComplete="off" maxLength={64} value={login.id} data-testid="wizard-credential-id" onChange={(e) => put({ id: e.target.value })} />}
          </Field>
        </div>
      )}
      {login.kind === 'stored' && (
        <Field label={t('field.credential')} problem={credentials.isError ? errorText(t, credentials.error) : undefined}>
          {(ids) => (
            <select {...ids} value={login.credential} data-testid="wizard-credential" onChange={(e) => put({ credential: e.target.value })}>
              <option value="">{t('bulk.pick')}</option>
              {list.map((c) => (
                <option key={c.id} value={c.id}>
                  {c.id} · {c.username}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {login.kind === 'none' && <p className="dim">{t('wizard.loginNone')}</p>}
      <div className="wizard-foot">
        <button type="button" className="button" onClick={onBack}>
          <Icon name="back" />
          {t('wizard.back')}
        </button>
        <button type="submit" className="button primary" disabled={missing || clash} data-testid="wizard-next">
          {t('wizard.ask')}
          <Icon name="next" />
        </button>
      </div>
    </form>
  );
}
