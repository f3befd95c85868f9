/* Pages that belong together, one beside the other, and what can be added to them by those who may. */
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useFollowInventory } from '../state/inventory';
import { useMayConfigure } from '../state/rights';
import { Icon } from './icons';

interface Place {
  to: string;
  text: string;
  testid: string;
}

function SubNav({ label, tabs, add }: { label: string; tabs: readonly (Place & { end?: boolean; change?: boolean })[]; add: Place }) {
  const may = useMayConfigure();
  useFollowInventory(may);
  return (
    <div className="subnav">
      <nav className="tabs" aria-label={label}>
        {tabs
          .filter((tab) => may || !tab.change)
          .map(({ to, text, testid, end = false }) => (
            <NavLink key={to} to={to} end={end} data-testid={testid}>
              {text}
            </NavLink>
          ))}
      </nav>
      {may && (
        <NavLink to={add.to} className="button primary small" data-testid={add.testid}>
          <Icon name="plus" />
          {add.text}
        </NavLink>
      )}
    </div>
  );
}

/** Beside channels; who may not change anything sees only what is to be looked at. */
export function ConfigNav() {
  const { t } = useTranslation();
  return (
    <SubNav
      label={t('config.label')}
      tabs={[
        { to: '/channels', text: t('nav.channels'), testid: 'tab-channels', end: true },
        { to: '/areas', text: t('config.areas'), testid: 'tab-areas' },
        { to: '/credentials', text: t('config.credentials'), testid: 'tab-credentials', change: true },
        { to: '/import', text: t('config.import'), testid: 'tab-import', change: true },
        { to: '/changes', text: t('config.changes'), testid: 'tab-changes', change: true },
      ]}
      add={{ to: '/add-channel', text: t('config.add'), testid: 'add-channel' }}
    />
  );
}

export function RulesNav() {
  const { t } = useTranslation();
  return (
    <SubNav
      label={t('rules.pages')}
      tabs={[
        { to: '/rules', text: t('nav.rules'), testid: 'tab-rules' },
        { to: '/timetables', text: t('timetables.title'), testid: 'tab-timetables' },
      ]}
      add={{ to: '/add-rule', text: t('rules.add'), testid: 'rule-add' }}
    />
  );
}
