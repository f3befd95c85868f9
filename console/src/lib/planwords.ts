/* What an import plan means: whether it may be applied, and which headings were mapped otherwise than guessed. Pure. */
import type { Plan } from '../api/inventory';

export const TABS = ['added', 'changed', 'removed', 'refused', 'areas'] as const;
export type Tab = (typeof TABS)[number];

export function tabCounts(plan: Plan): Record<Tab, number> {
  return {
    added: plan.added.length,
    changed: plan.changed.length,
    removed: plan.removed.length,
    refused: plan.refused.length,
    areas: plan.areasAdded.length,
  };
}

/** Where to look first: at what is wrong, else at what there is. */
export function firstTab(plan: Plan): Tab {
  const counts = tabCounts(plan);
  return counts.refused > 0 ? 'refused' : (TABS.find((t) => counts[t] > 0) ?? 'added');
}

/** Rows that were refused; one row may be refused for several reasons. */
export function refusedRows(plan: Plan): number {
  return new Set(plan.refused.map((r) => r.row)).size;
}

export type Obstacle = 'nothing' | 'refused' | null;
export function obstacle(plan: Plan, skipRefused: boolean): Obstacle {
  if (plan.refused.length > 0 && !skipRefused) return 'refused';
  const n = tabCounts(plan);
  return n.added + n.changed + n.removed + n.areas + plan.credentialsAdded.length === 0 ? 'nothing' : null;
}

/** Fields that a column may go to. The gateway refuses those that it does not know. */
export const FIELDS = {
  channels: [
    'id',
    'name',
    'external_id',
    'url',
    'main_url',
    'host',
    'port',
    'channel_no',
    'brand',
    'credential',
    'username',
    'password',
    'transport',
    'stream',
    'enabled',
    'weight',
    'area',
    'district',
    'street',
    'community',
    'grid',
    'micro_grid',
    'tags',
    'lat',
    'lon',
  ],
  areas: [
    'id',
    'name',
    'kind',
    'parent',
    'district',
    'street',
    'community',
    'grid',
    'micro_grid',
    ...[1, 2, 3].flatMap((n) => ['person', 'role', 'phone', 'email'].map((part) => `${part}_${n}`)),
    'lat',
    'lon',
  ],
} as const;

export function sizeProblem(bytes: number): boolean {
  return bytes > 32 * 1024 * 1024;
}
