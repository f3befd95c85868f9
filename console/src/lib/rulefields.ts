/*
 * The keys of a rule that are typed in: which kinds know which, in what unit, and the way from a rule to texts and back.
 * An empty field is one that is not said: the gateway's own default holds. Whether a value is right the gateway says.
 */
import type { Rule, RuleKind } from '../api/rules';

export type Group = 'what' | 'when' | 'crowd' | 'way' | 'rate';
export interface RuleField {
  key: string;
  group: Group;
  unit: 'share' | 'seconds' | 'ms' | 'looks' | 'count' | 'degrees' | 'perSecond';
  /** Which kinds it means something to; without it: all. */
  kinds?: readonly RuleKind[];
  /** Seldom needed. */
  more?: boolean;
}

const MOVING: readonly RuleKind[] = ['presence', 'intrusion', 'line', 'loitering', 'crowd', 'wrong-way', 'count'];
const LASTING: readonly RuleKind[] = ['loitering', 'stopped', 'left-object', 'removed-object', 'absence'];

export const RULE_FIELDS: readonly RuleField[] = [
  { key: 'min_score', group: 'what', unit: 'share' },
  { key: 'keep_score', group: 'what', unit: 'share', more: true },
  { key: 'min_height', group: 'what', unit: 'share' },
  { key: 'max_height', group: 'what', unit: 'share', more: true },
  { key: 'min_area', group: 'what', unit: 'share', more: true },
  { key: 'max_area', group: 'what', unit: 'share', more: true },
  { key: 'dwell_s', group: 'when', unit: 'seconds', kinds: LASTING },
  { key: 'start_looks', group: 'when', unit: 'looks', more: true },
  { key: 'clear_ms', group: 'when', unit: 'ms' },
  { key: 'cooldown_s', group: 'when', unit: 'seconds' },
  { key: 'period_s', group: 'when', unit: 'seconds', kinds: ['count'] },
  { key: 'update_s', group: 'when', unit: 'seconds', more: true },
  { key: 'min_count', group: 'crowd', unit: 'count', kinds: ['crowd', 'absence'] },
  { key: 'min_density', group: 'crowd', unit: 'share', kinds: ['crowd'] },
  { key: 'rise', group: 'crowd', unit: 'count', kinds: ['crowd'] },
  { key: 'rise_s', group: 'crowd', unit: 'seconds', kinds: ['crowd'] },
  { key: 'heading_deg', group: 'way', unit: 'degrees', kinds: MOVING },
  { key: 'heading_within_deg', group: 'way', unit: 'degrees', kinds: MOVING, more: true },
  { key: 'in_view_s', group: 'rate', unit: 'seconds' },
  { key: 'looks_needed', group: 'rate', unit: 'looks' },
  { key: 'focus_hz', group: 'rate', unit: 'perSecond' },
];
export const GROUPS: readonly Group[] = ['what', 'way', 'crowd', 'when', 'rate'];
export const DIRECTIONS = ['any', 'forward', 'backward'] as const;
export const FOCUS_WHENS = ['seen', 'always'] as const;

export const takesLines = (kind: RuleKind): boolean => kind === 'line' || kind === 'count' || kind === 'wrong-way';
export const takesZones = (kind: RuleKind): boolean => kind !== 'line';
export const fieldsOf = (kind: RuleKind, group: Group): RuleField[] =>
  RULE_FIELDS.filter((f) => f.group === group && (f.kinds === undefined || f.kinds.includes(kind)));

export interface RuleForm {
  id: string;
  type: RuleKind;
  severity: string;
  enabled: boolean;
  /** All channels, those of tags and areas, or those that are named. */
  scope: 'all' | 'template' | 'named';
  channels: string[];
  tags: string[];
  areas: string[];
  except: string[];
  zones: string[];
  lines: string[];
  direction: string;
  labels: string[];
  timetable: string;
  focus_when: string;
  /** The typed keys. */
  typed: Record<string, string>;
}

export function blankForm(kind: RuleKind = 'intrusion'): RuleForm {
  return {
    id: '',
    type: kind,
    severity: 'medium',
    enabled: false,
    scope: 'named',
    channels: [],
    tags: [],
    areas: [],
    except: [],
    zones: [],
    lines: [],
    direction: 'any',
    labels: ['person'],
    timetable: '',
    focus_when: 'seen',
    typed: {},
  };
}

const textOf = (v: unknown): string => (typeof v === 'number' && Number.isFinite(v) ? String(Number(v.toPrecision(6))) : '');

export function formOf(rule: Rule): RuleForm {
  const all = rule.channels.includes('*');
  return {
    id: rule.id,
    type: rule.type,
    severity: rule.severity || 'medium',
    enabled: rule.enabled,
    scope: all ? 'all' : rule.tags.length + rule.areas.length > 0 ? 'template' : 'named',
    channels: rule.channels.filter((c) => c !== '*'),
    tags: [...rule.tags],
    areas: [...rule.areas],
    except: [...rule.except],
    zones: [...rule.zones],
    lines: [...rule.lines],
    direction: typeof rule.direction === 'string' ? rule.direction : 'any',
    labels: [...rule.labels],
    timetable: rule.timetable ?? '',
    focus_when: typeof rule.focus_when === 'string' ? rule.focus_when : 'seen',
    typed: Object.fromEntries(RULE_FIELDS.map((f) => [f.key, textOf(rule[f.key])])),
  };
}

/** What is typed, as a number; null where there is none, NaN where it is no number. */
export function numberOf(typed: string): number | null {
  const t = typed.trim().replace(',', '.');
  if (t === '') return null;
  return /^\d+(\.\d+)?$/.test(t) ? Number(t) : Number.NaN;
}

/** Keys whose text is no number. */
export function badKeys(form: RuleForm): string[] {
  return known(form).filter((f) => Number.isNaN(numberOf(form.typed[f.key] ?? '') ?? 0)).map((f) => f.key);
}

const known = (form: RuleForm): RuleField[] => GROUPS.flatMap((g) => fieldsOf(form.type, g));

/** All that the form says, as fields of a rule. What the kind does not know is not said. */
export function fieldsOfForm(form: RuleForm): Record<string, unknown> {
  const lines = takesLines(form.type) ? form.lines : [];
  const out: Record<string, unknown> = {
    type: form.type,
    severity: form.severity,
    enabled: form.enabled,
    channels: form.scope === 'all' ? ['*'] : form.channels,
    tags: form.scope === 'template' ? form.tags : [],
    areas: form.scope === 'template' ? form.areas : [],
    except: form.scope === 'named' ? [] : form.except,
    zones: takesZones(form.type) ? form.zones : [],
    lines,
    direction: lines.length > 0 ? form.direction : 'any',
    labels: form.labels,
    timetable: form.timetable === '' ? null : form.timetable,
    focus_when: form.focus_when,
  };
  const keys = new Set(known(form).map((f) => f.key));
  for (const f of RULE_FIELDS) out[f.key] = keys.has(f.key) ? numberOf(form.typed[f.key] ?? '') : null;
  return out;
}

/** What differs, for a change: a key that is emptied is put back to its default. */
export function changesOf(before: RuleForm, after: RuleForm): Record<string, unknown> {
  const [was, is] = [fieldsOfForm(before), fieldsOfForm(after)];
  return Object.fromEntries(Object.entries(is).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(was[k])));
}

/** For a new rule: what is said, and nothing else. */
export function newRule(form: RuleForm): Record<string, unknown> {
  const empty = (v: unknown): boolean => v === null || (Array.isArray(v) && v.length === 0);
  const fields = Object.fromEntries(Object.entries(fieldsOfForm(form)).filter(([k, v]) => !empty(v) && !(k === 'direction' && v === 'any') && !(k === 'focus_when' && v === 'seen')));
  return form.id.trim() === '' ? fields : { id: form.id.trim(), ...fields };
}

/** The key that a sentence of the gateway speaks of. */
export function keyIn(sentence: string): string | null {
  const names = ['id', 'channels', 'tags', 'areas', 'except', 'zones', 'lines', 'direction', 'labels', 'timetable', 'severity', ...RULE_FIELDS.map((f) => f.key)];
  const at = names
    .map((name) => ({ name, at: sentence.search(new RegExp(`(^|[ ,.;])${name}:`)) }))
    .filter((x) => x.at >= 0)
    .sort((a, b) => a.at - b.at);
  return at[0]?.name ?? null;
}
