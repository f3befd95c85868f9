/* Who may log in: the list, and what an administrator does with each. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { people, type OneTime, type User } from '../../api/people';
import { roleText } from '../../lib/peoplewords';
import { errorText } from '../../lib/words';
import { notify } from '../../state/notices';
import { useSession } from '../../state/session';
import { Failed } from '../failed';
import { Problem } from '../form';
import { Heads } from '../heads';
import { Icon } from '../icons';
import { Age, Loading } from '../parts';
import { RemoveButton } from '../remove';
import { Once } from './once';
import { SessionsDialog } from './sessions';
import { SureButton } from './sure';
import { UserDialog } from './userdialog';
import { useAreaTree, WhereText } from './where';

type Open = { what: 'add' } | { what: 'rights'; user: User } | { what: 'sessions'; user: User } | { what: 'once'; made: OneTime; reset: boolean };

export function Users() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ['users'], queryFn: people.users, retry: false });
  const me = useSession((s) => s.session?.user);
  const tree = useAreaTree();
  const [open, setOpen] = useState<Open | null>(null);
  const [error, setError] = useState<string | null>(null);
  const again = (): void => void queries.invalidateQueries({ queryKey: ['users'] });
  const run = async (deed: () => Promise<void>): Promise<void> => {
    setError(null);
    try {
      await deed();
    } catch (e) {
      setError(errorText(t, e));
    }
    again();
  };
  const reset = (user: User): Promise<void> => run(async () => setOpen({ what: 'once', made: await people.reset(user.user), reset: true }));
  const remove = (user: User): Promise<void> =>
    run(async () => {
      await people.remove(user.user);
      notify('good', t('people.removed', { user: user.user }));
      document.getElementById('main')?.focus({ preventScroll: true });
    });

  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (query.isError) return <Failed title={t('people.failed')} error={query.error} retry={query.refetch} />;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{t('people.users')}</h1>
          <p className="dim">{t('people.hint')}</p>
        </div>
        <span className="grow" />
        <button type="button" className="button primary" data-testid="user-add" onClick={() => setOpen({ what: 'add' })}>
          <Icon name="plus" />
          {t('people.add')}
        </button>
      </header>
      {error && <Problem>{error}</Problem>}
      <div className="card table-scroll" role="group" tabIndex={0} aria-label={t('people.users')}>
        <table className="figures people-table">
          <Heads
            of={[
              { text: t('people.name') },
              { text: t('people.role') },
              { text: t('people.where') },
              { text: t('people.sessions') },
              { text: t('people.lastUse') },
              { text: <span className="visually-hidden">{t('action.label')}</span> },
            ]}
          />
          <tbody>
            {query.data.users.map((u) => (
              <tr key={u.user} className={u.disabled ? 'past' : ''} data-testid="user" data-user={u.user}>
                <th scope="row">
                  <span className="mono break">{u.user}</span> {u.user === me && <span className="tag">{t('people.you')}</span>}
                  {u.disabled && <span className="tag">{t('people.off')}</span>}
                  {u.mustChangePassword && !u.disabled && <span className="tag">{t('people.oneTime')}</span>}
                </th>
                <td data-head={t('people.role')}>{roleText(t, u.role)}</td>
                <td data-head={t('people.where')}>
                  <WhereText areas={u.areas} tree={tree} />
                </td>
                <td className="num" data-head={t('people.sessions')}>
                  {u.sessions > 0 ? (
                    <button type="button" className="session-count num" aria-label={`${t('people.sessionsOf', { user: u.user })}: ${u.sessions}`} data-testid="user-sessions" onClick={() => setOpen({ what: 'sessions', user: u })}>
                      {u.sessions}
                    </button>
                  ) : (
                    0
                  )}
                </td>
                <td data-head={t('people.lastUse')}>
                  <Age at={u.last} className="dim" />
                </td>
                <td className="right deeds">
                  {u.user === me ? (
                    <span className="dim small-text">{t('people.notOwn')}</span>
                  ) : (
                    <span className="row-deeds">
                      <button type="button" className="button small" aria-label={t('people.rightsOf', { user: u.user })} data-testid="user-rights" onClick={() => setOpen({ what: 'rights', user: u })}>
                        {t('people.rights')}
                      </button>
                      <SureButton text={t('people.reset')} sure={t('people.resetSure')} label={t('people.resetOf', { user: u.user })} testid="user-reset" onSure={() => void reset(u)} />
                      <RemoveButton small what={u.user} testid="user-remove" onRemove={() => void remove(u)} />
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(open?.what === 'add' || open?.what === 'rights') && (
        <UserDialog
          user={open.what === 'rights' ? open.user : null}
          onClose={() => setOpen(null)}
          onDone={() => {
            setOpen(null);
            again();
          }}
          onMade={(made) => {
            setOpen({ what: 'once', made, reset: false });
            again();
          }}
        />
      )}
      {open?.what === 'sessions' && <SessionsDialog user={open.user} onClose={() => setOpen(null)} />}
      {open?.what === 'once' && (
        <Once title={t('people.onceTitle', { user: open.made.user.user })} why={t(open.reset ? 'people.onceReset' : 'people.onceNew', { user: open.made.user.user })} secret={open.made.password} onClose={() => setOpen(null)} />
      )}
    </>
  );
}
