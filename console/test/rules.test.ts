/* Rules: reading them, the form and the way back, and a timetable's week. */
import { describe, expect, it } from 'vitest';
import { readDryRun, readRuleDetail, readRules, readTimetables, readTraces, type Rule } from '../src/api/rules';
import { badKeys, blankForm, changesOf, fieldsOf, formOf, keyIn, newRule } from '../src/lib/rulefields';
import { readSpan, weekOf } from '../src/lib/week';

const json = (part: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: 'yard',
  type: 'loitering',
  channels: ['a', 'b'],
  tags: [],
  areas: [],
  except: [],
  for: [{ channel: 'a', min_score: 0.7 }],
  zones: ['z'],
  lines: [],
  labels: ['person'],
  timetable: null,
  min_score: 0.5,
  dwell_s: 60,
  focus_hz: null,
  severity: 'high',
  enabled: false,
  origin: 'inventory',
  rev: 4,
  chosen: 2,
  placed: 2,
  armed: 0,
  raised_24h: 0,
  looks: { needed: 4, in_view_s: 60, patrol: 30, got: 30, focus_hz: 0 },
  warning: null,
  ...part,
});
const rule = (part: Record<string, unknown> = {}): Rule => (readRules({ rules: [json(part)] }) ?? [])[0]?.rule as Rule;

describe('readers', () => {
  it('take anything and give what is sound', () => {
    for (const read of [readRules, readRuleDetail, readTimetables, readTraces, readDryRun]) {
      for (const v of [null, 1, 'x', [], {}, { rules: 1 }, { rules: [1, {}, { id: 'x', type: 'dance' }] }, { channels: [{}], events: [1] }]) expect(() => read(v)).not.toThrow();
    }
    expect(readRules({ rules: [json(), json({ type: 'dance' }), json({ id: '' })] })).toHaveLength(1);
    expect(readTraces({ looks: 1, paths: [], heat: { columns: 2, rows: 2, cells: [1, 2, 3] } })?.heat.cells).toEqual([]);
  });

  it('keep the keys of a rule that the form does not know', () => {
    expect(rule({ brand_new: 3 }).brand_new).toBe(3);
    expect(rule()).not.toHaveProperty('chosen');
  });
});

describe('the form', () => {
  it('says nothing where nothing was changed, and only what was', () => {
    const form = formOf(rule());
    expect(changesOf(form, form)).toEqual({});
    const after = { ...form, severity: 'low', typed: { ...form.typed, dwell_s: '', min_score: '0,6' } };
    expect(changesOf(form, after)).toEqual({ severity: 'low', dwell_s: null, min_score: 0.6 });
  });

  it('takes back what another kind does not know', () => {
    const form = formOf(rule());
    expect(changesOf(form, { ...form, type: 'presence' })).toEqual({ type: 'presence', dwell_s: null });
    const line = formOf(rule({ type: 'line', zones: [], lines: ['gate'], direction: 'forward', dwell_s: null }));
    expect(changesOf(line, { ...line, type: 'intrusion' })).toEqual({ type: 'intrusion', lines: [], direction: 'any' });
  });

  it('makes a new rule of what is said alone, armed nowhere', () => {
    const form = { ...blankForm('line'), channels: ['a'], lines: ['gate'] };
    expect(newRule(form)).toEqual({ type: 'line', severity: 'medium', enabled: false, channels: ['a'], lines: ['gate'], labels: ['person'] });
    expect(newRule({ ...form, scope: 'all' }).channels).toEqual(['*']);
  });

  it('shows each kind its own keys', () => {
    const keys = (kind: Parameters<typeof fieldsOf>[0]): string[] => fieldsOf(kind, 'when').map((f) => f.key);
    expect(keys('loitering')).toContain('dwell_s');
    expect(keys('line')).not.toContain('dwell_s');
    expect(fieldsOf('presence', 'crowd')).toEqual([]);
  });

  it('finds what is no number, and the key that a sentence speaks of', () => {
    const form = { ...blankForm(), typed: { min_score: 'much', cooldown_s: '60', dwell_s: 'x' } };
    expect(badKeys(form)).toEqual(['min_score']);
    expect(keyIn("rule 'x', keep_score: must be 0.01 to 0.5")).toBe('keep_score');
    expect(keyIn('focus_hz: the rule needs 10 looks')).toBe('focus_hz');
    expect(keyIn('nothing of it')).toBeNull();
  });
});

describe('a week', () => {
  it('reads days, ranges and nights', () => {
    expect(readSpan('mon-fri 18:00-08:00')).toEqual({ days: [0, 1, 2, 3, 4], from: 1080, to: 1920 });
    expect(readSpan('fri-mon 00:00-24:00')?.days).toEqual([0, 4, 5, 6]);
    expect(readSpan('8:00-8:00')).toEqual({ days: [0, 1, 2, 3, 4, 5, 6], from: 480, to: 1920 });
    for (const bad of ['mon-fri', 'monday 08:00-09:00', '08:00-24:01', '24:00-08:00', '', '+8:00-9:00']) expect(readSpan(bad), bad).toBeNull();
  });

  it('is drawn day by day, a night over two of them', () => {
    const { days, bad } = weekOf(['mon-fri 18:00-08:00', 'sat,sun 00:00-24:00', 'nonsense']);
    expect(bad).toEqual(['nonsense']);
    expect(days[0]).toEqual([{ from: 1080, to: 1440 }]);
    expect(days[1]).toEqual([{ from: 0, to: 480 }, { from: 1080, to: 1440 }]);
    expect(days[5]).toEqual([{ from: 0, to: 1440 }]);
  });
});
