/* Users, tokens, deeds and rights as they are read, and times of a form in the site's zone. */
import { describe, expect, it } from 'vitest';
import { readSession, type Session } from '../src/api/gateway';
import { readDeeds, readMade, readOneTime, readSessions, readToken, readTokens, readUser, readUsers } from '../src/api/people';
import en from '../src/i18n/en.json';
import { siteMoment } from '../src/lib/time';
import { may, mayEverywhere, RIGHTS, rightsKey } from '../src/state/rights';
import { RIGHTS as DOUBLE } from './double/people.mjs';

const user = { user: 'li.na', role: 'operator', areas: ['north'], disabled: false, must_change_password: true, created: '2026-11-01T00:00:00Z', changed: '2026-11-01T00:00:00Z', sessions: 2, last: null };
const token = { name: 'app', scope: 'feedback', areas: null, created_by: 'admin', created: '2026-11-01T00:00:00Z', expires: '2026-12-01T00:00:00Z', expired: false, last: null, address: '' };
const session = { user: 'li', role: 'operator', rights: ['see', 'act'], areas: null, csrf: 'x', must_change_password: false, site: 's', site_name: '', node: 'n', version: '1', time_zone: 'UTC' };

describe('what the gateway tells of people', () => {
  it('is read as far as it is what it should be', () => {
    expect(readUser(user)).toMatchObject({ user: 'li.na', role: 'operator', areas: ['north'], mustChangePassword: true, last: Number.NaN });
    expect(readUsers({ users: [user, { user: 7 }, null], roles: [{ role: 'viewer', rights: ['see', 3] }] })).toMatchObject({ users: [{ user: 'li.na' }], roles: [{ name: 'viewer', rights: ['see'] }] });
    expect(readOneTime({ user, password: 'abcd' })?.password).toBe('abcd');
    expect(readOneTime({ user, password: '' })).toBeNull();
    expect(readToken(token)).toMatchObject({ name: 'app', areas: null, expired: false, left: 'all' });
    expect(readToken({ ...token, left: 'nothing' })).toMatchObject({ left: 'nothing' });
    expect(readMade({ token: 'skyeye_1', made: token })?.token).toBe('skyeye_1');
    expect(readSessions({ sessions: [{ id: 'a', created: '', last: '', address: '::1', own: true }, {}] })).toHaveLength(1);
    expect(readDeeds({ records: [{ id: 1, at: '2026-11-01T00:00:00Z', user: 'li', action: 'login', what: '', address: '' }, { id: 'x' }], next: '1.1', actions: ['login'] })).toMatchObject({
      records: [{ id: 1, user: 'li' }],
      next: '1.1',
    });
  });

  it('is nothing where it is something else', () => {
    for (const read of [readUser, readUsers, readOneTime, readToken, readTokens, readMade, readSessions, readDeeds]) {
      for (const foreign of [null, undefined, 0, '', [], {}, { users: 'x', user: {}, tokens: 1, records: {} }]) expect(read(foreign)).toBeNull();
    }
  });

  it('gives nobody everything by a broken list of areas', () => {
    for (const areas of [undefined, 'all', {}, 0, [1, null]]) {
      expect(readUser({ ...user, areas })?.areas).toEqual([]);
      expect(readSession({ ...session, areas })?.areas).toEqual([]);
    }
  });
});

describe('rights', () => {
  const of = (part: object): Session => readSession({ ...session, ...part }) as Session;
  it('are what the session says', () => {
    expect(may(of({}), 'act')).toBe(true);
    expect(may(of({}), 'configure')).toBe(false);
    expect(may(null, 'see')).toBe(false);
    expect(may(of({ rights: undefined, role: 'administrator' }), 'see')).toBe(false);
  });
  it('about everything need a login that sees everything', () => {
    expect(mayEverywhere(of({ rights: ['people'] }), 'people')).toBe(true);
    expect(mayEverywhere(of({ rights: ['people'], areas: ['north'] }), 'people')).toBe(false);
  });
  it('that change are another key', () => {
    expect(rightsKey(of({ csrf: 'y' }))).toBe(rightsKey(of({})));
    for (const part of [{ role: 'viewer' }, { rights: ['see'] }, { areas: ['north'] }]) expect(rightsKey(of(part))).not.toBe(rightsKey(of({})));
  });
  it('have words for every role, and the double gives none that is not known', () => {
    for (const [role, rights] of Object.entries(DOUBLE as Record<string, string[]>)) {
      expect(Object.keys(en.role)).toContain(role);
      for (const right of rights) expect(RIGHTS as readonly string[]).toContain(right);
    }
    expect(Object.keys(en.roleHint)).toEqual(Object.keys(en.role));
  });
});

describe('a time of a form', () => {
  it.each([
    ['Asia/Shanghai', '2026-11-22T08:00', '2026-11-22T00:00:00.000Z'],
    ['Europe/Berlin', '2026-07-01T12:00', '2026-07-01T10:00:00.000Z'],
    // The clock went forward at two.
    ['Europe/Berlin', '2026-03-29T01:30', '2026-03-29T00:30:00.000Z'],
    ['Europe/Berlin', '2026-03-29T03:30', '2026-03-29T01:30:00.000Z'],
    ['Nowhere/At-All', '2026-11-22T08:00', '2026-11-22T08:00:00.000Z'],
  ])('%s %s', (zone, local, utc) => expect(new Date(siteMoment(zone, local)).toISOString()).toBe(utc));
  it('that is none is none', () => expect(siteMoment('UTC', '')).toBeNaN());
});
