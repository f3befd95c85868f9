/* Users, tokens and the record of the double. */
import { randomBytes } from 'node:crypto';

export const RIGHTS = {
  viewer: ['see'],
  operator: ['see', 'feedback', 'act', 'hand_over'],
  supervisor: ['see', 'feedback', 'act', 'act_over_others', 'hand_over', 'hand_over_for_others', 'numbers'],
  engineer: ['see', 'configure'],
  administrator: ['see', 'feedback', 'act', 'act_over_others', 'hand_over', 'hand_over_for_others', 'numbers', 'configure', 'people', 'audit'],
};
const SCOPES = { read: ['see'], act: ['see', 'feedback', 'act'], feedback: ['feedback'], configure: ['see', 'configure'] };
const ACTIONS = ['login', 'login_failed', 'login_refused', 'logout', 'password_changed', 'password_reset', 'snapshot_viewed', 'alert_action', 'probe', 'discovery', 'configuration_changed', 'configuration_exported', 'user_added', 'user_changed', 'user_removed', 'sessions_ended', 'token_made', 'token_revoked', 'token_refused', 'audit_exported'];

const ago = (min) => new Date(Date.now() - min * 60_000).toISOString();

export function makePeople(areas) {
  const [north, south, ...more] = areas.filter((a) => a.kind === 'street').map((a) => a.id);
  const user = (name, role, of, sessions, last, rest = {}) => ({ user: name, role, areas: of, disabled: false, must_change_password: false, created: ago(80_000), changed: ago(4000), sessions, last: last === null ? null : ago(last), ...rest });
  const token = (name, scope, of, days, last, rest = {}) => ({ name, scope, areas: of, created_by: 'admin', created: ago(9000), expires: ago(-days * 1440), expired: days < 0, last: last === null ? null : ago(last), address: last === null ? '' : '10.20.0.17', ...rest });
  const deeds = [
    ['admin', 'audit_exported', 'everything', '10.20.1.5'],
    ['li.na', 'alert_action', 'acknowledge 019ac3f0-7d2b-7c55-9a01-5b1c2d3e4f50', '10.20.1.31'],
    ['li.na', 'snapshot_viewed', '019ac3f0-7d2b-7c55-9a01-5b1c2d3e4f51', '10.20.1.31'],
    ['token.patrol-app', 'alert_action', 'feedback 019ac3f0-7d2b-7c55-9a01-5b1c2d3e4f50', '10.20.0.17'],
    ['chen.gong', 'configuration_changed', "revision 12: channel 'east-gate' changed", '10.20.1.8'],
    ['admin', 'user_changed', `li.na: operator, areas ${north}`, '10.20.1.5'],
    ['wang', 'login_failed', '', '10.20.1.44'],
    ['(file)', 'configuration_changed', "2 channels added, 1 area removed", ''],
    ['admin', 'token_made', 'patrol-app: feedback, all areas, until 2027-02-25T08:00:00.000Z', '10.20.1.5'],
    ['?', 'token_refused', '', '10.99.3.2'],
  ];
  return {
    users: [
      user('admin', 'administrator', null, 2, 0),
      user('bai.ling', 'viewer', more.length > 3 ? [north, south, ...more.slice(0, 3)] : [north], 0, null, { must_change_password: true }),
      user('chen.gong', 'engineer', null, 1, 190),
      user('li.na', 'operator', [north], 3, 2),
      user('sun.wei', 'operator', [south], 0, null, { disabled: true }),
      user('zhao.min', 'supervisor', [north, south], 1, 41),
    ],
    tokens: [token('patrol-app', 'feedback', [north], 90, 3), token('grid-platform', 'read', null, 180, null), token('night-report', 'read', null, -2, 3000)],
    deeds: Array.from({ length: 260 }, (_, i) => {
      const [who, action, what, address] = deeds[i % deeds.length];
      return { id: 1000 - i, at: ago(i * 7 + 1), user: who, action, what, address };
    }),
  };
}

const grants = (table) => Object.entries(table).map(([role, rights]) => ({ role, rights }));

/** The answer, or undefined where the route is none of people. */
export function answer(state, method, path, params, body, refuse) {
  const found = /^\/(users|tokens|audit)(?:\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  if (!found) return undefined;
  const [, what, id, part] = found;
  const json = () => JSON.parse(body.toString('utf8') || '{}');
  const one = (list, key) => list.find((x) => x[key] === id) ?? refuse(404, 'not_found', `no such ${what.slice(0, -1)}`);
  const once = () => randomBytes(10).toString('hex').replace(/(.{4})(?=.)/g, '$1-').slice(0, 19);
  if (what === 'audit') {
    if (id === 'export') return { bytes: Buffer.from('\ufefftime,user,action,object,address\r\n'), type: 'text/csv; charset=utf-8' };
    const before = Number(params.get('before') ?? Infinity);
    const fits = (d) =>
      (!params.get('user') || d.user === params.get('user')) &&
      (!params.get('action') || d.action === params.get('action')) &&
      (!params.get('from') || d.at >= params.get('from')) &&
      (!params.get('to') || d.at < params.get('to')) &&
      (!params.get('text') || `${d.user} ${d.what} ${d.address}`.toLowerCase().includes(params.get('text').toLowerCase()));
    const all = state.deeds.filter((d) => d.id < before && fits(d));
    const page = all.slice(0, Number(params.get('limit') ?? 100));
    return { records: page, next: all.length > page.length ? String(page.at(-1).id) : null, actions: ACTIONS };
  }
  if (what === 'tokens') {
    if (method === 'GET') return { tokens: state.tokens, scopes: grants(SCOPES) };
    if (method === 'DELETE') {
      state.tokens.splice(state.tokens.indexOf(one(state.tokens, 'name')), 1);
      return null;
    }
    const { name, scope, areas = null, days } = json();
    if (state.tokens.some((t) => t.name === name)) refuse(409, 'conflict', `there is a token '${name}' already; choose another name`);
    const made = { name, scope, areas, created_by: 'admin', created: ago(0), expires: ago(-days * 1440), expired: false, last: null, address: '' };
    state.tokens.unshift(made);
    return [201, { token: `skyeye_${randomBytes(32).toString('hex')}`, made }];
  }
  if (!id) {
    if (method === 'GET') return { users: state.users, roles: grants(RIGHTS) };
    const { user, role, areas = null } = json();
    if (state.users.some((u) => u.user === user)) refuse(409, 'conflict', `the user '${user}' exists already`);
    const made = { user, role, areas, disabled: false, must_change_password: true, created: ago(0), changed: ago(0), sessions: 0, last: null };
    state.users = [...state.users, made].sort((a, b) => (a.user < b.user ? -1 : 1));
    return [201, { user: made, password: once() }];
  }
  const user = one(state.users, 'user');
  if (part === 'sessions') {
    if (method === 'DELETE') {
      user.sessions = 0;
      return null;
    }
    return { sessions: Array.from({ length: user.sessions }, (_, i) => ({ id: `5e5510${i}`, created: ago(600 * (i + 1)), last: ago(12 * i), address: `10.20.1.${31 + i}`, own: user.user === 'admin' && i === 0 })) };
  }
  if (part === 'reset') {
    Object.assign(user, { must_change_password: true, sessions: 0 });
    return { user, password: once() };
  }
  if (method === 'DELETE') {
    state.users = state.users.filter((u) => u !== user);
    return null;
  }
  return Object.assign(user, json());
}
