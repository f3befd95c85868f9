/* Who may do what here: users with their sessions, and tokens for programs. */
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import { useTitle } from '../lib/hooks';
import { rightsText, useMayEverywhere } from '../state/rights';
import { Blank } from '../ui/parts';
import { PeopleNav } from '../ui/people/nav';
import { Tokens } from '../ui/people/tokens';
import { Users } from '../ui/people/users';

export default function PeoplePage() {
  const { t } = useTranslation();
  const tokens = useLocation().pathname === '/people/tokens';
  const may = useMayEverywhere('people');
  useTitle(t(tokens ? 'tokens.title' : 'people.users'));
  if (!may) {
    return (
      <Blank icon="auth_failed" title={t('error.forbidden')}>
        <p>{rightsText(t, 'people')}</p>
      </Blank>
    );
  }
  return (
    <div className="page people-page">
      <PeopleNav />
      {tokens ? <Tokens /> : <Users />}
    </div>
  );
}
