/* A user's sessions, to be ended one by one or all. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { people, type User } from '../../api/people';
import { errorText } from '../../lib/words';
import { notify } from '../../state/notices';
import { Dialog } from '../dialog';
import { Problem } from '../form';
import { Age, Loading } from '../parts';

export function SessionsDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ['user-sessions', user.user], queryFn: () => people.sessions(user.user), retry: false });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const list = query.data ?? [];
  const end = async (run: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await run();
      notify('good', t('people.ended'));
      await Promise.all([query.refetch(), queries.invalidateQueries({ queryKey: ['users'] })]);
    } catch (e) {
      setError(errorText(t, e));
    }
    setBusy(false);
  };
  return (
    <Dialog title={t('people.sessionsOf', { user: user.user })} onClose={onClose} testid="sessions-dialog">
      <div className="form">
        {(error ?? query.error) && <Problem>{error ?? errorText(t, query.error)}</Problem>}
        {query.isPending && <Loading text={t('app.loading')} />}
        {query.data && list.length === 0 && <p className="dim">{t('people.noSessions')}</p>}
        {list.length > 0 && (
          <ul className="session-list">
            {list.map((s) => (
              <li key={s.id} data-testid="user-session">
                <span className="two">
                  <b className="mono">{s.address || t('people.unknownAddress')}</b>
                  <span className="dim small-text">
                    {t('people.since')} <Age at={s.created} /> · {t('people.lastUse')} <Age at={s.last} />
                  </span>
                </span>
                {s.own ? (
                  <span className="tag">{t('people.ownSession')}</span>
                ) : (
                  <button type="button" className="button small danger" disabled={busy} aria-label={`${t('people.end')} ${s.address}`} data-testid="session-end" onClick={() => void end(() => people.endSession(user.user, s.id))}>
                    {t('people.end')}
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
        <div className="dialog-foot">
          {list.some((s) => !s.own) && !list.some((s) => s.own) && (
            <button type="button" className="button danger" disabled={busy} data-testid="sessions-end" onClick={() => void end(() => people.endSessions(user.user))}>
              {t('people.endAll')}
            </button>
          )}
          <button type="button" className="button primary" onClick={onClose}>
            {t('keys.close')}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
