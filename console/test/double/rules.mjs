/* Rules, timetables, traces and dry runs of the double: made up, but in the shapes of the gateway. */
const HOUR = 3_600_000;

export function makeRules(channels) {
  const ids = channels.filter((c) => c.state === 'running').map((c) => c.id);
  const rule = (part) => ({
    channels: [],
    tags: [],
    areas: [],
    except: [],
    for: [],
    timetable: null,
    zones: [],
    lines: [],
    direction: 'any',
    heading_deg: null,
    heading_within_deg: 60,
    labels: ['person'],
    owner_labels: ['person'],
    min_score: 0.5,
    keep_score: 0.3,
    min_height: 0,
    max_height: 1,
    min_area: 0,
    max_area: 1,
    start_looks: 1,
    clear_ms: 2500,
    cooldown_s: 0,
    dwell_s: null,
    min_count: null,
    min_density: 0,
    rise: 0,
    rise_s: 60,
    period_s: 3600,
    update_s: 10,
    looks_needed: null,
    in_view_s: 5,
    focus_hz: null,
    focus_when: 'seen',
    severity: 'medium',
    enabled: true,
    origin: 'inventory',
    rev: 1,
    ...part,
  });
  return {
    rules: [
      rule({ id: 'people', type: 'presence', channels: ['*'], origin: 'file', rev: null }),
      rule({ id: 'school-yard', type: 'intrusion', tags: ['学校'], zones: ['yard'], timetable: 'nights', severity: 'high', enabled: false, for: ids.slice(0, 3).map((channel) => ({ channel, enabled: true })) }),
      rule({ id: 'east-gate-line', type: 'line', channels: ['east-gate'], lines: ['gate'], direction: 'forward', focus_hz: 1.5 }),
      rule({ id: 'square-crowd', type: 'crowd', channels: ids.slice(3, 5), min_count: 12, severity: 'critical' }),
      rule({ id: 'no-parking', type: 'stopped', channels: ids.slice(5, 9), labels: ['car', 'truck'], dwell_s: 120, cooldown_s: 300, severity: 'low' }),
    ],
    timetables: [
      { id: 'nights', name: '夜间 Nights', time_zone: null, weekly: ['mon-fri 18:00-08:00', 'sat,sun 00:00-24:00'], holidays: ['2026-10-01..2026-10-07'], on_holidays: ['00:00-24:00'], exceptions: [{ from: '2026-12-24T14:00', to: '2026-12-24T18:00', on: false }], origin: 'inventory', rev: 1 },
      { id: 'school-hours', name: '上课 School hours', time_zone: 'Asia/Shanghai', weekly: ['mon-fri 07:30-12:00', 'mon-fri 13:30-17:00'], holidays: [], on_holidays: [], exceptions: [], origin: 'file', rev: null },
    ],
  };
}

const places = (c) => ({ zones: new Set((c.zone ?? []).map((z) => z.id)), lines: new Set((c.line ?? []).map((l) => l.id)) });
const sum = (id) => [...id].reduce((n, x) => n + x.charCodeAt(0), 0);

function channelsOf(state, rule) {
  return state.channels.filter((c) => {
    if (rule.except?.includes(c.id)) return false;
    if (rule.channels?.includes('*') || rule.channels?.includes(c.id)) return true;
    const [tags, areas] = [rule.tags ?? [], rule.areas ?? []];
    return tags.length + areas.length > 0 && (tags.length === 0 || tags.some((t) => c.tags.includes(t))) && (areas.length === 0 || areas.some((a) => c.area?.includes(a)));
  });
}

export function ruleView(state, rule, full = false) {
  const of = channelsOf(state, rule).map((c) => {
    const own = places(c);
    const placed = (rule.zones ?? []).length + (rule.lines ?? []).length === 0 || (rule.zones ?? []).some((z) => own.zones.has(z)) || (rule.lines ?? []).some((l) => own.lines.has(l));
    const except = (rule.for ?? []).find((e) => e.channel === c.id);
    return { id: c.id, name: c.name, area_names: [], placed, armed: placed && (except?.enabled ?? rule.enabled), raised_24h: placed ? sum(c.id) % 5 : 0 };
  });
  const armed = of.filter((c) => c.armed);
  const few = rule.type === 'line';
  return {
    ...rule,
    chosen: of.length,
    placed: of.filter((c) => c.placed).length,
    armed: armed.length,
    raised_24h: armed.reduce((n, c) => n + c.raised_24h, 0),
    looks: { needed: few ? 10 : 4, in_view_s: 5, patrol: 2.5, got: few ? 7.5 : 5, focus_hz: few ? 1.5 : 0 },
    warning: few ? 'the rule needs 10 looks at an object that is in view for 5 s, and focus_hz = 1.5 gives 7.5: it will miss some; leave focus_hz out or set it to 2.0' : null,
    ...(full ? { of: of.slice(0, 2000) } : {}),
  };
}

export function timetableView(state, table) {
  return { ...table, rules: state.rules.filter((r) => r.timetable === table.id).length, zone: table.time_zone ?? 'Asia/Shanghai', on: table.id === 'nights', next: new Date(Date.now() + 5 * HOUR).toISOString() };
}

/** People who walk over the square and along the road. */
export function traces(id, hours) {
  const [now, from] = [Date.now(), Date.now() - hours * HOUR];
  const seed = sum(id);
  const wave = (i, k) => Math.sin(i * 1.7 + k * 0.9 + seed) * 0.5 + 0.5;
  const paths = Array.from({ length: 40 }, (_, i) => {
    const [x0, y0, x1, y1] = i % 3 === 0 ? [0.05, 0.55 + wave(i, 1) * 0.1, 0.95, 0.7 + wave(i, 2) * 0.1] : [0.2 + wave(i, 3) * 0.3, 0.95, 0.5 + wave(i, 4) * 0.2, 0.35];
    const points = Array.from({ length: 20 }, (_, k) => [x0 + ((x1 - x0) * k) / 19 + wave(i, k) * 0.015, y0 + ((y1 - y0) * k) / 19 + wave(k, i) * 0.015]);
    return { label: 'person', from: new Date(from + i * 60_000).toISOString(), to: new Date(from + i * 60_000 + 20_000).toISOString(), points };
  });
  const cells = new Array(48 * 27).fill(0);
  for (const [x, y] of paths.flatMap((p) => p.points)) cells[Math.min(26, Math.floor(y * 27)) * 48 + Math.min(47, Math.floor(x * 48))] += 2;
  return { looks: 4200, from: new Date(from).toISOString(), to: new Date(now).toISOString(), paths, heat: { columns: 48, rows: 27, cells } };
}

export function dryRun(state, ask) {
  const known = ask.id ? state.rules.find((r) => r.id === ask.id) : null;
  const rule = { ...(known ?? {}), ...(ask.rule ?? {}) };
  const of = channelsOf(state, rule).filter((c) => !ask.channels?.length || ask.channels.includes(c.id));
  const [to, from] = [Date.now(), Date.now() - ask.hours * HOUR];
  const events = [];
  const told = of.slice(0, 300).map((c) => {
    const view = ruleView(state, { ...rule, channels: [c.id], tags: [], areas: [], enabled: true, for: [] }, true).of[0];
    const n = view?.placed && !(rule.min_score > 0.9) ? 1 + (sum(c.id) % 6) : 0;
    for (let i = 0; i < n; i += 1) {
      const start = from + ((i + 0.5 + (sum(c.id) % 7) / 10) / (n + 1)) * (to - from);
      events.push({ channel: c.id, type: rule.type, zone: rule.zones?.[0] ?? null, start: new Date(start).toISOString(), end: new Date(start + 20_000 + 90_000 * (i % 3)).toISOString(), ended: 'cleared', joined: i % 4 === 3, objects: [{ track: i, label: rule.labels?.[0] ?? 'person', score: 0.8, bbox: { x: 0.3, y: 0.3, w: 0.1, h: 0.3 } }] });
    }
    const alerts = n - Math.floor(n / 4);
    return { id: c.id, name: c.name, looks: view?.placed ? 40_000 : 0, from: new Date(from).toISOString(), to: new Date(to).toISOString(), events: n, alerts, alerts_per_day: view?.placed ? (alerts * 24) / ask.hours : null, raised_24h: view?.raised_24h ?? 0, problem: view?.placed ? null : "none of the rule's zones or lines is drawn on this channel" };
  });
  events.sort((a, b) => a.start.localeCompare(b.start));
  const rates = told.flatMap((c) => (c.alerts_per_day === null ? [] : [c.alerts_per_day]));
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    looks: told.reduce((n, c) => n + c.looks, 0),
    channels: told,
    left_out: Math.max(0, of.length - 300),
    events: events.slice(0, 1000),
    events_total: events.length,
    alerts_total: told.reduce((n, c) => n + c.alerts, 0),
    alerts_per_day: rates.length > 0 ? rates.reduce((n, x) => n + x, 0) : null,
  };
}
