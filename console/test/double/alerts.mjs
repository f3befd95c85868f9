/*
 * Some alerts as the gateway decides on them: a row, a shelved one, an escalated one, an incident with what is counted
 * under it, several pictures; with `flood` many of one street. And the parts of the API that the desk uses.
 */
const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
const box = (label, score, x, y, w, h) => ({ track: 1, label, score, bbox: { x, y, w, h } });

export function makeAlerts(channels, { flood = false } = {}) {
  const media = (event, objects) => ({ kind: 'snapshot', content_type: 'image/jpeg', url: `/api/v1/events/${event}/snapshot`, sha256: '00', bytes: 1, width: 320, height: 180, objects });
  const alert = (n, minutes, part) => {
    const objects = part.objects ?? [box('person', 0.9, 0.42, 0.45, 0.1, 0.4)];
    return {
      schema: 'skyeye.alert', version: 1, id: `alert-${n}`, cursor: n, seq: n, boot: 'b', rev: 3, node: 'box', site: 'demo',
      channel: channels[n].id, channel_name: channels[n].name, area: channels[n].area ?? [], type: 'presence', state: 'new', active: true,
      severity: 'medium', rule: { id: 'night-yard', revision: '0123456789ab' }, zone: null, dedupe_key: `k${n}`, incident: null,
      first_event: `e${n}`, last_event: `e${n}`, events: 1, opened: at(minutes), updated: at(minutes), committed: at(minutes), owner: null,
      objects, media: [media(`e${n}`, objects)], priority: 'medium', position: 'east', showing: { how: 'row' }, due: at(minutes - 15), ...part,
    };
  };
  const near = channels[8].area ?? [];
  const same = (n) => ({ area: near, incident: 'i-8', channel: channels[n].id, channel_name: channels[n].name });
  const list = [
    alert(9, 1, { priority: 'low' }),
    alert(8, 22, { priority: 'high', due: at(-3), under: 4, type: 'intrusion', incident: 'i-8', events: 7, first_event: 'e8-0', last_event: 'e8-6', zone: channels[8].zone?.[0]?.id ?? null }),
    alert(7, 3, { ...same(7), type: 'intrusion', showing: { how: 'under', because: 'incident', row: 'alert-8' } }),
    alert(6, 9, { priority: 'critical', due: at(6), escalated: { level: 1, to: 'east', at: at(6) }, position: 'west' }),
    alert(5, 20, { state: 'acknowledged', owner: 'li', active: false }),
    alert(4, 30, { state: 'dispatched', owner: 'li', dispatched_to: 'Patrol 2', chattering: true, held_back: 12 }),
    alert(3, 40, { shelved: { by: 'li', reason: 'Rain on the lens', at: at(10), until: at(-50) } }),
    alert(2, 50, { state: 'resolved', owner: 'li', active: false, result: 'false' }),
    alert(10, 4, { ...same(10), type: 'line' }),
    alert(11, 5, { ...same(11), type: 'intrusion', showing: { how: 'under', because: 'flood', row: 'alert-8' } }),
    alert(12, 6, { ...same(12), type: 'intrusion', showing: { how: 'under', because: 'flood', row: 'alert-8' } }),
    alert(13, 7, { ...same(13), type: 'intrusion', state: 'closed', active: false, showing: { how: 'under', because: 'explained', row: 'alert-8' } }),
  ];
  for (let n = 20; flood && n < 60; n += 1) {
    const group = Math.floor(n / 6);
    const area = channels[group * 6].area ?? [];
    list.push(alert(n, 2 + n / 8, { area, type: ['intrusion', 'line', 'loitering', 'crowd'][n % 4], incident: group % 2 ? `i-${group}` : null, priority: n % 13 === 0 ? 'critical' : n % 5 === 0 ? 'high' : 'medium', under: n % 3 }));
  }
  return list;
}

function history(alert) {
  return [
    { rev: 1, at: alert.opened, author: null, action: 'opened', from: null, to: 'new', note: null },
    { rev: 2, at: at(8), author: null, action: 'raised', from: 'new', to: 'new', note: null },
    ...(alert.history ?? []),
  ];
}

/** Seven visits, each with a picture; of the one in the middle the detector was surest. */
function events(alert) {
  if (alert.events === 1) {
    return [{ ...fact(alert, alert.first_event, Date.parse(alert.opened)), objects: alert.objects, media: alert.media }];
  }
  return Array.from({ length: alert.events }, (_, i) => {
    const seen = Date.parse(alert.opened) + i * 170_000;
    const objects = [box('person', [0.61, 0.7, 0.66, 0.93, 0.72, 0.64, 0.58][i] ?? 0.6, 0.1 + i * 0.11, 0.5, 0.09, 0.36)];
    const url = `/api/v1/events/e8-${i}/snapshot`;
    if (i === 6) alert.media = [{ ...alert.media[0], url, objects }];
    return { ...fact(alert, `e8-${i}`, seen), objects, media: [{ ...alert.media[0], url, objects }] };
  });
}
const fact = (alert, id, seen) => ({
  id, cursor: seen, channel: alert.channel, type: alert.type, phase: 'start', end: null, severity: alert.severity, rate_hz: 2, zone: alert.zone, alert: alert.id, model: { name: 'yolox-nano', sha256: 'abcdef0123' },
  times: { seen: new Date(seen).toISOString(), ingested: new Date(seen + 180).toISOString(), committed: new Date(seen + 320).toISOString(), clock: 'camera', skew_ms: 40 },
});

export const detail = (alert) => ({ alert, history: history(alert), events: events(alert) });

const digest = (alerts) => ({
  since: at(48), until: at(12), rows: 23, collapsed: 140,
  came: [{ type: 'intrusion', count: 88 }, { type: 'line', count: 51 }, { type: 'health', count: 24 }],
  leads: alerts.slice(0, 6).map((a, i) => ({ alert: a.id, type: a.type, channel: a.channel, channel_name: a.channel_name, area: a.area, under: 60 - i * 9 })),
});
export const positions = (alerts, flood) => ({
  positions: ['east', 'west'].map((id) => {
    const rows = alerts.filter((a) => a.position === id && a.state !== 'closed' && a.showing.how === 'row');
    const count = (p) => rows.filter((a) => a.priority === p).length;
    return {
      id, name: { east: '东区席', west: '西区席' }[id], areas: [], escalate_to: id === 'west' ? 'east' : null,
      flood: flood === 'on' && id === 'east' ? { since: at(14), rows: 31, collapsed: 127 } : null,
      digest: flood === 'over' && id === 'east' ? digest(alerts) : null,
      rows: { low: count('low'), medium: count('medium'), high: count('high'), critical: count('critical'), waiting: rows.filter((a) => a.state === 'new').length, escalated: alerts.filter((a) => a.state === 'new' && a.escalated?.to === id).length },
    };
  }),
});

export const procedures = (alert) => ({
  procedures: alert?.type === 'intrusion' ? [
    { id: 'school-intrusion', title: '校园夜间入侵处置', types: ['intrusion'], areas: [], steps: ['查看实时画面，确认人数和位置', '电话联系值班保安到场', '通知辖区民警并派巡逻组', '现场反馈后填写结果'] },
    { id: 'usual', title: 'General: any alert', types: [], areas: [], steps: ['Look at the picture', 'Call the people of the area'] },
  ] : [],
});

const TO = { acknowledge: 'acknowledged', dispatch: 'dispatched', resolve: 'resolved', close: 'closed', release: 'new', reopen: 'acknowledged', return: 'acknowledged' };
export function act(alert, action, body, user) {
  const from = alert.state;
  alert.state = TO[action] ?? from;
  alert.rev += 1;
  if (action === 'acknowledge') alert.owner = user;
  if (action === 'dispatch') alert.dispatched_to = body.to;
  alert.history = [...(alert.history ?? []), { rev: alert.rev, at: at(0), author: user, action, from, to: alert.state, note: body.note ?? null }];
  return alert;
}
