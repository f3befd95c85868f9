/*
 * A double of the gateway for work on the console and for pictures of its pages: it serves the build and answers the
 * part of the API that the console uses, with a made-up district in memory. It is no part of the product and no measure
 * of the gateway: `e2e/run.mjs` and `e2e/channels.mjs` are to be run against the real one.
 *
 *   node test/double/server.mjs [--port 8190] [--channels 10000] [--rate 1000] [--role administrator]
 *       [--placed yes] [--tiles no] [--flood on|over] [--open 10000 --alerts-per-s 50]
 *
 * `placed`: yes gives every channel coordinates; `tiles`: no leaves the base map out.
 * `rate`: health messages a second on the live feed. `open`: a desk under load instead of the few made-up alerts, see
 * `crowd.mjs`. Any user and password open it.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import { act, detail, makeAlerts, positions, procedures } from './alerts.mjs';
import { Crowd } from './crowd.mjs';
import { brands, discovery, probe } from './devices.mjs';
import { health, makeDistrict, statesOf } from './district.mjs';
import { makeHistory, search, summary } from './history.mjs';
import { exported, plan } from './import.mjs';
import { mapView, plan as floorPlan, tile } from './map.mjs';
import { answer as peopleAnswer, makePeople, RIGHTS } from './people.mjs';
import { dryRun, makeRules, ruleView, timetableView, traces } from './rules.mjs';
import { handoverApi, numbers, POSITIONS } from './shifts.mjs';

const require = createRequire(import.meta.url);
const { WebSocketServer } = require('ws');
const packet = require('mqtt-packet');

const arg = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const port = Number(arg('port', 8190));
const rate = Number(arg('rate', 1000));
const role = arg('role', 'administrator');
const flood = arg('flood', '');
const dist = join(import.meta.dirname, '../../dist');
const CSP =
  "default-src 'self'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const state = makeDistrict(Number(arg('channels', 10_000)), arg('placed', 'no') === 'yes');
state.revisions = [];
Object.assign(state, makeRules(state.channels));
const gate = state.channels.find((c) => c.id === 'east-gate');
if (gate) {
  gate.zone = [{ id: 'yard', name: '场地', polygon: [[0.1, 0.4], [0.9, 0.4], [0.9, 0.95], [0.1, 0.95]] }];
  gate.line = [{ id: 'gate', name: '大门', points: [[0.25, 0.62], [0.75, 0.7]] }];
  gate.mask = [{ kind: 'privacy', polygon: [[0.02, 0.05], [0.2, 0.05], [0.2, 0.3], [0.02, 0.3]] }, { kind: 'ignore', polygon: [[0.8, 0.05], [0.98, 0.05], [0.98, 0.25]] }];
}
state.jobs = new Map();
const clone = (v) => structuredClone(v);
const publicFields = ['name', 'url', 'main_url', 'credential', 'transport', 'stream', 'enabled', 'weight', 'area', 'external_id', 'tags', 'lat', 'lon', 'zone', 'line', 'mask'];

class Refusal extends Error {
  constructor(status, kind, message) {
    super(message);
    Object.assign(this, { status, kind });
  }
}
const areaPath = (id) => {
  const path = [];
  for (let a = state.areas.find((x) => x.id === id); a; a = state.areas.find((x) => x.id === a.parent)) path.unshift(a);
  return path;
};
const paths = new Map();
function view(c, full = false) {
  if (!paths.has(c.areaId)) paths.set(c.areaId, areaPath(c.areaId));
  const path = paths.get(c.areaId);
  c.area = path.map((a) => a.id);
  return {
    id: c.id,
    name: c.name,
    area: c.area,
    area_names: path.map((a) => a.name),
    stream: c.stream,
    transport: c.transport,
    host: new URL(c.url).hostname,
    health: health(c, c.state, c.at ?? Date.now()),
    rules: c.id === 'east-gate' ? ['people', 'east-gate-line'] : ['people'],
    zones: c.zone ?? [],
    lines: c.line ?? [],
    external_id: c.external_id,
    tags: c.tags,
    lat: c.lat,
    lon: c.lon,
    origin: c.origin,
    enabled: c.enabled,
    main: c.main_url !== '',
    ...(full ? { config: { ...Object.fromEntries(publicFields.map((f) => [f, f === 'area' ? c.areaId : c[f]])), rev: c.rev } } : {}),
  };
}
const areaView = (a) => ({ ...a, channels: state.channels.filter((c) => (paths.get(c.areaId) ?? areaPath(c.areaId)).some((x) => x.id === a.id)).length });
const TABLES = { channel: 'channels', area: 'areas', credential: 'credentials', rule: 'rules', timetable: 'timetables' };

/** Writes changes as one revision; each is {kind, id, op, before, after}. */
function commit(source, summary, deeds, author = 'admin') {
  const rev = state.revisions.length + 1;
  const changes = deeds.map(({ kind, id, op, before, after }) => {
    const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((k) => (kind === 'rule' || kind === 'timetable' ? k !== 'rev' && k !== 'origin' : kind === 'channel' ? publicFields.includes(k) || k === 'areaId' : ['name', 'kind', 'parent', 'people', 'username', 'password'].includes(k)));
    const fields = keys
      .filter((k) => JSON.stringify(before?.[k] ?? null) !== JSON.stringify(after?.[k] ?? null) && k !== 'area')
      .map((k) => ({ field: k === 'areaId' ? 'area' : k, before: said(k, before?.[k]), after: said(k, after?.[k]) }));
    return { kind, id, op, fields };
  });
  for (const d of deeds) {
    const table = state[TABLES[d.kind]];
    const at = table.findIndex((x) => x.id === d.id);
    if (d.op === 'remove') table.splice(at, 1);
    else if (at < 0) table.push({ ...d.after, rev });
    else Object.assign(table[at], d.after, { rev });
  }
  paths.clear();
  const count = (op) => deeds.filter((d) => d.op === op).length;
  state.revisions.push({ rev, at: new Date().toISOString(), author, source, summary, added: count('add'), changed: count('change'), removed: count('remove'), undoes: null, undone_by: null, changes, deeds: deeds.map(clone) });
  return rev;
}
const said = (k, v) => (k === 'password' ? '[changed]' : k === 'people' ? (v ?? []).map((p) => p.name) : (v ?? null));

function undo(rev) {
  const r = state.revisions[rev - 1];
  if (!r) throw new Refusal(404, 'not_found', 'no such revision');
  if (r.undone_by) throw new Refusal(409, 'conflict', `revision ${rev} was taken back by ${r.undone_by} already`);
  const later = state.revisions.slice(rev).find((x) => x.deeds.some((d) => r.deeds.some((e) => e.id === d.id && e.kind === d.kind)));
  if (later) {
    const id = later.deeds.find((d) => r.deeds.some((e) => e.id === d.id)).id;
    throw new Refusal(409, 'conflict', `channel ${id} was changed since, by revision ${later.rev} of ${later.author}; take that back first`);
  }
  const inverse = { add: 'remove', remove: 'add', change: 'change' };
  const n = commit('undo', `takes back revision ${rev}`, r.deeds.map((d) => ({ kind: d.kind, id: d.id, op: inverse[d.op], before: d.after, after: d.before })));
  r.undone_by = n;
  state.revisions[n - 1].undoes = rev;
  return n;
}

function checkedChannel(fields) {
  if (fields.url !== undefined) {
    let url;
    try {
      url = new URL(fields.url);
    } catch {
      throw new Refusal(422, 'invalid', `url: '${fields.url}' is no address; rtsp://host:port/path is one`);
    }
    if (url.username) throw new Refusal(422, 'invalid', 'url: user and password do not belong into an address; store them as a credential and name it');
    if (!/^rtsps?:$/.test(url.protocol)) throw new Refusal(422, 'invalid', `url: '${url.protocol}//' is not a way to take pictures; rtsp:// is one`);
    if (url.hostname.startsWith('169.254.')) throw new Refusal(422, 'invalid', 'url: 169.254.0.0/16 is link-local, no camera of a district is there');
  }
  if (fields.weight !== undefined && !(fields.weight > 0 && fields.weight <= 100)) throw new Refusal(422, 'invalid', 'weight: 0.01 to 100 is possible');
  return fields;
}
const stored = (fields) => {
  const { area, expect_rev: _, ...rest } = fields;
  return { ...rest, ...(area === undefined ? {} : { areaId: area ?? '' }) };
};
const NEW = { main_url: '', credential: '', transport: 'tcp', stream: 'sub', enabled: true, weight: 1, external_id: '', tags: [], lat: null, lon: null, areaId: '', origin: 'inventory', state: 'connecting', codec: null, size: [0, 0], rate: 0, skew: null, conditions: [] };

function changeChannel(id, body, source = 'api') {
  const c = find(state.channels, id, 'channel');
  if (c.origin === 'file') throw new Refusal(409, 'conflict', `channel ${id} stands in the configuration file; change it there`);
  if (body.expect_rev !== undefined && body.expect_rev < c.rev) {
    throw new Refusal(409, 'conflict', `channel ${id} was changed by revision ${c.rev} of admin since you looked (revision ${body.expect_rev})`);
  }
  const after = stored(checkedChannel(body));
  commit(source, `changes ${id}`, [{ kind: 'channel', id, op: 'change', before: pick(c, after), after: clone(after) }]);
  return c;
}
const pick = (from, keys) => clone(Object.fromEntries(Object.keys(keys).map((k) => [k, from[k]])));
function find(table, id, what) {
  const found = table.find((x) => x.id === id);
  if (!found) throw new Refusal(404, 'not_found', `no such ${what}`);
  return found;
}

/** A flat picture with some life in it, as a bitmap file. */
const pictures = new Map();
function picture(seed) {
  if (!pictures.has(seed) && pictures.size < 100) pictures.set(seed, painted(seed));
  return pictures.get(seed) ?? painted(seed);
}
function painted(seed) {
  const [w, h] = [320, 180];
  const data = Buffer.alloc(54 + w * h * 3);
  data.write('BM');
  data.writeUInt32LE(data.length, 2);
  data.writeUInt32LE(54, 10);
  data.writeUInt32LE(40, 14);
  data.writeInt32LE(w, 18);
  data.writeInt32LE(-h, 22);
  data.writeUInt16LE(1, 26);
  data.writeUInt16LE(24, 28);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const at = 54 + (y * w + x) * 3;
      const ground = y > h * 0.45;
      const lane = ground && Math.abs(((x - w / 2) * 40) / (y - h * 0.4) - (seed % 9)) % 30 < 2;
      const house = !ground && (x + seed * 13) % 70 < 42 && y > h * (0.12 + ((x + seed * 13) % 210) / 900);
      const base = lane ? 190 : house ? 92 + (seed % 5) * 8 : ground ? 70 + ((x * 7 + y * 13 + seed) % 9) : 140 + (y % 30);
      data[at] = Math.min(255, base + (ground ? 0 : 18));
      data[at + 1] = base;
      data[at + 2] = Math.max(0, base - (house ? 0 : 8));
    }
  }
  return data;
}

const session = { user: 'admin', role, rights: RIGHTS[role] ?? [], areas: null, csrf: 'double', must_change_password: false, site: 'district', site_name: '望江区', node: 'node-1', version: 'double', time_zone: 'Asia/Shanghai' };

// The way to a channel's area is found when it is first shown.
state.channels.forEach((c) => view(c));
const past = makeHistory(state.channels);
const crowd = Number(arg('open', 0)) > 0 ? new Crowd(state.channels, Number(arg('open', 0))) : null;
const alerts = crowd?.list ?? makeAlerts(state.channels, { flood: flood === 'on' });

const persons = makePeople(state.areas);
const refuse = (status, kind, message) => {
  throw new Refusal(status, kind, message);
};

async function api(method, path, params, body, open) {
  const ofPeople = peopleAnswer(persons, method, path, params, body, refuse);
  if (ofPeople !== undefined) return ofPeople;
  const [, a, b, c] = /^\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  const id = b && decodeURIComponent(b);
  const json = () => (body.length > 0 ? JSON.parse(body.toString('utf8')) : {});
  switch (`${method} ${a}${b ? (a === 'channels' && b === 'bulk' ? '/bulk' : '/:') : ''}${c ? `/${c}` : ''}`) {
    case 'GET session':
      if (!open) throw new Refusal(401, 'unauthenticated', 'no login; log in first');
      return session;
    case 'POST login':
      if (json().password?.endsWith('-wrong')) throw new Refusal(401, 'wrong_password', 'user or password is wrong');
      return session;
    case 'POST logout':
      return null;
    case 'GET box':
      return { load: {}, stages: [], channels: {} };
    case 'GET numbers/:':
      return { positions: POSITIONS };
    case 'GET numbers': {
      const from = params.get('from') ? Date.parse(params.get('from')) : Date.now() - 5 * 3_600_000;
      return { ...numbers(state.channels, params.get('position'), from, Date.now()), chosen: params.get('from') ? 'asked' : 'shift' };
    }
    case 'GET handovers':
      return handoverApi(state, Refusal, session.user).list(params.get('position'));
    case 'POST handovers':
      return handoverApi(state, Refusal, session.user).write(json());
    case 'GET handovers/:':
      return id === 'now' ? handoverApi(state, Refusal, session.user).now(params.get('position')) : handoverApi(state, Refusal, session.user).get(id);
    case 'POST handovers/:/accept':
      return handoverApi(state, Refusal, session.user).accept(id, json());
    case 'POST handovers/:/withdraw':
      return handoverApi(state, Refusal, session.user).withdraw(id);
    case 'GET openapi.json':
      return { openapi: '3.1.0', info: { title: 'double', version: '1' }, paths: {} };
    case 'GET alerts':
      if (crowd) return crowd.page(params);
      return {
        alerts: alerts.filter((x) => (params.has('incident') ? x.incident === params.get('incident') : params.has('under') ? x.showing.row === params.get('under') : params.get('state') === 'all' || x.state !== 'closed')),
        cursor: 1,
        next: null,
      };
    case 'GET alerts/:':
      if (id === 'search') return search(past, params);
      if (id === 'summary') return summary(past, params);
      if (id === 'export') return { bytes: Buffer.from(JSON.stringify({ alerts: search(past, params).alerts, cut: false })), type: 'application/json' };
      return past.some((x) => x.id === id) ? { alert: find(past, id, 'alert'), history: [], events: [] } : detail(find(alerts, id, 'alert'));
    case `POST alerts/:/${c}`:
      return act(find(alerts, id, 'alert'), c, json(), session.user);
    case 'GET positions':
      return positions(alerts, flood);
    case 'GET procedures':
      return procedures(alerts.find((x) => x.id === params.get('alert')));
    case 'GET events/:/snapshot':
      return { bytes: picture([...id].reduce((n, x) => n + x.charCodeAt(0), 0)), type: 'image/bmp' };
    case 'GET changes':
      // After a break the lists are to be loaded anew, or what was closed meanwhile would stay open for ever.
      if (crowd) throw new Refusal(410, 'gone', 'the crowd keeps no changes');
      return { changes: [], cursor: 1, more: false };
    case 'GET channels':
      return { channels: state.channels.map((x) => view(x)) };
    case 'GET channels/:':
      return view(find(state.channels, id, 'channel'), true);
    case 'POST channels': {
      const fields = checkedChannel(json());
      const made = fields.id ?? (fields.external_id || `cam-${randomUUID().slice(0, 8)}`);
      if (state.channels.some((x) => x.id === made)) throw new Refusal(409, 'conflict', `the id '${made}' is taken; choose another`);
      commit('api', `adds ${fields.name}`, [{ kind: 'channel', id: made, op: 'add', before: null, after: { ...clone(NEW), since: Date.now(), ...stored(fields), id: made } }]);
      return [201, view(find(state.channels, made, 'channel'), true)];
    }
    case 'PATCH channels/:':
      return view(changeChannel(id, json()), true);
    case 'DELETE channels/:': {
      const gone = find(state.channels, id, 'channel');
      commit('api', `removes ${id}`, [{ kind: 'channel', id, op: 'remove', before: clone(gone), after: null }]);
      return null;
    }
    case 'POST inventory/bulk': {
      const ask = json();
      const refused = [];
      const deeds = [];
      for (const one of ask.ids) {
        const ch = state.channels.find((x) => x.id === one);
        if (!ch) refused.push({ id: one, reason: 'no such channel' });
        else if (ch.origin === 'file') refused.push({ id: one, reason: 'it stands in the configuration file' });
        else if (ask.remove) deeds.push({ kind: 'channel', id: one, op: 'remove', before: clone(ch), after: null });
        else if (ask.set.transport === 'udp' && ch.tags.includes('学校')) refused.push({ id: one, reason: 'its host takes TCP only' });
        else {
          const { add_tags = [], remove_tags = [], ...rest } = ask.set;
          const after = stored(rest);
          if (add_tags.length + remove_tags.length > 0) after.tags = [...new Set([...ch.tags, ...add_tags])].filter((t) => !remove_tags.includes(t));
          deeds.push({ kind: 'channel', id: one, op: 'change', before: pick(ch, after), after });
        }
      }
      return { rev: commit('console', `changes ${deeds.length} channels at once`, deeds), changed: deeds.length, refused };
    }
    case 'GET channels/:/states':
      return { states: statesOf(find(state.channels, id, 'channel')) };
    case 'GET channels/:/picture':
    case 'GET probe/:/picture':
      await new Promise((done) => setTimeout(done, 20));
      return { bytes: picture([...(id ?? 'x')].reduce((n, x) => n + x.charCodeAt(0), Number(params.get('stream') ?? 0))), type: 'image/bmp' };
    case 'GET channels/:/traces':
      return traces(id, Number(params.get('hours') ?? 6));
    case 'GET rules':
      return { rules: state.rules.map((r) => ruleView(state, r)) };
    case 'GET rules/:':
      return ruleView(state, find(state.rules, id, 'rule'), true);
    case 'POST dry-run':
      return dryRun(state, json());
    case 'POST rules':
    case 'POST timetables': {
      const kind = a === 'rules' ? 'rule' : 'timetable';
      const fields = json();
      const slug = fields.name?.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      const made = fields.id ?? (slug || `${fields.type ?? 'hours'}-${state[a].length + 1}`);
      const usual = kind === 'rule' ? makeRules(state.channels).rules[0] : { holidays: [], on_holidays: [], exceptions: [], weekly: [] };
      if (kind === 'rule' && (fields.keep_score ?? 0.3) > (fields.min_score ?? 0.5)) throw new Refusal(422, 'invalid', `rule '${made}', keep_score: must be 0.01 to ${fields.min_score ?? 0.5}`);
      commit('console', `adds ${kind} ${made}`, [{ kind, id: made, op: 'add', before: null, after: { ...usual, channels: [], ...fields, id: made, origin: 'inventory' } }]);
      return [201, kind === 'rule' ? ruleView(state, find(state.rules, made, 'rule'), true) : timetableView(state, find(state.timetables, made, 'timetable'))];
    }
    case 'POST rules/:/arm': {
      const rule = find(state.rules, id, 'rule');
      const { armed, channels = [] } = json();
      const own = (e) => (channels.length === 0 || channels.includes(e.channel) ? Object.fromEntries(Object.entries(e).filter(([k]) => k !== 'enabled')) : e);
      const enabled = channels.length === 0 ? armed : rule.enabled;
      const known = rule.for.map(own);
      for (const channel of enabled === armed ? [] : channels) {
        const there = known.find((e) => e.channel === channel);
        if (there) there.enabled = armed;
        else known.push({ channel, enabled: armed });
      }
      const after = { enabled, for: known.filter((e) => Object.keys(e).length > 1) };
      commit('console', `arms rule ${id}`, [{ kind: 'rule', id, op: 'change', before: pick(rule, after), after }]);
      return ruleView(state, rule, true);
    }
    case 'PATCH rules/:':
    case 'PATCH timetables/:': {
      const kind = a === 'rules' ? 'rule' : 'timetable';
      const thing = find(state[a], id, kind);
      const { expect_rev: knew, ...after } = json();
      if (knew !== undefined && knew < thing.rev) throw new Refusal(409, 'conflict', `the ${kind} '${id}' was changed by revision ${thing.rev}, and you knew ${knew}; look at it again`);
      commit('console', `changes ${kind} ${id}`, [{ kind, id, op: 'change', before: pick(thing, after), after }]);
      return kind === 'rule' ? ruleView(state, thing, true) : timetableView(state, thing);
    }
    case 'DELETE rules/:':
    case 'DELETE timetables/:': {
      const kind = a === 'rules' ? 'rule' : 'timetable';
      commit('console', `removes ${kind} ${id}`, [{ kind, id, op: 'remove', before: clone(find(state[a], id, kind)), after: null }]);
      return null;
    }
    case 'GET timetables':
      return { timetables: state.timetables.map((x) => timetableView(state, x)) };
    case 'GET areas':
      return { areas: state.areas.map((x) => areaView(x)) };
    case 'POST areas': {
      const fields = json();
      const made = fields.id ?? `a-${randomUUID().slice(0, 6)}`;
      if (state.areas.some((x) => x.name === fields.name && x.parent === fields.parent)) throw new Refusal(422, 'invalid', `name: '${fields.name}' is there already below this area`);
      commit('api', `adds area ${fields.name}`, [{ kind: 'area', id: made, op: 'add', before: null, after: { people: [], lat: null, lon: null, origin: 'inventory', ...fields, id: made } }]);
      return [201, areaView(find(state.areas, made, 'area'))];
    }
    case 'PATCH areas/:': {
      const area = find(state.areas, id, 'area');
      const after = json();
      commit('api', `changes area ${id}`, [{ kind: 'area', id, op: 'change', before: pick(area, after), after }]);
      return areaView(area);
    }
    case 'DELETE areas/:': {
      const area = find(state.areas, id, 'area');
      const n = areaView(area).channels;
      const below = state.areas.filter((x) => x.parent === id).length;
      if (n + below > 0) throw new Refusal(409, 'conflict', `area ${id} still holds ${below} areas and ${n} channels; move them first`);
      commit('api', `removes area ${id}`, [{ kind: 'area', id, op: 'remove', before: clone(area), after: null }]);
      return null;
    }
    case 'GET credentials':
      return { credentials: state.credentials.map((x) => ({ id: x.id, username: x.username, origin: x.origin, channels: state.channels.filter((ch) => ch.credential === x.id).length })) };
    case 'PUT credentials/:': {
      const { username } = json();
      const there = state.credentials.find((x) => x.id === id);
      commit('api', `sets credential ${id}`, [{ kind: 'credential', id, op: there ? 'change' : 'add', before: there ? { username: there.username, password: 'x' } : null, after: { id, username, password: 'y', origin: 'inventory' } }]);
      return null;
    }
    case 'DELETE credentials/:': {
      const n = state.channels.filter((ch) => ch.credential === id).length;
      if (n > 0) throw new Refusal(409, 'conflict', `credential ${id} is used by ${n} channels; give them another first`);
      commit('api', `removes credential ${id}`, [{ kind: 'credential', id, op: 'remove', before: clone(find(state.credentials, id, 'credential')), after: null }]);
      return null;
    }
    case 'POST inventory/:': {
      const found = plan(state, body, params);
      const apply = params.get('apply') === 'true' && (found.plan.refused.length === 0 || params.get('skip_refused') === 'true');
      if (apply && params.get('expect_rev') !== null && Number(params.get('expect_rev')) < state.revisions.length) throw new Refusal(409, 'conflict', `revision ${state.revisions.length} was made since the file was looked at (${params.get('expect_rev')}); look at it again`);
      if (!apply) return found.plan;
      return { ...found.plan, applied: true, rev: commit('import', `${params.get('filename')}: ${found.plan.added.length} added, ${found.plan.changed.length} changed`, found.deeds(NEW)) };
    }
    case 'GET inventory/:': {
      if (id === 'export') return { bytes: Buffer.from(exported(state, params.get('kind'), params.get('format'))), type: 'text/csv; charset=utf-8' };
      const before = Number(params.get('before') ?? Infinity);
      const [kind, own] = [params.get('kind'), params.get('id')];
      const list = state.revisions.filter((r) => r.rev < before && (own === null || r.deeds.some((d) => d.kind === kind && d.id === own)));
      const told = ({ deeds: _, changes, ...r }) => (own === null ? r : { ...r, changes: changes.filter((x) => x.id === own) });
      return { revisions: list.reverse().slice(0, Number(params.get('limit') ?? 50)).map(told), rev: state.revisions.length };
    }
    case `GET inventory/:/${c}`: {
      const r = state.revisions[Number(c) - 1];
      if (!r) throw new Refusal(404, 'not_found', 'no such revision');
      const { deeds: _, ...rest } = r;
      return rest;
    }
    case 'GET map':
      return mapView(arg('tiles', 'yes') === 'yes');
    case 'GET brands':
      return { brands };
    case 'POST probe':
    case 'POST discover': {
      const ask = json();
      if (a === 'probe' && ask.host?.startsWith('169.254.')) throw new Refusal(422, 'invalid', 'host: 169.254.0.0/16 is link-local; no camera of a district is there');
      const job = randomUUID();
      state.jobs.set(job, { at: Date.now(), ask });
      return [202, { id: job }];
    }
    case 'GET probe/:':
    case 'GET discover/:': {
      const job = state.jobs.get(id);
      if (!job) throw new Refusal(404, 'not_found', `no such ${a}`);
      return a === 'probe' ? probe(job.ask, Date.now() - job.at) : discovery(job.ask, Date.now() - job.at, state.channels);
    }
    case 'GET node':
      return { node: 'node-1', site: 'district', status: 'online', boot: 'b', program: 'double', degraded: [], uptime_s: 60, channels: { running: state.channels.length } };
    default: {
      const square = /^\/map\/tiles\/(\d+)\/(\d+)\/(\d+)$/.exec(path);
      if (square) return { bytes: tile(...square.slice(1).map(Number)), type: 'image/png' };
      if (path === '/map/plans/hall/image') return { bytes: floorPlan(), type: 'image/png' };
      const back = /^\/inventory\/revisions\/(\d+)\/undo$/.exec(path);
      if (method === 'POST' && back) return { rev: undo(Number(back[1])) };
      throw new Refusal(404, 'not_found', 'no such route');
    }
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://double');
  const parts = [];
  request.on('data', (d) => parts.push(d));
  request.on('end', async () => {
    const head = { 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' };
    try {
      if (url.pathname.startsWith('/api/v1/')) {
        if (request.method !== 'GET' && url.pathname !== '/api/v1/login' && request.headers['x-csrf-token'] !== 'double') throw new Refusal(403, 'forbidden', 'no request token');
        if (request.method !== 'GET' && role === 'viewer' && !/\/log(in|out)$/.test(url.pathname)) throw new Refusal(403, 'forbidden', 'this takes the role engineer or administrator; this login has the role viewer');
        const open = /double=in/.test(request.headers.cookie ?? '');
        const answer = await api(request.method, url.pathname.slice(7), url.searchParams, Buffer.concat(parts), open);
        if (url.pathname.endsWith('/login')) head['set-cookie'] = 'double=in; Path=/; HttpOnly; SameSite=Strict';
        if (url.pathname.endsWith('/logout')) head['set-cookie'] = 'double=out; Path=/; HttpOnly; SameSite=Strict';
        if (answer === null) response.writeHead(204, head).end();
        else if (answer.bytes) response.writeHead(200, { ...head, 'content-type': answer.type, 'x-skyeye-age-ms': '400', 'x-skyeye-seen': new Date().toISOString() }).end(answer.bytes);
        else {
          const [status, value] = Array.isArray(answer) ? answer : [200, answer];
          response.writeHead(status, { ...head, 'content-type': 'application/json' }).end(JSON.stringify(value));
        }
        return;
      }
      const path = normalize(join(dist, url.pathname));
      const file = path.startsWith(dist) && extname(path) !== '' && existsSync(path) ? path : join(dist, 'index.html');
      // Read before anything is said: a build that is just being replaced is an error and no half answer.
      const bytes = readFileSync(file);
      response.writeHead(200, { ...head, 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(bytes);
    } catch (e) {
      if (!(e instanceof Refusal)) console.error(e);
      const known = e instanceof Refusal;
      response.writeHead(known ? e.status : 500, { ...head, 'content-type': 'application/json' }).end(JSON.stringify({ error: { kind: known ? e.kind : 'unavailable', message: e.message } }));
    }
  });
});

/** The live feed: as much MQTT as the console speaks. */
const sockets = new WebSocketServer({ server, path: '/mqtt', handleProtocols: () => 'mqtt' });
crowd?.start(Number(arg('alerts-per-s', 50)), (alert) => {
  const bytes = packet.generate({ cmd: 'publish', topic: `skyeye/v1/district/alert/${alert.id}`, payload: JSON.stringify(alert), qos: 0 });
  for (const socket of sockets.clients) if (socket.readyState === 1) socket.send(bytes);
});
sockets.on('connection', (socket) => {
  const parser = packet.parser({ protocolVersion: 4 });
  const send = (p) => socket.readyState === 1 && socket.send(packet.generate(p));
  socket.on('message', (data) => parser.parse(data));
  parser.on('packet', (p) => {
    if (p.cmd === 'connect') send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    if (p.cmd === 'subscribe') send({ cmd: 'suback', messageId: p.messageId, granted: p.subscriptions.map(() => 0) });
    if (p.cmd === 'pingreq') send({ cmd: 'pingresp' });
  });
  let at = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < rate / 10 && state.channels.length > 0; i += 1) {
      at = (at + 1) % state.channels.length;
      const c = state.channels[at];
      c.rate = Math.max(60, c.rate + Math.round(Math.random() * 40 - 20));
      c.at = Date.now();
      send({ cmd: 'publish', topic: `skyeye/v1/district/channel/${c.id}/health`, payload: JSON.stringify(health(c, c.state, c.at)), qos: 0 });
    }
  }, 100);
  socket.on('close', () => clearInterval(timer));
});
server.listen(port, '127.0.0.1', () => console.log(`the double: http://127.0.0.1:${port}, ${state.channels.length} channels`));
