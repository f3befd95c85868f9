/* Foreign JSON: what is right is read, what is wrong is refused, and nothing throws. */
import { describe, expect, it } from 'vitest';
import { readChannel, readHealth } from '../src/api/channel';
import { readChangePage, readError, readNodeInfo, readSession } from '../src/api/gateway';
import { readAlert, readAlertDetail, readAlertPage, readBox, readEvent } from '../src/api/types';
import { decode, understand } from '../src/feed/message';
import { alertJson, eventJson, healthJson, mediaJson, person } from './fixtures';

const NASTY: unknown[] = [
  null,
  undefined,
  0,
  Number.NaN,
  '',
  'x',
  [],
  [[]],
  {},
  { id: {} },
  { id: '' },
  { id: 'x'.repeat(65) },
  { __proto__: null },
  { state: ['new'] },
  true,
];

describe('readers', () => {
  it('read what the gateway sends', () => {
    const alert = readAlert(alertJson({ cursor: 7, rev: 3 }));
    expect(alert).toMatchObject({ id: 'a1', cursor: 7, rev: 3, channelName: 'East gate', state: 'new', severity: 'high' });
    expect(alert?.opened).toBe(Date.UTC(2026, 10, 22, 8, 15, 30, 123));
    expect(readEvent(eventJson())).toMatchObject({ id: 'e1', phase: 'start', clock: 'camera', skewMs: -12, alert: 'a1' });
    expect(readHealth(healthJson())).toMatchObject({ channel: 'cam-1', state: 'running', kbitS: 512, boot: 'b', uptimeMs: 60_000 });
  });

  it('never throw and never pass nonsense', () => {
    for (const read of [readAlert, readEvent, readHealth, readChannel, readSession, readNodeInfo, readAlertPage, readChangePage]) {
      for (const v of NASTY) expect(read(v)).toBeNull();
    }
    for (const v of NASTY) expect(readError(v).kind).toBe('unknown');
  });

  it('survive each field of an alert being anything', () => {
    for (const key of Object.keys(alertJson())) {
      for (const v of NASTY) {
        const alert = readAlert(alertJson({ [key]: v }));
        if (alert === null) continue;
        expect(typeof alert.channelName).toBe('string');
        expect(typeof alert.rev).toBe('number');
        expect(Array.isArray(alert.objects)).toBe(true);
      }
    }
  });

  it('refuse a state that does not exist, but not a severity', () => {
    expect(readAlert(alertJson({ state: 'toString' }))).toBeNull();
    expect(readAlert(alertJson({ severity: 'constructor' }))?.severity).toBe('medium');
  });

  it('cut texts and lists to a bounded length', () => {
    const alert = readAlert(alertJson({ channel_name: 'x'.repeat(100_000), objects: Array.from({ length: 9000 }, () => person) }));
    expect(alert?.channelName.length).toBeLessThanOrEqual(120);
    expect(alert?.objects.length).toBeLessThanOrEqual(200);
  });

  it('keep every line of the longest history that a gateway sends, and no more', () => {
    const lines = (n: number) => Array.from({ length: n }, (_, i) => ({ rev: i + 1, at: '2026-11-22T08:00:00Z', author: 'li', action: 'note', from: 'new', to: 'new', note: `n${i}` }));
    const read = (n: number) => readAlertDetail({ alert: alertJson(), history: lines(n), events: [] })?.history;
    expect([read(300)?.length, read(300)?.at(-1)?.note]).toEqual([300, 'n299']);
    expect([read(500)?.length, read(500)?.at(-1)?.note, read(9000)?.length]).toEqual([500, 'n499', 500]);
  });

  it('ask for pictures of the gateway only', () => {
    const url = (u: unknown) => readAlert(alertJson({ media: [mediaJson('aa', u as string)] }))?.media.length;
    expect(url('/api/v1/events/01a2/snapshot')).toBe(1);
    for (const bad of [
      'https://elsewhere.example/x.jpg',
      '//elsewhere.example/x.jpg',
      'javascript:alert(1)',
      'data:image/png;base64,AAAA',
      '/api/v1/../../logout',
      '/api/v1/events/%2e%2e/x',
      '/logout',
      5,
    ]) {
      expect(url(bad), String(bad)).toBe(0);
    }
  });

  it('clip boxes to the picture and drop those outside', () => {
    expect(readBox({ x: -0.5, y: 0.5, w: 1, h: 1 })).toEqual({ x: 0, y: 0.5, w: 0.5, h: 0.5 });
    expect(readBox({ x: 1.2, y: 0, w: 0.1, h: 0.1 })).toBeNull();
    expect(readBox({ x: 0, y: 0, w: 0, h: 1 })).toBeNull();
    expect(readBox({ x: Number.NaN, y: 0, w: 1, h: 1 })).toBeNull();
    expect(readBox({ x: '0', y: 0, w: 1, h: 1 })).toBeNull();
  });

  it('take the boxes of a picture from the picture alone', () => {
    const [media] = readAlert(alertJson({ objects: [person, person], media: [mediaJson()] }))?.media ?? [];
    expect(media?.objects.map((o) => o.track)).toEqual([person.track]);
    for (const objects of [undefined, null, 'x', [{ bbox: 1 }]]) {
      expect(readAlert(alertJson({ media: [{ ...mediaJson(), objects }] }))?.media[0]?.objects).toEqual([]);
    }
  });

  it('leave out zones that are no polygon', () => {
    const zones = [
      { id: 'ok', name: 'Gate', polygon: [[0, 0], [1, 0], [1, 1.01]] },
      { id: 'line', name: 'x', polygon: [[0, 0], [1, 0]] },
      { id: 'odd', name: 'x', polygon: 'M0 0' },
    ];
    const channel = readChannel({ id: 'c', name: 'C', health: healthJson(), zones });
    expect(channel?.zones).toEqual([{ id: 'ok', name: 'Gate', polygon: [[0, 0], [1, 0], [1, 1]] }]);
  });
});

describe('messages', () => {
  it('are told apart by topic', () => {
    const what = (topic: string, payload: unknown) => understand('demo', topic, payload)?.what ?? null;
    expect(what('skyeye/v1/demo/alert/a1', alertJson())).toBe('alert');
    expect(what('skyeye/v1/demo/channel/cam-1/event/presence', eventJson())).toBe('event');
    expect(what('skyeye/v1/demo/channel/cam-1/health', healthJson())).toBe('health');
    expect(what('skyeye/v1/demo/node/n/status', { node: 'n', site: 'demo', status: 'online' })).toBe('node');
    expect(what('skyeye/v1/demo/result/admin/lost', { lost: 4 })).toBe('lost');
    expect(what('skyeye/v1/demo/result/admin/req-1', { ok: true })).toBeNull();
    expect(what('skyeye/v2/demo/alert/a1', alertJson())).toBeNull();
    expect(what('skyeye/v1/demo/channel/cam-2/health', healthJson())).toBeNull();
    expect(what('', null)).toBeNull();
    for (const v of NASTY) expect(what('skyeye/v1/demo/result/admin/lost', v) ?? 'lost').toBe('lost');
  });

  it('that are empty, no JSON or too long are nothing', () => {
    expect(decode(new Uint8Array())).toBeNull();
    expect(decode(new Uint8Array([0xff, 0xfe, 0x7b]))).toBeNull();
    expect(decode(new Uint8Array(2 << 20))).toBeNull();
  });
});
