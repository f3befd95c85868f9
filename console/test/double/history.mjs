/* Alerts of three weeks, found and counted the way the gateway does it, only without an index. */
const KINDS = ['presence', 'intrusion', 'line', 'loitering', 'crowd', 'health'];
const LEVELS = ['low', 'low', 'medium', 'medium', 'medium', 'high', 'critical'];
const RESULTS = ['true', 'false', 'false', 'nuisance', 'test'];
const COUNT = 4000;

export function makeHistory(channels) {
  let seed = 42;
  const dice = (n) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * n);
  };
  const list = [];
  let at = Date.now();
  for (let n = COUNT; n > 0; n -= 1) {
    // Busy by day, quiet by night.
    const hour = new Date(at + 8 * 3_600_000).getUTCHours();
    at -= (2 + dice(hour > 6 && hour < 20 ? 8 : 30)) * 60_000;
    const c = channels[dice(Math.min(channels.length, 400))];
    const type = KINDS[dice(dice(KINDS.length) + 1)];
    const open = n > COUNT - 30 && dice(2) === 0;
    const result = open || dice(5) === 0 ? undefined : RESULTS[dice(RESULTS.length)];
    const level = LEVELS[dice(LEVELS.length)];
    const iso = new Date(at).toISOString();
    list.push({
      schema: 'skyeye.alert', version: 1, id: `past-${n}`, cursor: n, seq: n, boot: 'b', rev: 3, node: 'box', site: 'demo', channel: c.id,
      channel_name: c.name, area: c.area ?? [], type, state: open ? 'new' : result ? 'resolved' : 'closed', active: false, severity: level,
      rule: { id: `${type}-${dice(4)}`, revision: '0123456789ab' }, zone: null, dedupe_key: `k${n}`, incident: null, first_event: `e${n}`,
      last_event: `e${n}`, events: 1 + dice(3), opened: iso, updated: iso, committed: iso, owner: result ? ['li', 'wang', 'zhao'][dice(3)] : null,
      objects: type === 'health' ? [] : [{ track: 1, label: 'person', score: 0.9, bbox: { x: 0.1, y: 0.2, w: 0.3, h: 0.4 } }], media: [],
      priority: level, position: ['east', 'west'][dice(2)], showing: { how: 'row' }, ...(result ? { result } : {}),
    });
  }
  return list;
}

function fits(a, q) {
  const is = (key, value) => !q.get(key) || q.get(key) === value;
  const state = q.get('state');
  const words = (q.get('text') ?? '').toLowerCase().split(/\s+/).filter((w) => w !== '');
  const text = `${a.channel_name} ${a.rule.id} ${a.type}`.toLowerCase();
  return (
    (!q.get('from') || a.opened >= q.get('from')) && (!q.get('to') || a.opened < q.get('to')) && (!q.get('area') || a.area.includes(q.get('area'))) &&
    is('channel', a.channel) && is('type', a.type) && is('priority', a.priority) && is('result', a.result) && is('owner', a.owner) && is('rule', a.rule.id) &&
    is('position', a.position) && (!state || state === a.state || (state === 'open' && a.state !== 'closed')) && words.every((w) => text.includes(w))
  );
}

export function search(list, q) {
  const before = Number(q.get('before') ?? Infinity);
  const limit = Number(q.get('limit') ?? 100);
  const found = list.filter((a) => a.cursor < before && fits(a, q)).slice(0, limit);
  return { alerts: found, next: found.length === limit ? found.at(-1).cursor : null, filling: false };
}

export function summary(list, q) {
  const by = q.get('by');
  const step = by === 'day' ? 86_400_000 : 3_600_000;
  // The double's site is eight hours ahead.
  const begin = (a) => new Date(Math.floor((Date.parse(a.opened) + 8 * 3_600_000) / step) * step - 8 * 3_600_000).toISOString();
  const key = { hour: begin, day: begin, type: (a) => a.type, area: (a) => a.area[1] ?? a.area[0] ?? '', channel: (a) => a.channel, rule: (a) => a.rule.id, result: (a) => a.result ?? '', priority: (a) => a.priority }[by];
  const counts = new Map();
  const found = list.filter((a) => fits(a, q));
  for (const a of found) counts.set(key(a), (counts.get(key(a)) ?? 0) + 1);
  let groups = [...counts].map(([k, count]) => ({ key: k, count }));
  if (by === 'hour' || by === 'day') {
    const keys = groups.map((g) => Date.parse(g.key)).sort((x, y) => x - y);
    groups = [];
    for (let at = keys[0]; at <= keys.at(-1); at += step) groups.push({ key: new Date(at).toISOString(), count: counts.get(new Date(at).toISOString()) ?? 0 });
  } else groups.sort((x, y) => y.count - x.count);
  return { by, total: found.length, groups, more: false, filling: false };
}
