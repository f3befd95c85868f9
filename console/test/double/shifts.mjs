/* Made-up numbers of two positions, and handovers that are kept in memory. */
const iso = (ms) => new Date(ms).toISOString();
const MINUTE = 60_000;
const fig = (value, target, limit, least = false, enough = true) => {
  const within = (bound) => (least ? value >= bound : value <= bound);
  return { value, target, limit, least, verdict: !enough ? 'few' : within(target) ? 'good' : within(limit) ? 'watch' : 'bad' };
};
export const POSITIONS = [
  { id: 'north-desk', name: '北片指挥席', whole: true },
  { id: 'south-desk', name: 'South desk', whole: true },
  { id: 'schools', name: '学校专席', whole: false },
];

export function numbers(channels, position, from, to, flood = 10) {
  const span = to - from;
  const count = Math.ceil(span / (10 * MINUTE));
  const rows = Array.from({ length: count }, (_, i) => (i % 17 === 11 ? 13 : (i * 7) % 5 === 0 ? 3 : (i * 5) % 4 === 1 ? 1 : 0));
  const all = rows.reduce((n, x) => n + x, 0);
  const some = channels.slice(0, 40);
  const place = (i) => ({ channel: some[i % some.length]?.id ?? 'c', channel_name: some[i % some.length]?.name ?? 'C' });
  const sources = Array.from({ length: 10 }, (_, i) => {
    const n = Math.max(1, Math.round((all * 0.16) / (i + 1.4)));
    const judged = Math.round(n * 0.7);
    return { ...place(i * 3), rule: i % 3 === 0 ? 'people' : i % 3 === 1 ? 'east-gate-line' : 'health', type: i % 3 === 0 ? 'presence' : i % 3 === 1 ? 'line' : 'health', rows: n, share: n / all, judged, false: Math.round(judged * (0.9 - i * 0.08)), nuisance: i % 2 };
  });
  const top = sources.reduce((n, s) => n + s.rows, 0);
  const mix = [Math.round(all * 0.71), Math.round(all * 0.2), Math.round(all * 0.07), Math.round(all * 0.01)];
  const share = (n) => n / Math.max(1, all);
  return {
    from: iso(from),
    to: iso(to),
    chosen: 'shift',
    position: position || null,
    positions: position ? 1 : 3,
    rows: all,
    rows_per_hour: fig(all / (span / 3_600_000), 6, 12),
    windows: { seconds: 600, together: 1, flood_alerts: flood, rows, largest: fig(Math.max(...rows), flood, flood * 2), mean: fig(all / count, 1, 2), flooded: fig(rows.filter((n) => n > flood).length / count, 0.01, 0.05) },
    stale: {
      count: fig(7, 4, 10),
      rows: Array.from({ length: 7 }, (_, i) => ({ id: `01938f10-0000-7000-8000-00000000000${i}`, ...place(i), rule: 'people', type: i % 2 ? 'intrusion' : 'presence', state: i % 3 ? 'acknowledged' : 'new', priority: ['low', 'medium', 'high'][i % 3], owner: i % 3 ? 'li.na' : null, since: iso(to - (25 + i * 9) * 60 * MINUTE) })),
    },
    chattering: { count: fig(2, 0, 3), sources: [0, 1].map((i) => ({ ...place(i * 7 + 1), rule: 'people', alerts: 41 - i * 20 })) },
    top: { share: fig(top / all, 0.05, 0.2, false, all >= 200), sources },
    priorities: [
      { priority: 'low', rows: mix[0], share: fig(share(mix[0]), 0.8, 0.6, true) },
      { priority: 'medium', rows: mix[1], share: fig(share(mix[1]), 0.15, 0.3) },
      { priority: 'high', rows: mix[2], share: fig(share(mix[2] + mix[3]), 0.05, 0.15) },
      { priority: 'critical', rows: mix[3], share: fig(share(mix[3]), 0.01, 0.05) },
    ],
    times: {
      acknowledge: { rows: all - 4, p50_ms: 48_000, p90_ms: 260_000, max_ms: 3_900_000 },
      resolve: { rows: all - 12, p50_ms: 420_000, p90_ms: 2_700_000, max_ms: 26_000_000 },
      due: all,
      in_time: all - 3,
      in_time_share: fig((all - 3) / all, 0.95, 0.8, true),
    },
    false: { share: fig(0.37, 0.2, 0.5), judged: all - 12, false: Math.round((all - 12) * 0.37), nuisance: 5, rules: [{ rule: 'people', rows: 60, judged: 41, false: 19, nuisance: 3 }, { rule: 'east-gate-line', rows: 22, judged: 20, false: 4, nuisance: 2 }, { rule: 'health', rows: 9, judged: 0, false: 0, nuisance: 0 }] },
    aside: { held: 3, under: 46, brief: 188, held_back: 1204, groups: [{ how: 'brief', because: 'weak', alerts: 188 }, { how: 'held', because: 'weak', alerts: 3 }, { how: 'under', because: 'flood', alerts: 31 }, { how: 'under', because: 'incident', alerts: 15 }] },
  };
}

function openRows(channels) {
  const now = Date.now();
  return Array.from({ length: 9 }, (_, i) => ({
    id: `01938f10-0000-7000-8000-0000000000${10 + i}`,
    rev: 3,
    type: ['presence', 'intrusion', 'line', 'health'][i % 4],
    rule: 'people',
    channel: channels[i * 5]?.id ?? 'c',
    channel_name: channels[i * 5]?.name ?? 'C',
    area: [],
    state: ['new', 'acknowledged', 'dispatched'][i % 3],
    priority: ['critical', 'high', 'high', 'medium', 'medium', 'low', 'low', 'low', 'low'][i],
    opened: iso(now - (20 + i * 37) * MINUTE),
    since: iso(now - (20 + i * 37) * MINUTE),
    owner: i % 3 ? 'wang.wei' : null,
    dispatched_to: i % 3 === 2 ? '望江路网格 12，张队' : null,
    shelved: i >= 7 ? { by: 'wang.wei', reason: '道路施工到本周五，工人反复进入画面', until: iso(now + (i - 5) * 60 * MINUTE) } : null,
    note: i % 2 === 0 ? { by: 'wang.wei', at: iso(now - 9 * MINUTE), text: i === 0 ? '已电话通知值班校长，保安正在赶往东门；请接班后跟进反馈，并确认监控已拍到离开方向。' : 'Called the guard, waits for a call back.' } : null,
  }));
}

/** `me` is who is logged in. */
export function makeHandovers(channels) {
  const now = Date.now();
  const past = (id, hoursAgo, outgoing, incoming, state = 'accepted') => ({
    id,
    position: 'north-desk',
    state,
    from: iso(now - (hoursAgo + 8) * 3_600_000),
    to: iso(now - hoursAgo * 3_600_000),
    outgoing,
    written: iso(now - hoursAgo * 3_600_000),
    offered: iso(now - hoursAgo * 3_600_000),
    incoming,
    ended: state === 'offered' ? null : iso(now - hoursAgo * 3_600_000 + 6 * MINUTE),
    open: 9,
    shelved: 2,
    notes: '东门道闸维修到周五，夜间有施工车辆进出，属正常。\n第 3 网格的两路摄像机离线，已报修（工单 8841）。\n22:40 学校周界有人翻越，保安核实为学生取球，已结束。',
    remark: incoming ? '已核对，工单号无误。' : '',
    rows: openRows(channels),
    numbers: numbers(channels, 'north-desk', now - (hoursAgo + 8) * 3_600_000, now - hoursAgo * 3_600_000),
  });
  return [past(1, 21, 'li.na', 'wang.wei'), past(2, 13, 'wang.wei', 'zhao.min'), past(3, 5, 'zhao.min', null, 'offered')];
}
const line = ({ notes: _n, remark: _r, rows: _rows, numbers: _numbers, ...rest }) => rest;

export function handoverApi(state, Refusal, me) {
  const list = (state.handovers ??= makeHandovers(state.channels));
  const find = (id) => {
    const found = list.find((h) => h.id === Number(id));
    if (!found) throw new Refusal(404, 'not_found', 'no such handover');
    return found;
  };
  const present = (position) => {
    const now = Date.now();
    const rows = position === 'south-desk' ? [] : openRows(state.channels);
    return { position, from: iso(now - 5 * 3_600_000), to: iso(now), open: rows.length, shelved: rows.filter((r) => r.shelved).length, rows, numbers: numbers(state.channels, position, now - 5 * 3_600_000, now) };
  };
  return {
    now: (position) => {
      const { from: _f, to: _t, ...rest } = present(position);
      const offered = list.find((h) => h.position === position && h.state === 'offered');
      return { ...rest, draft: list.find((h) => h.position === position && h.state === 'draft' && h.outgoing === me) ?? null, offered: offered ? line(offered) : null };
    },
    list: (position) => ({ handovers: list.filter((h) => !position || h.position === position).map(line).reverse(), next: null }),
    get: find,
    write: ({ position, notes, offer }) => {
      const waits = list.find((h) => h.position === position && h.state === 'offered');
      if (offer && waits) throw new Refusal(409, 'conflict', `${waits.outgoing} has signed handover ${waits.id} of this position already; accept it, or let ${waits.outgoing} withdraw it first`);
      const at = iso(Date.now());
      const draft = list.find((h) => h.position === position && h.state === 'draft' && h.outgoing === me);
      const made = { ...present(position), id: draft?.id ?? list.length + 1, state: offer ? 'offered' : 'draft', outgoing: me, written: at, offered: offer ? at : null, incoming: null, ended: null, notes, remark: '' };
      if (draft) Object.assign(draft, made);
      else list.push(made);
      return made;
    },
    accept: (id, { remark }) => {
      const h = find(id);
      if (h.outgoing === me) throw new Refusal(409, 'conflict', `you have signed handover ${id} yourself; another login must accept it`);
      return Object.assign(h, { state: 'accepted', incoming: me, remark, ended: iso(Date.now()) });
    },
    withdraw: (id) => Object.assign(find(id), { state: 'withdrawn', ended: iso(Date.now()) }),
  };
}
