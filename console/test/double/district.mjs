/* A made-up district for the double: areas, credentials, channels with health, all from one seed. */
import { borderOf, placeIn } from './map.mjs';

const KINDS = ['district', 'street', 'community', 'grid', 'micro-grid'];
const STREETS = ['滨河街道', '南门街道', '学府街道', '工业园街道', '古城街道', '新港街道'];
const SPOTS = ['东门', '西门', '南路口', '北路口', '停车场', '学校门口', '地铁口', '广场', '桥下', '菜市场'];
const PEOPLE = ['王建国', '李秀英', '张伟', '刘洋', '陈静', '赵敏'];
export const STATES = ['running', 'connecting', 'stalled', 'offline', 'unreachable', 'auth_failed', 'refused', 'misconfigured', 'disabled'];
const REASONS = {
  running: 'Pictures arrive.',
  connecting: 'Waits for its turn at the host: 4 sessions are being set up.',
  stalled: 'No picture for 10 s; the session is begun anew.',
  offline: 'The camera closed the session; next try in 8 s.',
  unreachable: 'No TCP connection to 10.0.3.7:554: timed out after 10 s; next try in 60 s.',
  auth_failed: 'The camera refused user and password (401); tried again in 15 min, so that the account is not locked.',
  refused: 'The camera answers 453 Not Enough Bandwidth: its sessions are all taken.',
  misconfigured: 'The camera answers 404 Not Found to /Streaming/Channels/102; check the path.',
  disabled: 'Switched off in the configuration.',
};
const CONDITIONS = ['frozen', 'dark', 'bright', 'blurred', 'covered', 'moved', 'bitrate_collapsed', 'key_interval_long', 'clock_skew'];

function dice(seed) {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 4294967296;
  };
}

export function health(channel, state, at, part = {}) {
  return {
    schema: 'skyeye.health',
    version: 1,
    node: 'node-1',
    site: 'district',
    channel: channel.id,
    area: channel.area,
    at: new Date(at).toISOString(),
    state,
    reason: REASONS[state],
    since: new Date(channel.since).toISOString(),
    codec: channel.codec,
    width: channel.size[0],
    height: channel.size[1],
    kbit_s: state === 'running' ? channel.rate : 0,
    unit_rate_hz: state === 'running' ? 12.5 : 0,
    key_interval_s: 2,
    look_rate_hz: state === 'running' ? 0.5 : 0,
    clock_skew_ms: channel.skew,
    lost_packets: 3,
    sessions: 2,
    conditions: channel.conditions,
    ...part,
  };
}

/** `placed`: every channel has coordinates, and not three of four. */
export function makeDistrict(count, placed = false) {
  const random = dice(7);
  const now = Date.now();
  const areas = [];
  const leaves = [];
  const add = (id, name, kind, parent, people = []) => {
    areas.push({ id, name, kind, parent, people, lat: null, lon: null, polygon: borderOf(id), origin: id === 'd' ? 'file' : 'inventory' });
    return id;
  };
  const person = (role) => ({ name: PEOPLE[Math.floor(random() * PEOPLE.length)], role, phone: `138${String(Math.floor(random() * 1e8)).padStart(8, '0')}`, email: '' });
  add('d', '望江区', KINDS[0], null, [person('区指挥中心主任')]);
  STREETS.forEach((name, s) => {
    const street = add(`s${s + 1}`, name, KINDS[1], 'd', [person('街道综治办主任')]);
    for (let c = 1; c <= 6; c += 1) {
      const community = add(`${street}-c${c}`, `${name.slice(0, 2)}第${c}社区`, KINDS[2], street, [person('社区书记'), person('社区民警')]);
      for (let g = 1; g <= 4; g += 1) {
        const grid = add(`${community}-g${g}`, `第${g}网格`, KINDS[3], community, [person('网格长')]);
        for (let m = 1; m <= 3; m += 1) leaves.push(add(`${grid}-m${m}`, `第${m}微网格`, KINDS[4], grid, [person('网格员')]));
      }
    }
  });
  const byId = new Map(areas.map((a) => [a.id, a]));
  const credentials = [
    { id: 'hik-shared', username: 'admin', origin: 'inventory' },
    { id: 'dahua-schools', username: 'viewer', origin: 'inventory' },
    { id: 'lobby', username: 'guest', origin: 'file' },
    { id: 'unused', username: 'nobody', origin: 'inventory' },
  ];
  const channels = [];
  for (let i = 0; i < count; i += 1) {
    const area = leaves[Math.floor(random() * leaves.length)];
    const host = `10.0.${1 + (i % 40)}.7`;
    const no = 1 + Math.floor(i / 40);
    const roll = random();
    const state = roll < 0.93 ? 'running' : STATES[1 + Math.floor(random() * 8)];
    const street = byId.get(area.split('-')[0]);
    channels.push({
      id: i === 0 ? 'east-gate' : `cam-${String(i).padStart(5, '0')}`,
      name: `${street.name.slice(0, 2)}${SPOTS[i % SPOTS.length]}${Math.floor(i / SPOTS.length) + 1}号`,
      areaId: area,
      area: [],
      host,
      url: `rtsp://${host}:554/Streaming/Channels/${no}02`,
      main_url: i % 3 === 0 ? `rtsp://${host}:554/Streaming/Channels/${no}01` : '',
      credential: i % 2 ? 'hik-shared' : 'dahua-schools',
      transport: i % 17 === 0 ? 'udp' : 'tcp',
      stream: 'sub',
      enabled: state !== 'disabled',
      weight: 1,
      external_id: `3301060000132${String(i).padStart(7, '0')}`,
      tags: [i % 3 === 0 ? 'recorder' : 'ipc', ...(i % 11 === 0 ? ['学校'] : [])],
      ...(i % 4 || placed ? placeIn(area, i) : { lat: null, lon: null }),
      origin: i % 50 === 1 ? 'file' : 'inventory',
      rev: 0,
      state,
      since: now - Math.floor(random() * 36) * 3_600_000 - 60_000,
      codec: i % 5 === 0 ? 'h265' : 'h264',
      size: i % 5 === 0 ? [640, 360] : [704, 576],
      rate: 200 + Math.floor(random() * 400),
      skew: random() < 0.02 ? 5400 : 40,
      conditions:
        state === 'running' && random() < 0.02
          ? [{ kind: CONDITIONS[Math.floor(random() * CONDITIONS.length)], since: new Date(now - 1_800_000).toISOString(), reason: 'Three looks in a row agree.' }]
          : [],
    });
  }
  return { areas, credentials, channels };
}

/** The newest first: as the gateway tells them. */
export function statesOf(channel) {
  const at = (h) => new Date(Date.now() - h * 3_600_000).toISOString();
  return [
    { at: new Date(channel.since).toISOString(), state: channel.state, reason: REASONS[channel.state] },
    { at: at(38), state: 'connecting', reason: 'A session is being set up.' },
    { at: at(39), state: 'unreachable', reason: REASONS.unreachable },
    { at: at(46), state: 'running', reason: REASONS.running },
  ]
    .concat(
      channel.id === 'east-gate'
        ? [
            { at: at(1.2), state: 'running', reason: REASONS.running },
            { at: at(1.3), state: 'connecting', reason: 'A session is being set up.' },
            { at: at(3.4), state: 'offline', reason: REASONS.offline },
            { at: at(9), state: 'running', reason: REASONS.running },
            { at: at(9.5), state: 'auth_failed', reason: REASONS.auth_failed },
            { at: at(22), state: 'running', reason: REASONS.running },
            { at: at(23), state: 'stalled', reason: REASONS.stalled },
          ]
        : [],
    )
    .sort((a, b) => (a.at < b.at ? 1 : -1));
}
