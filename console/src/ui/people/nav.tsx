/* The pages about people, one beside the other. */
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';

export function PeopleNav() {
  const { t } = useTranslation();
  return (
    <div className="subnav">
      <nav className="tabs" aria-label={t('people.pages')}>
        <NavLink to="/people" end data-testid="tab-users">
          {t('people.users')}
        </NavLink>
        <NavLink to="/people/tokens" data-testid="tab-tokens">
          {t('tokens.title')}
        </NavLink>
        <NavLink to="/audit" data-testid="tab-audit">
          {t('audit.title')}
        </NavLink>
      </nav>
    </div>
  );
}
