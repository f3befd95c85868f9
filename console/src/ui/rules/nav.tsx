/* The pages that belong to rules, one beside the other. */
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useFollowInventory } from '../../state/inventory';
import { useMayConfigure } from '../../state/rights';
import { Icon } from '../icons';

export function RulesNav() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  useFollowInventory(may);
  return (
    <div className="subnav">
      <nav className="tabs" aria-label={t('rules.pages')}>
        <NavLink to="/rules" data-testid="tab-rules">
          {t('nav.rules')}
        </NavLink>
        <NavLink to="/timetables" data-testid="tab-timetables">
          {t('timetables.title')}
        </NavLink>
      </nav>
      {may && (
        <NavLink to="/add-rule" className="button primary small" data-testid="rule-add">
          <Icon name="plus" />
          {t('rules.add')}
        </NavLink>
      )}
    </div>
  );
}
