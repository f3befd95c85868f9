/* JSON as the gateway sends it, with the parts that a test cares about put in. */
type Json = Record<string, unknown>;

export const person = { track: 1, label: 'person', score: 0.9, bbox: { x: 0.1, y: 0.2, w: 0.3, h: 0.4 } };

export function mediaJson(sha256 = 'aa', url = '/api/v1/events/e1/snapshot'): Json {
  return { kind: 'snapshot', content_type: 'image/jpeg', url, sha256, bytes: 1000, width: 768, height: 432, objects: [person] };
}

export function alertJson(part: Json = {}): Json {
  return {
    schema: 'skyeye.alert',
    version: 1,
    id: 'a1',
    boot: 'b',
    seq: 1,
    cursor: 1,
    rev: 1,
    node: 'n',
    site: 'demo',
    channel: 'cam-1',
    channel_name: 'East gate',
    area: ['d', 's'],
    type: 'presence',
    state: 'new',
    active: true,
    severity: 'high',
    rule: { id: 'r', revision: '0123456789ab' },
    zone: null,
    dedupe_key: 'k',
    incident: null,
    first_event: 'e1',
    last_event: 'e1',
    events: 1,
    opened: '2026-11-22T08:15:30.123Z',
    updated: '2026-11-22T08:15:30.123Z',
    owner: null,
    objects: [person],
    media: [mediaJson()],
    committed: '2026-11-22T08:15:30.200Z',
    ...part,
  };
}

export function eventJson(part: Json = {}): Json {
  return {
    schema: 'skyeye.event',
    version: 1,
    id: 'e1',
    boot: 'b',
    seq: 1,
    cursor: 1,
    channel_seq: 1,
    node: 'n',
    site: 'demo',
    channel: 'cam-1',
    area: [],
    type: 'presence',
    phase: 'start',
    end: null,
    times: {
      seen: '2026-11-22T08:15:30.000Z',
      ingested: '2026-11-22T08:15:30.050Z',
      committed: '2026-11-22T08:15:30.200Z',
      clock: 'camera',
      skew_ms: -12,
    },
    rule: { id: 'r', revision: '0123456789ab' },
    severity: 'high',
    model: { name: 'm', sha256: 'ff' },
    rate_hz: 0.5,
    objects: [person],
    zone: null,
    dedupe_key: 'k',
    alert: 'a1',
    incident: null,
    media: [mediaJson()],
    ...part,
  };
}

export function healthJson(part: Json = {}): Json {
  return {
    schema: 'skyeye.health',
    version: 1,
    node: 'n',
    site: 'demo',
    channel: 'cam-1',
    area: [],
    at: '2026-11-22T08:15:30.000Z',
    boot: 'b',
    uptime_ms: 60_000,
    state: 'running',
    reason: 'Pictures arrive.',
    since: '2026-11-22T08:00:00.000Z',
    codec: 'h264',
    width: 768,
    height: 432,
    kbit_s: 512,
    unit_rate_hz: 10,
    key_interval_s: 2,
    look_rate_hz: 0.5,
    clock_skew_ms: null,
    lost_packets: 0,
    sessions: 1,
    ...part,
  };
}
