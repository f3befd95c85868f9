/*
 * Where a rule is armed. It is switched on or off as a whole, and for single channels otherwise by an exception: so it is
 * armed for a few first, compared, widened, or taken back, without touching what else it says. Pure.
 */
import type { Rule, RuleException } from '../api/rules';

export interface Arming {
  enabled: boolean;
  for: RuleException[];
}

/** Whether the rule is switched on for a channel that it is for. */
export function armedFor(rule: Pick<Rule, 'enabled' | 'for'>, channel: string): boolean {
  const own = rule.for.find((e) => e.channel === channel)?.enabled;
  return typeof own === 'boolean' ? own : rule.enabled;
}

const bare = (e: RuleException): boolean => Object.keys(e).length === 1;
function without(e: RuleException): RuleException {
  const { enabled: _, ...rest } = e;
  return rest as RuleException;
}

/** These channels armed or not; all others as they are. */
export function arm(rule: Pick<Rule, 'enabled' | 'for'>, channels: readonly string[], on: boolean): Arming {
  const ids = new Set(channels);
  const known = new Set(rule.for.map((e) => e.channel));
  const needed = rule.enabled !== on;
  const changed = rule.for.map((e) => (ids.has(e.channel) ? (needed ? { ...e, enabled: on } : without(e)) : e));
  const fresh = needed ? [...ids].filter((id) => !known.has(id)).map((channel) => ({ channel, enabled: on })) : [];
  return { enabled: rule.enabled, for: [...changed, ...fresh].filter((e) => !bare(e)) };
}

/** All channels that it is for, also those that will come. */
export function armAll(rule: Pick<Rule, 'enabled' | 'for'>, on: boolean): Arming {
  return { enabled: on, for: rule.for.map(without).filter((e) => !bare(e)) };
}
