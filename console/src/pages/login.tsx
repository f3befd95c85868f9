/* Login, and the change of the one-time password that the first login asks for. */
import { useEffect, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ApiError } from '../api/client';
import { useTitle } from '../lib/hooks';
import { errorText } from '../lib/words';
import { LanguageSwitch, ThemeSwitch } from '../shell';
import { joinSession, setSession, tryAgain, useSession } from '../state/session';
import { setSound } from '../state/sound';
import { Logo } from '../ui/icons';

const MIN_LENGTH = 10;

function useSubmit(run: () => Promise<void>): { busy: boolean; error: unknown; submit: (e: SubmitEvent) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  return {
    busy,
    error,
    submit: (e) => {
      e.preventDefault();
      if (busy) return;
      setBusy(true);
      setError(null);
      run()
        .catch(setError)
        .finally(() => setBusy(false));
    },
  };
}

function LoginForm({ onUsed }: { onUsed: (password: string) => void }) {
  const { t } = useTranslation();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, submit } = useSubmit(async () => {
    const session = await api.login(user.trim(), password);
    onUsed(password);
    setSound(true);
    setSession(session);
  });
  useTitle(t('login.title'));
  const said =
    error instanceof ApiError && error.status === 401
      ? t('login.wrong')
      : error instanceof ApiError && error.status === 429
        ? t('login.tooMany', { count: error.retryAfterS ?? 30 })
        : error !== null
          ? errorText(t, error)
          : null;
  return (
    <form className="entry" onSubmit={submit}>
      <h1>{t('login.title')}</h1>
      <label>
        {t('login.user')}
        <input
          data-testid="login-user"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          autoFocus
          value={user}
          onChange={(e) => setUser(e.target.value)}
        />
      </label>
      <label>
        {t('login.password')}
        <input
          data-testid="login-password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
      </label>
      {said !== null && (
        <p className="form-error" role="alert" data-testid="login-error">
          {said}
        </p>
      )}
      <button type="submit" className="button primary" data-testid="login-submit" disabled={busy}>
        {busy ? t('login.busy') : t('login.submit')}
      </button>
      <p className="dim small-text">{t('login.first')}</p>
    </form>
  );
}

function PasswordForm({ used }: { used: string }) {
  const { t } = useTranslation();
  const user = useSession((s) => s.session?.user ?? '');
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [repeat, setRepeat] = useState('');
  const [slip, setSlip] = useState<'tooShort' | 'differs' | null>(null);
  const { busy, error, submit } = useSubmit(async () => {
    const problem = [...fresh].length < MIN_LENGTH ? 'tooShort' : fresh !== repeat ? 'differs' : null;
    setSlip(problem);
    if (problem === null) setSession(await api.password(used !== '' ? used : old, fresh));
  });
  useTitle(t('password.title'));
  const said = slip !== null ? t(`password.${slip}`) : error !== null ? errorText(t, error) : null;
  return (
    <form className="entry" onSubmit={submit}>
      <h1>{t('password.title')}</h1>
      <p>{t('password.why')}</p>
      <input className="visually-hidden" tabIndex={-1} aria-hidden="true" autoComplete="username" value={user} readOnly />
      {used === '' && (
        <label>
          {t('password.old')}
          <input
            data-testid="old-password"
            type="password"
            autoComplete="current-password"
            required
            value={old}
            onChange={(e) => setOld(e.target.value)}
          />
        </label>
      )}
      <label>
        {t('password.fresh')}
        <input
          data-testid="new-password"
          type="password"
          autoComplete="new-password"
          required
          autoFocus
          aria-describedby="password-rule"
          value={fresh}
          onChange={(e) => setFresh(e.target.value)}
        />
        <span id="password-rule" className="dim small-text">
          {t('password.rule')}
        </span>
      </label>
      <label>
        {t('password.repeat')}
        <input
          data-testid="new-password-repeat"
          type="password"
          autoComplete="new-password"
          required
          value={repeat}
          onChange={(e) => setRepeat(e.target.value)}
        />
      </label>
      {said !== null && (
        <p className="form-error" role="alert">
          {said}
        </p>
      )}
      <button type="submit" className="button primary" data-testid="new-password-submit" disabled={busy}>
        {busy ? t('password.busy') : t('password.submit')}
      </button>
    </form>
  );
}

export function LoginPage() {
  const { t } = useTranslation();
  const session = useSession((s) => s.session);
  const status = useSession((s) => s.status);
  const leaving = useSession((s) => s.leaving);
  // Kept only until the change, so that the one-time password need not be typed twice.
  const [used, setUsed] = useState('');
  useEffect(() => {
    if (status !== 'unreachable') return;
    const id = setInterval(() => void tryAgain(), 5000);
    return () => clearInterval(id);
  }, [status]);
  useEffect(() => {
    if (status !== 'none') return;
    const look = (): void => void joinSession();
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [status]);
  return (
    <div className="door">
      <div className="door-tools">
        <LanguageSwitch />
        <ThemeSwitch />
      </div>
      <main className="door-card">
        <div className="door-brand">
          <Logo />
          <div>
            <div className="door-name">skyeye</div>
            <div className="dim">{t('app.tagline')}</div>
          </div>
        </div>
        {status === 'unreachable' ? (
          <div className="entry">
            <p className="form-error" role="alert">
              {t(leaving ? 'login.leaving' : 'login.unreachable')}
            </p>
            <button type="button" className="button primary" onClick={() => void tryAgain()}>
              {t('login.retry')}
            </button>
          </div>
        ) : session?.mustChangePassword ? (
          <PasswordForm used={used} />
        ) : (
          <LoginForm onUsed={setUsed} />
        )}
      </main>
    </div>
  );
}
