/*
 * A desk under load: so many open alerts, and so many more a second. For each that comes the oldest is closed, so that
 * the number of the open ones stays; both are said on the live feed, and listed in pages as the gateway lists them. Some
 * belong to an incident, and the newest one grows as long as it is the newest. Who has missed some loads all of them anew.
 */
const KINDS = ['intrusion', 'presence', 'line', 'loitering', 'crowd'];
/** Of a hundred. */
const PRIORITIES = [[2, 'critical'], [15, 'high'], [50, 'medium'], [100, 'low']];
const MAX_LIST = 500;
/** One of so many belongs to an incident, which goes on for so many alerts and then makes way for the next. */
const INCIDENT = { of: 4, over: 1000 };
const TICK_MS = 100;

export class Crowd {
  constructor(channels, open) {
    this.channels = channels;
    this.made = 0;
    this.cursor = 0;
    /** Newest first, as they are listed; the closed ones fall out. */
    this.list = [];
    this.byId = new Map();
    const began = Date.now() - open * 1000;
    for (let n = 0; n < open; n += 1) this.add(began + n * 1000);
  }

  add(opened) {
    this.made += 1;
    const n = this.made;
    const channel = this.channels[(n * 7919) % this.channels.length];
    const of100 = (n * 37) % 100;
    const priority = PRIORITIES.find(([below]) => of100 < below)[1];
    const event = `crowd-event-${n}`;
    const at = new Date(opened).toISOString();
    const incident = n % INCIDENT.of === 0 ? `crowd-incident-${Math.floor(n / INCIDENT.over)}` : null;
    const objects = Array.from({ length: 1 + (n % 3) }, (_, i) => ({ track: i + 1, label: 'person', score: 0.8, bbox: { x: 0.1 + i * 0.2, y: 0.4, w: 0.1, h: 0.4 } }));
    this.cursor += 1;
    const alert = {
      schema: 'skyeye.alert', version: 1, id: `crowd-${String(n).padStart(9, '0')}`, cursor: this.cursor, seq: n, boot: 'b', rev: 1, node: 'box', site: 'demo',
      channel: channel.id, channel_name: channel.name, area: channel.area ?? [], type: KINDS[n % KINDS.length], state: 'new', active: n % 2 === 0,
      severity: priority, rule: { id: 'night-yard', revision: '0123456789ab' }, zone: null, dedupe_key: `k${n}`, incident,
      first_event: event, last_event: event, events: 1, opened: at, updated: at, committed: at, owner: null, objects,
      media: [{ kind: 'snapshot', content_type: 'image/jpeg', url: `/api/v1/events/crowd-event-${n % 40}/snapshot`, sha256: '00', bytes: 1, width: 320, height: 180, objects }],
      priority, position: n % 2 === 0 ? 'east' : 'west', showing: { how: 'row' }, due: new Date(opened + 900_000).toISOString(),
    };
    this.list.unshift(alert);
    this.byId.set(alert.id, alert);
    return alert;
  }

  /** The oldest goes. */
  close() {
    const alert = this.list.pop();
    this.byId.delete(alert.id);
    this.cursor += 1;
    return Object.assign(alert, { state: 'closed', active: false, rev: alert.rev + 1, cursor: this.cursor, updated: new Date().toISOString() });
  }

  page(params) {
    const limit = Math.min(Number(params.get('limit') ?? 100), MAX_LIST);
    const before = Number(params.get('before') ?? Infinity);
    const [incident, under] = [params.get('incident'), params.get('under')];
    // Nobody here is counted under another.
    const list = under !== null ? [] : incident !== null ? this.list.filter((a) => a.incident === incident) : this.list;
    const from = list.findIndex((a) => a.seq < before);
    const alerts = from < 0 ? [] : list.slice(from, from + limit);
    return { alerts, cursor: this.cursor, next: from >= 0 && from + limit < list.length ? alerts.at(-1).seq : null };
  }

  /** `say` gets each alert as it is. */
  start(perSecond, say) {
    let owed = 0;
    let last = Date.now();
    setInterval(() => {
      const now = Date.now();
      owed += ((now - last) * perSecond) / 1000;
      last = now;
      for (; owed >= 1; owed -= 1) {
        say(this.add(Date.now()));
        say(this.close());
      }
    }, TICK_MS);
  }
}
