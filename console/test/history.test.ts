/* The history page: its filter and the address, times of the site's clock, and what the gateway answers. */
import { describe, expect, it } from 'vitest';
import { readFound, readSummary } from '../src/api/history';
import { fieldShows, grain, historyFrom, historyQuery, historyTo, isPlain, moreSet, NO_FILTER, zonedMs, zonedText, type HistoryFilter } from '../src/lib/historyfilter';
import { alertJson } from './fixtures';

const NOW = Date.parse('2026-11-27T12:34:56Z');
const ZONE = 'Asia/Shanghai';
const back = (f: HistoryFilter): HistoryFilter => historyFrom(new URLSearchParams(historyTo(f).toString()));

describe('the filter and the address', () => {
  it('are the same thing', () => {
    const full: HistoryFilter = {
      text: '消防 gate & "x"', span: 'own', from: '2026-11-01T08:00', to: '2026-11-02T08:00', area: 'north', channel: 'ch-1', type: 'line', priority: 'critical', state: 'open', result: 'false', rule: 'night', owner: 'li', position: 'east', by: 'area',
    };
    expect(back(full)).toEqual(full);
    expect(back(NO_FILTER)).toEqual(NO_FILTER);
    expect(historyTo(NO_FILTER).toString()).toBe('');
    expect(isPlain({ ...NO_FILTER, by: 'area' })).toBe(true);
    expect(isPlain({ ...NO_FILTER, text: 'x' })).toBe(false);
    expect(moreSet(full)).toBe(4);
  });

  it('leaves out what cannot be', () => {
    const odd = historyFrom(new URLSearchParams('span=ever&state=gone&priority=9&result=&area=North!&channel=%22&from=yesterday&by=moon&q=' + 'x'.repeat(500)));
    expect({ ...odd, text: '' }).toEqual(NO_FILTER);
    expect(odd.text).toHaveLength(200);
  });

  it('leaves blanks to who is typing, and shows what came by another way', () => {
    expect(fieldShows('east ', 'east')).toBe('east ');
    expect(fieldShows('  ', '')).toBe('  ');
    expect(fieldShows('east g', 'north')).toBe('north');
    expect(fieldShows('east', '')).toBe('');
  });

  it('keeps an own span only while it is one', () => {
    expect(historyTo({ ...NO_FILTER, span: '24h', from: '2026-11-01T08:00' }).toString()).toBe('span=24h');
    expect(historyFrom(new URLSearchParams('from=2026-11-01T08:00')).span).toBe('own');
  });
});

describe('what is asked', () => {
  it('moves by whole minutes with the time', () => {
    expect(historyQuery({ ...NO_FILTER, span: '24h' }, ZONE, NOW)).toEqual({ from: '2026-11-26T12:34:00.000Z' });
    expect(historyQuery({ ...NO_FILTER, span: 'all', text: ' 消防 ' }, ZONE, NOW)).toEqual({ text: '消防' });
  });

  it('takes an own span by the site\'s clock, whatever the browser\'s is', () => {
    const own: HistoryFilter = { ...NO_FILTER, span: 'own', from: '2026-11-01T08:00', to: '', state: 'closed' };
    expect(historyQuery(own, ZONE, NOW)).toEqual({ from: '2026-11-01T00:00:00.000Z', state: 'closed' });
    // The night in which clocks go back, and the one in which they go on.
    expect(new Date(zonedMs('2026-10-25T12:00', 'Europe/Berlin')).toISOString()).toBe('2026-10-25T11:00:00.000Z');
    expect(new Date(zonedMs('2026-10-25T00:30', 'Europe/Berlin')).toISOString()).toBe('2026-10-24T22:30:00.000Z');
    expect(new Date(zonedMs('2026-03-29T03:30', 'Europe/Berlin')).toISOString()).toBe('2026-03-29T01:30:00.000Z');
    for (const zone of [ZONE, 'Asia/Kolkata', 'America/St_Johns', 'UTC', 'No/Zone']) expect(zonedMs(zonedText(NOW, zone), zone)).toBe(Math.floor(NOW / 60_000) * 60_000);
    expect(zonedMs('', ZONE)).toBeNaN();
  });

  it('counts by hour for up to three days', () => {
    expect(grain({ ...NO_FILTER, span: '24h' }, ZONE, NOW)).toBe('hour');
    expect(grain(NO_FILTER, ZONE, NOW)).toBe('day');
    expect(grain({ ...NO_FILTER, span: 'own', from: '2026-11-25T00:00', to: '2026-11-26T00:00' }, ZONE, NOW)).toBe('hour');
    expect(grain({ ...NO_FILTER, span: 'own', to: '2026-11-26T00:00' }, ZONE, NOW)).toBe('day');
  });
});

describe('what is answered', () => {
  it('is read as far as it can be', () => {
    const found = readFound({ alerts: [alertJson(), { id: 1 }, null], unreadable: ['a', 7], next: 7, filling: true });
    expect(found?.alerts).toHaveLength(1);
    expect([found?.next, found?.filling, found?.unreadable]).toEqual([7, true, ['a']]);
    expect(readFound({ alerts: [] })).toEqual({ alerts: [], unreadable: [], next: null, filling: false });
    expect(readFound({})).toBeNull();
    const summary = readSummary({ by: 'type', total: 9, groups: [{ key: 'line', count: 9 }, { key: 3, count: 1 }, { key: 'x', count: -4 }], more: true });
    expect(summary).toEqual({ total: 9, groups: [{ key: 'line', count: 9 }, { key: 'x', count: 0 }], more: true, filling: false });
    expect(readSummary([])).toBeNull();
  });
});
