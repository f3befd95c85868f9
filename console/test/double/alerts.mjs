/* Some alerts as the gateway decides on them: a row, a shelved one, an escalated one, one under another. */
const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

export function makeAlerts(channels) {
  const alert = (n, minutes, part) => ({
    schema: 'skyeye.alert', version: 1, id: `alert-${n}`, cursor: n, seq: n, boot: 'b', rev: 3, node: 'box', site: 'demo',
    channel: channels[n].id, channel_name: channels[n].name, area: channels[n].area ?? [], type: 'presence', state: 'new', active: true,
    severity: 'medium', rule: { id: 'night-yard', revision: '0123456789ab' }, zone: null, dedupe_key: `k${n}`, incident: null,
    first_event: `e${n}`, last_event: `e${n}`, events: 1, opened: at(minutes), updated: at(minutes), committed: at(minutes), owner: null,
    objects: [{ track: 1, label: 'person', score: 0.9, bbox: { x: 0.1, y: 0.2, w: 0.3, h: 0.4 } }], media: [],
    priority: 'medium', position: 'east', showing: { how: 'row' }, due: at(minutes - 15), ...part,
  });
  return [
    alert(9, 1, { priority: 'low' }),
    alert(8, 2, { priority: 'high', due: at(-3), under: 4 }),
    alert(7, 3, { showing: { how: 'under', because: 'incident', row: 'alert-8' } }),
    alert(6, 9, { priority: 'critical', due: at(6), escalated: { level: 1, to: 'supervisor', at: at(6) }, position: 'west' }),
    alert(5, 20, { state: 'acknowledged', owner: 'li', active: false }),
    alert(4, 30, { state: 'dispatched', owner: 'li', dispatched_to: 'Patrol 2', chattering: true, held_back: 12 }),
    alert(3, 40, { shelved: { by: 'li', reason: 'Rain on the lens', at: at(10), until: at(-50) } }),
    alert(2, 50, { state: 'resolved', owner: 'li', active: false, result: 'false' }),
  ];
}
