/* A page whose script comes when it is first opened; while the gateway is away it says so and waits. */
import { useSyncExternalStore, type ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import { Loader } from '../lib/chunk';
import { Blank, Loading } from './parts';

export function later(load: () => Promise<{ default: ComponentType }>): ComponentType {
  const loader = new Loader(load);
  return function Later() {
    const chunk = useSyncExternalStore(loader.subscribe, loader.now, loader.now);
    if (chunk.state === 'away') return <Away again={() => void loader.again()} />;
    if (chunk.state === 'waiting') return <Wait />;
    const Page = chunk.part.default;
    return <Page />;
  };
}

function Wait() {
  const { t } = useTranslation();
  return <Loading text={t('app.loading')} />;
}

function Away({ again }: { again: () => void }) {
  const { t } = useTranslation();
  return (
    <div data-testid="page-away" role="status">
      <Blank icon="offline" title={t('error.network')}>
        <p>{t('error.pageWaits')}</p>
        <button type="button" className="button" data-testid="page-again" onClick={again}>
          {t('error.retry')}
        </button>
      </Blank>
    </div>
  );
}
