/* The box's page: what the answer becomes, which sentence stands on top, and that nothing foreign gets out of its text. */
import i18next from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { MemoryRouter } from 'react-router';
import { beforeAll, describe, expect, it } from 'vitest';
import { readBox, type Box } from '../src/api/box';
import en from '../src/i18n/en.json';
import { dropText, interval, percent, verdict } from '../src/lib/boxwords';
import { BoxBody } from '../src/pages/box';
import { pathOf } from '../src/ui/curve';

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
});

/** A box that is well, with some parts as told. */
function boxJson(part: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    at: '2026-11-22T08:15:30.123Z',
    uptime_s: 3600,
    load: { cores: 4, process_cores: 2.41, machine_busy: 0.63, workers: 4, workers_hanging: 0, workers_busy: 0.61, capacity_looks_per_s: 240, looks_per_s: 148.6, pending: 3 },
    tiers: [
      { tier: 'patrol', looks_per_s: 140, service_ms: 12.5 },
      { tier: 'catch_up', looks_per_s: 0.6, service_ms: null },
      { tier: 'focus', looks_per_s: 8, service_ms: 9 },
    ],
    watched: 312,
    looked_at: 312,
    look_interval_s: 2.1,
    stages: ['schedule', 'decode', 'infer', 'rule', 'outbox', 'publish'].map((stage, i) => ({
      stage,
      count: 100,
      age_p50_ms: 10 + 10 * i,
      age_p99_ms: 60 + 10 * i,
      service_ms: i,
    })),
    drops: [],
    channels: { running: 312 },
    activity: { quiet: 300, active: 12 },
    floors: { needed_per_s: 2, available_per_s: 200, stretch: 1, late: 0, silent: 0, latest: [] },
    focus: { in_use: 2, wanted: 2, share: 0.1, share_bound: 0.5 },
    budgets: [
      { name: 'outbox', used: 1024, bound: 1 << 30, unit: 'bytes' },
      { name: 'disk', used: 0.4, bound: 1, unit: 'ratio' },
      { name: 'files', used: 400, bound: 65536, unit: 'files' },
    ],
    broker: { kind: 'embedded', connected: true, inflight: 0, waiting: 0 },
    engine: { model: 'yolox-nano', provider: 'cpu', decoders: { h264: 'avdec_h264' } },
    degraded: [],
    history: { step_s: 5, patrol: [1, 2], focus: [0, 1], busy: [0.5, 0.6], age_p99_ms: [null, 60], dropped: [0, 0], cores: [1, 2] },
    ...part,
  };
}
const box = (part: Record<string, unknown> = {}): Box => readBox(boxJson(part)) as Box;
const page = (b: Box, stale = false): string =>
  renderToStaticMarkup(
    <MemoryRouter>
      <BoxBody box={b} stale={stale} />
    </MemoryRouter>,
  );

describe('the answer', () => {
  it('is read as it is', () => {
    const b = box();
    expect([b.load.looksPerS, b.intervalS, b.stages.length, b.tiers[1]?.serviceMs]).toEqual([148.6, 2.1, 6, null]);
    expect(b.engine.decoders).toEqual([['h264', 'avdec_h264']]);
    expect(b.history.ageP99).toEqual([null, 60]);
  });

  it.each([null, 7, 'x', [], {}, { load: null, stages: [] }, { load: {}, stages: 'x' }])('is nothing where it is %j', (v) => {
    expect(readBox(v)).toBeNull();
  });

  it('loses only its odd parts', () => {
    const b = box({
      load: { cores: -1, workers_busy: 'x', looks_per_s: Number.NaN },
      stages: [{ stage: 'teleport' }, null, { stage: 'infer', age_p99_ms: '9' }],
      budgets: [{ name: 'disk', unit: 'furlongs' }, { name: 'disk', unit: 'ratio', used: -5, bound: 0 }],
      floors: { latest: [{ channel: 7 }, { channel: 'c1' }], stretch: 0 },
      channels: { running: 1, melted: 9 },
      history: { patrol: new Array(5000).fill(1) },
      degraded: [7, '', 'x'.repeat(900)],
    });
    expect([b.load.cores, b.load.workersBusy, b.load.looksPerS]).toEqual([1, 0, 0]);
    expect(b.stages).toEqual([{ stage: 'infer', count: 0, ageP50: null, ageP99: null, serviceMs: null }]);
    expect(b.budgets).toEqual([{ name: 'disk', unit: 'ratio', used: 0, bound: 0 }]);
    expect([b.floors.latest.map((l) => l.name), b.floors.stretch]).toEqual([['c1'], 1]);
    expect(b.channels).toEqual({ running: 1 });
    expect([b.history.patrol.length, b.degraded.length, b.degraded[0]?.length]).toEqual([400, 1, 500]);
    expect(page(b)).toContain('box-verdict');
  });
});

describe('the sentence on top', () => {
  it('says that all is well, in numbers', () => {
    expect(verdict(box())).toEqual({ mood: 'good', points: [] });
    const html = page(box());
    expect(html).toContain('The box looks at 312 channels, each every 2.1 s on average; 61 % busy.');
    expect(html).toContain('Nothing is late, nothing is lost.');
  });

  it.each([
    ['bad', 'hanging', { load: { ...(boxJson().load as object), workers_hanging: 1 } }],
    ['bad', 'broker', { broker: { kind: 'external', connected: false } }],
    ['bad', 'disk', { budgets: [{ name: 'disk', used: 0.93, bound: 1, unit: 'ratio' }] }],
    ['bad', 'outbox', { budgets: [{ name: 'outbox', used: 95, bound: 100, unit: 'bytes' }] }],
    ['bad', 'files', { budgets: [{ name: 'files', used: 1000, bound: 1024, unit: 'files' }] }],
    ['bad', 'blind', { looked_at: 0, look_interval_s: null, load: { ...(boxJson().load as object), looks_per_s: 0 } }],
    ['busy', 'late', { floors: { late: 4, stretch: 1 } }],
    ['busy', 'late', { floors: { late: 0, stretch: 2.4 } }],
    ['busy', 'expired', { drops: [{ stage: 'schedule', reason: 'expired', last_minute: 2, total: 9 }] }],
    ['busy', 'old', { stages: [{ stage: 'infer', count: 9, age_p99_ms: 900 }] }],
    ['busy', 'crowded', { load: { ...(boxJson().load as object), machine_busy: 0.99, process_cores: 0.4 } }],
    ['busy', 'focus', { focus: { in_use: 1, wanted: 3 } }],
    ['busy', 'away', { channels: { running: 3, offline: 1 } }],
  ] as const)('is %s and says %s', (mood, point, part) => {
    const b = box(part as Record<string, unknown>);
    expect(verdict(b)).toEqual({ mood, points: [point] });
    expect(page(b)).toContain(`data-point="${point}"`);
  });

  it('holds back while the box starts, and says when it is old', () => {
    const young = box({ uptime_s: 5, broker: {}, looked_at: 0, look_interval_s: null });
    expect(verdict(young).mood).toBe('good');
    expect(page(young)).toContain('has just started');
    expect(page(box(), true)).toContain('data-mood="bad"');
    // What the node reports counts, too: the page of the system says the same.
    expect(verdict(box({ degraded: ['the flux is off'] })).mood).toBe('busy');
  });

  it('does not call what is over, or switched off, a fault', () => {
    const b = box({ drops: [{ stage: 'schedule', reason: 'expired', last_minute: 0, total: 9 }], channels: { running: 1, disabled: 5 } });
    expect(verdict(b).points).toEqual([]);
  });
});

describe('drops', () => {
  const t = i18next.t.bind(i18next);
  it('have a word and an advice each', () => {
    for (const key of Object.keys(en.box.drop)) expect(Object.keys(en.box.advice), key).toContain(key);
    const known = dropText(t, { stage: 'schedule', reason: 'expired' });
    expect(known).toEqual({ why: en.box.drop.schedule_expired, advice: en.box.advice.schedule_expired, known: true });
    expect(dropText(t, { stage: 'decode', reason: 'toString' }).why).toBe(en.box.drop.decode);
    expect(dropText(t, { stage: '__proto__', reason: 'x' }).why).toBe(en.box.drop.other);
  });
});

describe('what comes from outside', () => {
  it.each(['<img src=x onerror=alert(1)>', '{{constructor}}', '$t(app.tagline)'])('%j stays text', (text) => {
    const html = page(
      box({
        drops: [{ stage: text, reason: text, last_minute: 1, total: 1 }],
        floors: { late: 1, latest: [{ channel: text, name: text, age_s: 9, floor_s: 3, stretched_s: 3 }] },
        engine: { model: text, provider: text, decoders: { [text]: text } },
        degraded: [text],
      }),
    );
    expect(html).not.toMatch(/<img|<script/i);
    if (text.includes('$t')) expect(html).not.toContain(en.app.tagline);
  });
});

describe('numbers', () => {
  it('are short', () => {
    const t = i18next.t.bind(i18next);
    expect([interval(t, 2.14), interval(t, 45), interval(t, 130), interval(t, 3000)]).toEqual(['2.1 s', '45 s', '2.2 min', '50 min']);
    expect([percent(0), percent(0.004), percent(0.61), percent(1)]).toEqual(['0 %', '<1 %', '61 %', '100 %']);
  });

  it('make a line with gaps where nothing was measured', () => {
    const path = pathOf([1, null, 2, 3], 4, 3, false);
    expect(path.match(/M/g)).toHaveLength(2);
    expect(pathOf([], 10, 1, true)).toBe('');
    expect(pathOf([null, null], 10, 1, true)).toBe('');
    expect(pathOf([5], 10, 1, false)).not.toContain('NaN');
    // The newest point stands at the right edge, however few there are.
    expect(pathOf([1, 1], 60, 1, false)).toMatch(/L240\.0/);
  });
});
