/* Numbers and handovers: what the answers become, what is said of a figure, and that nothing foreign gets out of its text. */
import i18next, { type TFunction } from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { MemoryRouter } from 'react-router';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHandover, readHandoverLine, readHandoverNow, readHandoverPage } from '../src/api/handover';
import { readNumbers, readPositions, type Numbers } from '../src/api/numbers';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh-CN.json';
import { becauseText, FIGURES, figureOf, figureText, grouped, overall, shareText, targetText } from '../src/lib/numberwords';
import { windowText } from '../src/lib/words';
import { NumbersBody } from '../src/pages/numbers';
import { HandoverPaper } from '../src/ui/handoverpaper';
import { handoverApi, numbers as made, POSITIONS } from './double/shifts.mjs';

let t: TFunction;
beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en }, 'zh-CN': { translation: zh } }, interpolation: { escapeValue: false } });
  t = i18next.getFixedT('en');
});

const FROM = Date.parse('2026-11-22T08:00:00Z');
const CHANNELS = [{ id: 'gate', name: 'Gate' }, { id: 'yard', name: 'Yard' }];
const json = (hours = 8): Record<string, any> => made(CHANNELS, 'north-desk', FROM, FROM + hours * 3_600_000);
const numbers = (part: Record<string, unknown> = {}): Numbers => readNumbers({ ...json(), ...part }) as Numbers;

class Refusal extends Error {
  constructor(readonly status: number, readonly kind: string, message: string) {
    super(message);
  }
}

describe('numbers', () => {
  it('are read as they are', () => {
    const n = numbers();
    expect([n.from, n.to - n.from, n.windows.rows.length, n.windows.seconds]).toEqual([FROM, 8 * 3_600_000, 48, 600]);
    expect(n.rows).toBe(n.windows.rows.reduce((a, b) => a + b, 0));
    expect(n.top.sources[0]).toMatchObject({ channel: 'gate', channelName: 'Gate', rule: 'people', kind: 'presence' });
    expect(n.priorities.map((p) => p.priority)).toEqual(['low', 'medium', 'high', 'critical']);
    expect(n.times.acknowledge).toEqual({ rows: n.rows - 4, p50: 48_000, p90: 260_000, max: 3_900_000 });
    expect(n.wrong.rules[0]).toEqual({ rule: 'people', rows: 60, judged: 41, wrong: 19, nuisance: 3 });
    expect(n.aside).toMatchObject({ held: 3, under: 46, brief: 188, heldBack: 1204 });
    expect(n.stale.rows[0]).toMatchObject({ state: 'new', priority: 'low', owner: null });
  });

  it.each([null, 7, 'x', [], {}, { ...json(), rows_per_hour: null }, { ...json(), windows: [] }, { ...json(), top: { share: { value: 'x' } } }])('are nothing where an answer is no answer (%#)', (v) => {
    expect(readNumbers(v)).toBeNull();
  });

  it('lose only their odd parts', () => {
    const n = numbers({
      chosen: 'tomorrow',
      positions: -2,
      rows_per_hour: { value: 7, verdict: 'splendid' },
      stale: { count: { value: 1, verdict: 'good' }, rows: [null, { id: 'a' }, { id: 'a', channel: 'c', rule: 'r', state: 'flying', priority: 'low' }] },
      chattering: { count: { value: 0, verdict: 'good' }, sources: [{ channel: 7 }] },
      priorities: [{ priority: 'purple', share: {} }],
    });
    expect([n.chosen, n.positions, n.perHour.verdict]).toEqual(['asked', 1, 'few']);
    expect([n.stale.rows, n.chattering.sources, n.priorities]).toEqual([[], [], []]);
  });

  it('are bounded however much comes', () => {
    const n = numbers({ windows: { ...json().windows, rows: Array(9000).fill(1) } });
    expect(n.windows.rows.length).toBe(4464);
  });

  it('say how long the window of a flood is, also where nothing was said of it', () => {
    const { seconds: _, together: __, ...before } = json().windows;
    const frozen = numbers({ windows: { ...before, minutes: 10 } });
    expect([frozen.windows.seconds, frozen.windows.together]).toEqual([600, 1]);
    const short = numbers({ windows: { ...json().windows, seconds: 45, together: 8 } });
    for (const [language, named] of [
      ['en', ['Most in 10 minutes', 'Most in 45 seconds']],
      ['zh-CN', ['10 分钟内最多', '45 秒内最多']],
    ] as const) {
      const t = i18next.getFixedT(language);
      expect([frozen, short].map((n) => figureText(t, n, 'largest'))).toEqual(named);
    }
    expect(windowText(i18next.getFixedT('en'), 60)).toBe('1 minute');
  });

  it('say what is wrong first', () => {
    const good = { value: 0, target: 1, limit: 2, least: false, verdict: 'good' };
    const all = (verdict: string): Record<string, unknown> => {
      const f = { ...good, verdict };
      const j = json();
      return { ...j, rows_per_hour: f, windows: { ...j.windows, largest: f, flooded: f }, stale: { count: f, rows: [] }, chattering: { count: f, sources: [] }, top: { share: f, sources: [] }, times: { ...j.times, in_time_share: f }, false: { ...j.false, share: f } };
    };
    expect(overall(readNumbers(all('good')) as Numbers)).toEqual({ verdict: 'good', bad: [], watch: [] });
    expect(overall(readNumbers(all('few')) as Numbers).verdict).toBe('few');
    const mixed = readNumbers({ ...all('good'), rows_per_hour: { ...good, verdict: 'bad' }, stale: { count: { ...good, verdict: 'watch' }, rows: [] } }) as Numbers;
    expect(overall(mixed)).toEqual({ verdict: 'bad', bad: ['perHour'], watch: ['stale'] });
  });

  it('are told with their target, small shares finer', () => {
    expect([0, 0.004, 0.05, 0.123, 1].map(shareText)).toEqual(['0\u00a0%', '0.4\u00a0%', '5\u00a0%', '12\u00a0%', '100\u00a0%']);
    const n = numbers();
    expect(targetText(t, 'perHour', n.perHour)).toBe('Target at most 6, manageable up to 12');
    expect(targetText(t, 'inTime', n.times.inTimeShare)).toBe('Target at least 95\u00a0%, manageable from 80\u00a0%');
    expect([becauseText(t, 'flood'), becauseText(t, 'moonshine'), becauseText(t, null)]).toEqual(['Collapsed: flood', 'moonshine', null]);
  });

  it('draw a month in as many bars as a day, and lose no flood by it', () => {
    expect(grouped([1, 2, 3], 144)).toEqual({ bars: [1, 2, 3], each: 1 });
    const month = Array.from({ length: 4464 }, (_, i) => (i === 4000 ? 99 : 0));
    const { bars, each } = grouped(month, 144);
    expect([bars.length <= 144, Math.max(...bars), each]).toEqual([true, 99, 31]);
    expect(grouped([], 144)).toEqual({ bars: [], each: 1 });
  });

  it('are all on the page with their verdict in words', () => {
    const html = show(<NumbersBody numbers={numbers()} />);
    for (const name of FIGURES) expect(html).toContain(`data-testid="figure-${name}"`);
    const words = FIGURES.map((name) => figureOf(numbers(), name).verdict);
    expect(html.match(/figure-tile v-(\w+)/g)?.map((x) => x.slice(14))).toEqual(words);
    expect(html).toContain('Over the limit');
    expect(html).toContain('Bad actors');
  });

  it('of hostile names stay text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const j = json();
    j.top.sources[0].channel_name = evil;
    const html = show(<NumbersBody numbers={readNumbers(j) as Numbers} />);
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img');
  });
});

describe('positions', () => {
  it('have a name, the id where there is none', () => {
    expect(readPositions({ positions: POSITIONS })?.map((p) => p.whole)).toEqual([true, true, false]);
    expect(readPositions({ positions: [{ id: 'desk', name: '', whole: true }, { id: '' }, 4] })).toEqual([{ id: 'desk', name: 'desk', whole: true }]);
    expect(readPositions([])).toBeNull();
  });
});

function show(page: React.ReactElement): string {
  return renderToStaticMarkup(
    <QueryClientProvider client={new QueryClient()}>
      <MemoryRouter>{page}</MemoryRouter>
    </QueryClientProvider>,
  );
}

describe('handovers', () => {
  const desk = handoverApi({ channels: CHANNELS }, Refusal, 'ann') as Record<string, (...args: unknown[]) => any>;

  it('are read as they are', () => {
    const now = readHandoverNow(desk.now?.('north-desk'));
    expect([now?.open, now?.shelved, now?.rows.length, now?.draft]).toEqual([9, 2, 9, null]);
    expect(now?.offered).toMatchObject({ id: 3, state: 'offered', outgoing: 'zhao.min', incoming: null });
    expect(now?.rows[0]).toMatchObject({ priority: 'critical', owner: null, dispatchedTo: null });
    expect(now?.rows[8]?.shelved?.by).toBe('wang.wei');
    const page = readHandoverPage(desk.list?.(null));
    expect(page?.handovers.map((h) => h.id)).toEqual([3, 2, 1]);
    const one = readHandover(desk.get?.(1));
    expect([one?.incoming, one?.numbers?.position]).toEqual(['wang.wei', 'north-desk']);
  });

  it.each([null, 7, [], {}, { id: '1', position: 'p', state: 'offered', outgoing: 'a' }, { id: 1, position: 'p', state: 'lost', outgoing: 'a' }])('are nothing where an answer is no answer (%#)', (v) => {
    expect(readHandoverLine(v)).toBeNull();
    expect(readHandover(v)).toBeNull();
  });

  it('whose numbers are not read any more keep the rest', () => {
    const one = readHandover({ ...desk.get?.(1), numbers: { from: 'then' }, rows: [null, { id: 'x' }] });
    expect([one?.numbers, one?.rows, one?.outgoing]).toEqual([null, [], 'li.na']);
    const html = show(<HandoverPaper of={one!} positionName="North" />);
    expect(html).toContain('cannot be read any more');
  });

  it('show who signed, what was left, and keep foreign text text', () => {
    const evil = '<script>alert(1)</script>';
    const html = show(<HandoverPaper of={readHandover({ ...desk.get?.(1), notes: evil, remark: evil })!} positionName="North" />);
    expect(html).toContain('li.na');
    expect(html).toContain('wang.wei');
    expect(html).toContain('7 open alerts');
    expect(html).toContain('2 shelved');
    expect(html).not.toContain('<script>');
  });

  it('say once why something was put aside', () => {
    const whole = desk.get?.(1);
    const row = whole.rows[8];
    const paper = (text: string): string => show(<HandoverPaper of={readHandover({ ...whole, rows: [{ ...row, note: { ...whole.rows[0].note, text } }] })!} positionName="North" />);
    expect(paper(row.shelved.reason).split(row.shelved.reason)).toHaveLength(2);
    expect(paper('the gate is open')).toContain('the gate is open');
  });

  it('say how many there are of all, and how many of each are not listed', () => {
    const whole = desk.get?.(1);
    const paper = (part: Record<string, unknown>): string => show(<HandoverPaper of={readHandover({ ...whole, ...part })!} positionName="North" />);
    const many = paper({ open: 320, shelved: 12 });
    for (const said of ['308 open alerts', '301 more are not listed.', '12 shelved', '10 more are not listed.']) expect(many).toContain(said);
    // None of what is on a shelf is among those that are listed: no table without rows.
    const none = paper({ open: 320, shelved: 12, rows: whole.rows.slice(0, 7) });
    for (const said of ['308 open alerts', '12 shelved', '12 more are not listed.']) expect(none).toContain(said);
    expect(none.match(/class="figures handover-rows"/g)).toHaveLength(1);
    const all = paper({});
    expect([all.includes('not listed'), all.includes('7 open alerts'), all.includes('2 shelved')]).toEqual([false, true, true]);
    expect(paper({ open: 0, shelved: 0, rows: [] })).toContain('Nothing is shelved.');
  });
});
