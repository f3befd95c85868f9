/* The small map of an alert, which comes by itself after the alert and is never waited for. */
import { useSyncExternalStore } from 'react';
import type { Alert } from '../../api/types';
import { Loader } from '../../lib/chunk';

const loader = new Loader(() => import('./minimap'));

export function AlertPlace({ alert }: { alert: Alert }) {
  const chunk = useSyncExternalStore(loader.subscribe, loader.now, loader.now);
  if (chunk.state !== 'there') return null;
  const MiniMap = chunk.part.default;
  return <MiniMap alert={alert} />;
}
