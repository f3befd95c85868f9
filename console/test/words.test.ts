/* Times, numbers and foreign words as people read them. */
import i18next, { type TFunction } from 'i18next';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh-CN.json';
import { possibleActions, keyMay } from '../src/lib/actions';
import { priorityNote } from '../src/lib/historywords';
import { byPriority, isShown, stateFor, tally } from '../src/lib/queue';
import { loudest } from '../src/lib/sound';
import { ageText, momentText, siteDay } from '../src/lib/time';
import type { Words } from '../src/lib/hooks';
import { historyNote } from '../src/lib/historywords';
import { bytesText, decimal, ends, kindText, labelText, rateText } from '../src/lib/words';
import { alertJson, person } from './fixtures';

let t: TFunction;
let tz: TFunction;
beforeAll(async () => {
  await i18next.init({
    lng: 'en',
    resources: { en: { translation: en }, 'zh-CN': { translation: zh } },
    interpolation: { escapeValue: false },
  });
  t = i18next.getFixedT('en');
  tz = i18next.getFixedT('zh-CN');
});

describe('times', () => {
  it.each([
    [-5000, 'just now', '刚刚'],
    [999, 'just now', '刚刚'],
    [12_900, '12 s', '12 秒'],
    [60_000, '1 min', '1 分钟'],
    [2 * 3_600_000 + 5 * 60_000, '2 h 5 min', '2 小时 5 分'],
    [26 * 3_600_000, '1 d 2 h', '1 天 2 小时'],
    [30 * 86_400_000, '30 d', '30 天'],
    [Number.NaN, '–', '–'],
  ])('%d ms is %s', (ms, english, chinese) => {
    expect(ageText(t, ms)).toBe(english);
    expect(ageText(tz, ms)).toBe(chinese);
  });

  it('are told in the zone of the site', () => {
    const at = Date.UTC(2026, 10, 22, 20, 15, 30);
    expect(momentText('zh-CN', 'Asia/Shanghai', at, 'full')).toBe('2026/11/23 04:15:30');
    expect(momentText('en', 'UTC', at, 'time')).toBe('20:15:30');
    expect(momentText('en', 'Europe/Berlin', Date.UTC(2026, 10, 22, 23, 30), 'time')).toBe('00:30:00');
  });

  it('name the day where it is not today at the site, and the year where it is another', () => {
    const zone = 'Asia/Shanghai';
    const today = siteDay(zone, Date.UTC(2026, 10, 22, 16, 30));
    const at = (language: string, ms: number, style: 'time' | 'minute' | 'short' = 'time'): string => momentText(language, zone, ms, style, today);
    // 00:30 on the 23rd there; an hour before it was another day, though not in UTC.
    const [hourAgo, tonight, nextWeek, lastYear] = [Date.UTC(2026, 10, 22, 15, 30), Date.UTC(2026, 10, 23, 15, 0), Date.UTC(2026, 10, 29, 15, 0), Date.UTC(2025, 11, 31, 15, 0)];
    expect([hourAgo, tonight, nextWeek, lastYear].map((ms) => at('en', ms))).toEqual(['22/11, 23:30:00', '23:00:00', '29/11, 23:00:00', '31/12/2025, 23:00:00']);
    expect([hourAgo, tonight, nextWeek, lastYear].map((ms) => at('zh-CN', ms, 'minute'))).toEqual(['11/22 23:30', '23:00', '11/29 23:00', '2025/12/31 23:00']);
    expect(at('en', nextWeek, 'short')).toBe(momentText('en', zone, nextWeek, 'short'));
    expect(at('en', Number.NaN)).toBe('–');
  });

  it('say so when the zone is not known, and stand a broken time', () => {
    expect(momentText('en', 'Mars/Olympus', Date.UTC(2026, 0, 1), 'time')).toContain('UTC');
    expect(momentText('en', 'UTC', Number.NaN, 'full')).toBe('–');
  });
});

describe('words', () => {
  const alert = (part: Record<string, unknown>): Alert => readAlert(alertJson(part)) as Alert;
  it('name what is known and show what is not as it came', () => {
    expect(labelText(tz, 'person')).toBe('人');
    expect(labelText(tz, 'traffic light')).toBe('红绿灯');
    expect(labelText(tz, '<b>forklift</b>')).toBe('<b>forklift</b>');
    expect(labelText(tz, 'toString')).toBe('toString');
    expect(labelText(t, 'person.x')).toBe('person.x');
  });
  it('cut a name in its middle, so that its end tells it from its neighbours', () => {
    expect(ends('North gate (MJPEG, UDP)')).toEqual(['North gate ', '(MJPEG, UDP)']);
    expect(ends('东门 3 号（H.265）')).toEqual(['东门 3 号', '（H.265）']);
    expect(ends('Gate (which was built where nothing was before)')).toEqual(['Gate (which was built where nothing was bef', 'ore)']);
    expect(ends('abc')).toEqual(['', 'abc']);
    expect(ends('(x)')).toEqual(['', '(x)']);
  });
  it('say of a priority that was set which it was and which it is', () => {
    const note = (words: TFunction, text: string, action = 'priority'): string | null =>
      historyNote(words, {} as Words, { rev: 1, at: 0, author: 'ann', action, from: 'new', to: 'new', note: text });
    expect([note(t, 'medium -> critical'), note(tz, 'medium -> critical')]).toEqual(['Medium → Critical', '中 → 紧急']);
    expect([note(t, 'medium -> odd'), note(t, 'medium -> high', 'note')]).toEqual(['medium -> odd', 'medium -> high']);
  });
  it('name an alert by what is seen most', () => {
    const car = { ...person, label: 'car' };
    expect(kindText(tz, alert({ objects: [person, car, car] }))).toBe('目标出现：汽车');
    expect(kindText(t, alert({ objects: [] }))).toBe('Presence');
    expect(kindText(t, alert({ type: 'line_crossing' }))).toBe('line_crossing');
    const health = (part: object, subjects?: object) =>
      alert({ type: 'health', health: { scope: 'channel', name: null, what: 'down', state: null, reason: 'r', ...part }, subjects });
    expect(kindText(t, health({ state: 'auth_failed' }))).toBe('Login refused');
    expect(kindText(tz, health({ what: 'covered' }))).toBe('镜头被遮挡');
    expect(kindText(t, health({ what: 'of_later' }))).toBe('of_later');
    expect(kindText(t, health({ scope: 'host', name: '10.0.0.5' }, { count: 300, channels: [] }))).toBe(
      'Not running: 300 channels, 10.0.0.5',
    );
    expect(kindText(t, alert({ type: 'health' }))).toBe('Channel health');
  });
  it('write numbers short', () => {
    expect([decimal(2, 2), decimal(2.5, 2), decimal(0.493, 2), decimal(10, 0)]).toEqual(['2', '2.5', '0.49', '10']);
    expect(rateText(t, 0.0083)).toBe('0.008/s');
    expect(rateText(t, 0)).toBe('–');
    expect([bytesText(0), bytesText(1023), bytesText(1536), bytesText(5 * 1024 ** 3)]).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 GiB']);
  });
});

describe('actions', () => {
  it('by key are only what the gateway takes', () => {
    for (const state of ['new', 'acknowledged', 'dispatched', 'resolved', 'closed'] as const) {
      const alert = readAlert(alertJson({ state }));
      if (!alert) throw new Error('no alert');
      for (const action of ['acknowledge', 'dispatch', 'resolve'] as const) {
        expect(keyMay(action, alert)).toBe(possibleActions(state).includes(action));
      }
      expect(keyMay('shelve', alert)).toBe(state !== 'resolved' && state !== 'closed');
      const critical = readAlert(alertJson({ state, priority: 'critical' }));
      expect(critical && keyMay('shelve', critical)).toBe(false);
    }
    expect(possibleActions('closed')).toEqual([]);
  });
});

describe('the queue', () => {
  const one = (part: Record<string, unknown>) => {
    const alert = readAlert(alertJson(part));
    if (!alert) throw new Error('no alert');
    return alert;
  };
  it('is what the gateway shows, by priority', () => {
    const shelved = { by: 'li', reason: 'rain', at: '2026-11-22T08:00:00Z', until: '2026-11-22T09:00:00Z' };
    expect(isShown(one({}), 'rows')).toBe(true);
    expect(isShown(one({ showing: { how: 'under', because: 'flood', row: 'a2' } }), 'rows')).toBe(false);
    expect(isShown(one({ shelved }), 'rows')).toBe(false);
    expect(isShown(one({ shelved }), 'shelved')).toBe(true);
    const rows = [one({ id: 'a', priority: 'low' }), one({ id: 'b' }), one({ id: 'c', priority: 'critical' }), one({ id: 'd' })];
    expect(byPriority(rows).map((a) => a.id)).toEqual(['c', 'b', 'd', 'a']);
    expect(tally([...rows, one({ state: 'acknowledged' }), one({ state: 'closed' }), one({ shelved })], '', '')).toEqual({ waiting: 4, open: 5 });
  });
  it('is not emptied by a state that was chosen among all of them', () => {
    expect([stateFor('all', 'closed'), stateFor('open', 'closed'), stateFor('open', 'new'), stateFor('open', 'any')]).toEqual(['closed', 'any', 'new', 'any']);
  });
  it('sounds by the most urgent row that waits, and is silent once it is taken', () => {
    expect(loudest([one({ priority: 'low' }), one({}), one({ priority: 'critical', state: 'acknowledged' })], '')).toBe('high');
    expect(loudest([one({}), one({ priority: 'critical' })], '')).toBe('critical');
    expect(loudest([one({ showing: { how: 'held', because: 'weak' } }), one({ state: 'acknowledged' })], '')).toBeNull();
  });
});

describe('a change of priority', () => {
  it.each([
    ['low -> critical', 'Low → Critical', '低 → 紧急'],
    ['medium -> high: a -> b', 'Medium → High: a -> b', '中 → 高: a -> b'],
    ['low -> nowhere', 'low -> nowhere', 'low -> nowhere'],
    ['the wind', 'the wind', 'the wind'],
  ])('%s is %s', (note, english, chinese) => {
    expect(priorityNote(t, note)).toBe(english);
    expect(priorityNote(tz, note)).toBe(chinese);
  });
});
