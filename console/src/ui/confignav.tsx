/* The pages that belong to channels, one beside the other; who may not change anything sees only those to look at. */
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useFollowInventory } from '../state/inventory';
import { useMayConfigure } from '../state/rights';
import { Icon } from './icons';

export function ConfigNav() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  useFollowInventory(may);
  return (
    <div className="subnav">
      <nav className="tabs" aria-label={t('config.label')}>
        <NavLink to="/channels" end data-testid="tab-channels">
          {t('nav.channels')}
        </NavLink>
        <NavLink to="/areas" data-testid="tab-areas">
          {t('config.areas')}
        </NavLink>
        {may && (
          <>
            <NavLink to="/credentials" data-testid="tab-credentials">
              {t('config.credentials')}
            </NavLink>
            <NavLink to="/import" data-testid="tab-import">
              {t('config.import')}
            </NavLink>
            <NavLink to="/changes" data-testid="tab-changes">
              {t('config.changes')}
            </NavLink>
          </>
        )}
      </nav>
      {may && (
        <NavLink to="/add-channel" className="button primary small" data-testid="add-channel">
          <Icon name="plus" />
          {t('config.add')}
        </NavLink>
      )}
    </div>
  );
}
