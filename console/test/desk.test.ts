/* The pure parts of the desk: what a flooded queue shows, which pictures are chosen, who stands near, ticks, people. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPosition, readPositions, readProcedures } from '../src/api/desk';
import type { Channel } from '../src/api/channel';
import type { Area } from '../src/api/inventory';
import { readAlert, readEvent, type Alert, type HistoryEntry } from '../src/api/types';
import { choosePictures } from '../src/lib/alertpictures';
import { collapse, indexNear, plainLines } from '../src/lib/collapse';
import { metresBetween, neighbours } from '../src/lib/neighbours';
import { matching, peopleOf } from '../src/lib/people';
import { readTick, ticksOf, tickNote } from '../src/lib/procedure';
import { isBefore } from '../src/lib/queue';
import { happenings } from '../src/state/merge';
import { alertJson, eventJson, mediaJson, person } from './fixtures';

function row(id: string, part: Record<string, unknown> = {}): Alert {
  const alert = readAlert(alertJson({ id, priority: 'medium', position: 'east', area: ['d', id], ...part }));
  if (!alert) throw new Error(`no alert: ${id}`);
  return alert;
}
const all = (): boolean => true;
const NONE = new Set<string>();
const shape = (rows: readonly Alert[], flooded = all, opened: ReadonlySet<string> = NONE, chosen: string | null = null): string[] =>
  collapse(rows, flooded, opened, chosen).map((l) => `${l.under ? '  ' : ''}${l.alert.id}${l.behind.length > 0 ? ` +${l.behind.length} ${l.by}${l.open ? ' open' : ''}` : ''}`);

describe('a flooded queue', () => {
  const rows = [
    row('a', { priority: 'critical', incident: 'i' }),
    row('b', { incident: 'i', area: ['d', 's'] }),
    row('c', { incident: 'i' }),
    row('d', { area: ['d', 's'], recorder: 'r' }),
    row('e', { area: ['d', 's'] }),
    row('f', { recorder: 'r' }),
    row('g', { recorder: 'r' }),
    row('h'),
  ];

  it('stands behind the first of an incident, then of an area, then of a recorder; what is critical apart', () => {
    expect(shape(rows)).toEqual(['a', 'b +1 incident', 'd +1 area', 'f +1 recorder', 'h']);
  });

  it('loses nothing: every row is a line or stands behind one, once', () => {
    const seen = collapse(rows, all, NONE, null).flatMap((l) => [l.alert.id, ...l.behind.map((a) => a.id)]);
    expect(seen.sort()).toEqual(rows.map((a) => a.id));
  });

  it('is opened by a person, and by what is chosen in it', () => {
    expect(shape(rows, all, new Set(['d']))).toEqual(['a', 'b +1 incident', 'd +1 area open', '  e', 'f +1 recorder', 'h']);
    expect(shape(rows, all, NONE, 'c')).toEqual(['a', 'b +1 incident open', '  c', 'd +1 area', 'f +1 recorder', 'h']);
    expect(shape(rows, all, NONE, 'b')[1]).toBe('b +1 incident');
  });

  it('leaves the rows of other positions as they are', () => {
    expect(shape(rows, () => false)).toEqual(rows.map((a) => a.id));
    expect(plainLines(rows).map((l) => l.alert.id)).toEqual(rows.map((a) => a.id));
    const two = [row('x', { incident: 'i' }), row('y', { incident: 'i', position: 'west' })];
    expect(shape(two, (a) => a.handling.position === 'west')).toEqual(['x', 'y']);
  });
});

describe('the queue of a position', () => {
  const up = { escalated: { level: 1, to: 'duty', at: '2026-11-22T08:00:00Z' } };
  const before = (part: Record<string, unknown>, position: string, me = 'li'): boolean => isBefore(row('a', part), position, me);

  it('has its own rows, and every position has all', () => {
    expect([before({}, 'east'), before({}, 'west'), before({}, ''), before({ position: null }, '')]).toEqual([true, false, true, true]);
  });

  it('has what was escalated to it until somebody takes it, and it stays whose it is', () => {
    expect([before(up, 'duty'), before(up, 'east'), before(up, 'west')]).toEqual([true, true, false]);
    const taken = { ...up, state: 'acknowledged', owner: 'li' };
    expect([before(taken, 'duty', 'wang'), before(taken, 'east', 'wang')]).toEqual([false, true]);
  });

  it('keeps in sight what one took there oneself, until it is closed', () => {
    const mine = { ...up, owner: 'li' };
    expect(['acknowledged', 'dispatched', 'resolved', 'closed'].map((state) => before({ ...mine, state }, 'duty'))).toEqual([true, true, true, false]);
  });
});

describe('a long queue', () => {
  const rows = Array.from({ length: 50 }, (_, n) => row(`n${n}`));
  const lines = plainLines(rows);

  it('finds an alert from wherever it was before', () => {
    for (const was of [-1, 0, 25, 49, 500]) {
      for (const n of [0, 24, 25, 26, 49]) expect(indexNear(lines, `n${n}`, was)).toBe(n);
      expect(indexNear(lines, 'none', was)).toBe(-1);
    }
    expect(indexNear([], 'n1', 0)).toBe(-1);
  });

  it('keeps the line of an alert that did not change', () => {
    expect(plainLines(rows)[7]).toBe(lines[7]);
  });
});

describe('the pictures of an alert', () => {
  const event = (id: string, second: number, scores: number[] | null, phase = 'start') => {
    const media = scores && { ...mediaJson('aa', `/api/v1/events/${id}/snapshot`), objects: scores.map((score) => ({ ...person, score })) };
    const at = new Date(Date.UTC(2026, 10, 22, 8, 0, second)).toISOString();
    const e = readEvent({ ...eventJson({ id, phase, cursor: second }), times: { seen: at, ingested: at, committed: at, clock: 'gateway' }, media: media ? [media] : [] });
    if (!e) throw new Error('no event');
    return e;
  };
  const of = (first: string, last: string, ...events: ReturnType<typeof event>[]) =>
    choosePictures({ firstEvent: first, lastEvent: last }, happenings(events)).map((s) => `${s.event} ${s.which.join(' ')}`);

  it('are the first, the best and the latest, in order of time and each once', () => {
    expect(of('a', 'd', event('a', 1, [0.4]), event('b', 2, [0.5, 0.9]), event('c', 3, [0.7]), event('d', 4, [0.6]))).toEqual(['a first', 'b best', 'd latest']);
    expect(of('a', 'b', event('a', 1, [0.8]), event('b', 2, [0.8]))).toEqual(['a first best', 'b latest']);
    expect(of('a', 'a', event('a', 1, [0.8]))).toEqual(['a first best latest']);
  });

  it('may all be of one event that went on', () => {
    const start = event('a', 1, [0.5]);
    const later = event('a', 90, null, 'update');
    const picture = (n: number, score: number) => ({ ...mediaJson('aa', `/api/v1/events/a/pictures/${n}`), seen: new Date(Date.UTC(2026, 10, 22, 8, 0, n * 30)).toISOString(), objects: [{ ...person, score }] });
    const grown = readEvent({ ...eventJson({ id: 'a', phase: 'update', cursor: 90 }), media: [{ ...mediaJson('aa', '/api/v1/events/a/snapshot'), objects: [person] }, picture(1, 0.95), picture(2, 0.6)] });
    if (!grown) throw new Error('no event');
    const shots = choosePictures({ firstEvent: 'a', lastEvent: 'a' }, happenings([start, { ...later, media: grown.media }]));
    expect(shots.map((s) => [s.which.join(' '), s.picture.url.split('/').at(-1), s.score])).toEqual([['first', 'snapshot', 0.9], ['best', '1', 0.95], ['latest', '2', 0.6]]);
  });

  it('make do with those that are there', () => {
    expect(of('a', 'c', event('a', 1, null), event('b', 2, [0.5]), event('c', 3, []))).toEqual(['b first best', 'c latest']);
    expect(of('a', 'a', event('a', 1, null))).toEqual([]);
    // Without a box nothing is the best.
    expect(of('a', 'b', event('a', 1, []), event('b', 2, []))).toEqual(['a first', 'b latest']);
  });
});

describe('neighbours', () => {
  const channel = (id: string, area: string, place: { lat: number; lon: number } | null, enabled = true): Channel =>
    ({ id, name: id, area: ['d', area], place, enabled }) as Channel;
  const at = (north: number): { lat: number; lon: number } => ({ lat: 30 + north / 111_195, lon: 120 });

  it('are measured in metres', () => {
    expect(metresBetween(at(0), at(100))).toBeCloseTo(100, 0);
    expect(metresBetween({ lat: 60, lon: 10 }, { lat: 60, lon: 10.01 })).toBeCloseTo(556, 0);
  });

  it('are the nearest, then those of the same area, at most four and never what is off or far', () => {
    const own = channel('own', 's', at(0));
    const channels = [own, channel('far', 's', at(2000)), channel('b', 't', at(60)), channel('a', 't', at(20)), channel('off', 's', at(1), false), channel('x', 's', null), channel('y', 't', null)];
    expect(neighbours(own, channels).map((n) => [n.channel.id, n.metres === null ? null : Math.round(n.metres)])).toEqual([['a', 20], ['b', 60], ['far', 2000], ['x', null]]);
    expect(neighbours(own, channels, 1).map((n) => n.channel.id)).toEqual(['a']);
    expect(neighbours({ ...own, place: null }, channels).map((n) => n.channel.id)).toEqual(['far', 'x']);
    expect(neighbours({ ...own, place: null, area: [] }, channels)).toEqual([]);
  });
});

describe('a procedure', () => {
  const note = (rev: number, text: string | null, author = 'li', action = 'note'): HistoryEntry => ({ rev, at: rev * 1000, author, action, from: 'new', to: 'new', note: text });

  it('is ticked by notes, the latest of a step counts', () => {
    const history = [
      note(5, tickNote('fire', 1, true, 'Call'), 'wang'),
      note(2, tickNote('fire', 1, true, 'Call')),
      note(3, tickNote('fire', 2, true, 'Look')),
      note(4, tickNote('fire', 2, false, 'Look')),
      note(6, tickNote('other', 3, true, 'Wait')),
      note(7, 'step 4 done'),
      note(8, tickNote('fire', 9, true, 'x'), 'li', 'resolve'),
    ];
    expect([...ticksOf('fire', history)]).toEqual([[1, { by: 'wang', at: 5000 }]]);
    expect([...ticksOf('other', history).keys()]).toEqual([3]);
  });

  it('reads back what it writes and nothing else', () => {
    expect(readTick(tickNote('a.b-1', 12, false, 'Call: the guard\nnow'))).toEqual({ procedure: 'a.b-1', step: 12, done: false, text: 'Call: the guard\nnow' });
    for (const other of [null, '', 'procedure x', 'procedure A: step 1 done: x', 'a procedure a: step 1 done: x']) expect(readTick(other)).toBeNull();
  });
});

describe('a tick', () => {
  // What the gateway leaves out of a handover is what is written here, word for word.
  const globs = [...readFileSync(join(import.meta.dirname, '../../src/store/numbers.rs'), 'utf8').matchAll(/GLOB '([^']+)'/g)].map(
    (m) => new RegExp(`^${(m[1] ?? '').replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 's'),
  );
  const leftOut = (note: string): boolean => globs.some((g) => g.test(note));

  it('is known by the gateway, and a note of somebody is not taken for one', () => {
    expect(globs).toHaveLength(2);
    for (const done of [true, false]) expect(leftOut(tickNote('a.b-1', 12, done, 'Call: the guard\nnow'))).toBe(true);
    for (const note of ['the gate sticks', 'procedure x', 'procedure a: step 1 takes long: x']) expect(leftOut(note)).toBe(false);
  });
});

describe('people to dispatch to', () => {
  const area = (id: string, name: string, ...people: Partial<{ name: string; role: string; phone: string; email: string }>[]): Area =>
    ({ id, name, kind: 'grid', parent: null, people: people.map((p) => ({ name: '', role: '', phone: '', email: '', ...p })), place: null, origin: 'file', channels: 0 }) as Area;
  const areas = [
    area('city', 'City', { name: 'Zhao', role: 'duty officer', phone: '1' }, { name: 'Li', phone: '2' }),
    area('yard', 'Yard', { name: 'Li', phone: '2' }, { name: 'Wang', role: 'guard' }),
    area('other', 'Other', { name: 'Sun' }),
  ];

  it('are those of the area and above, the nearest first, each once', () => {
    expect(peopleOf(['city', 'gone', 'yard'], areas).map((c) => [c.text, c.area.name])).toEqual([['Li, 2', 'Yard'], ['Wang, guard', 'Yard'], ['Zhao, duty officer, 1', 'City']]);
    expect(peopleOf([], areas)).toEqual([]);
  });

  it('are found by every word that was typed', () => {
    const people = peopleOf(['city', 'yard'], areas);
    expect(matching(people, 'off zh').map((c) => c.person.name)).toEqual(['Zhao']);
    expect(matching(people, 'YARD').map((c) => c.person.name)).toEqual(['Li', 'Wang']);
    expect(matching(people, ' ').length).toBe(3);
    expect(matching(people, 'patrol 2')).toEqual([]);
  });
});

describe('what the gateway says of positions and procedures', () => {
  it('is read, and what is no flood is none', () => {
    const flood = { since: '2026-11-22T08:00:00.000Z', rows: 12, collapsed: 40 };
    const digest = { ...flood, until: '2026-11-22T08:20:00.000Z', came: [{ type: 'line', count: 3 }, 'x'], leads: [{ alert: 'a', type: 'line', channel: 'c', channel_name: '', under: 2 }, { under: 3 }] };
    const read = readPosition({ id: 'east', name: '', areas: ['d'], flood, digest, rows: { low: 1, medium: 2, high: 0, critical: 4, waiting: 3, escalated: 5 } });
    expect(read).toMatchObject({ id: 'east', name: 'east', flood: { rows: 12 }, rows: 7, waiting: 3, escalated: 5 });
    expect(readPosition({ id: 'east', rows: { low: 1 } })).toMatchObject({ rows: 1, escalated: 0 });
    expect(read?.digest).toMatchObject({ came: [{ kind: 'line', count: 3 }], leads: [{ alert: 'a', channelName: 'c', under: 2 }] });
    for (const bad of [null, 3, {}, { since: 'x' }]) expect(readPosition({ id: 'east', flood: bad, digest: bad })).toMatchObject({ flood: null, digest: null });
    for (const bad of [null, [], { positions: 3 }, 'x']) expect(readPositions(bad)).toBeNull();
    expect(readPositions({ positions: [{}, { id: 'a' }] })).toHaveLength(1);
  });

  it('keeps the number of a step whose text cannot be read', () => {
    expect(readProcedures({ procedures: [{ id: 'p', title: '', steps: ['a', 3, 'c'] }, { id: 'q' }] })).toEqual([{ id: 'p', title: 'p', steps: ['a', '', 'c'] }]);
    expect(readProcedures({})).toBeNull();
  });
});
