/*
 * From a topic and a payload to what it means for the console. Takes messages of the live feed and of `/api/v1/changes`
 * alike. Whatever is not understood is null; nothing here throws on foreign bytes.
 */
import { readHealth } from '../api/channel';
import type { Health } from '../api/channel';
import { readNodeStatus } from '../api/gateway';
import type { NodeStatus } from '../api/gateway';
import { readAlert, readEvent } from '../api/types';
import type { Alert, EventFact } from '../api/types';

export type Update =
  | { what: 'alert'; alert: Alert }
  | { what: 'event'; event: EventFact }
  | { what: 'health'; health: Health }
  | { what: 'node'; node: NodeStatus }
  | { what: 'lost'; count: number };

/** More than any honest message; longer ones are dropped unread. */
const MAX_BYTES = 1 << 20;

export function topics(site: string, user: string): string[] {
  const root = `skyeye/v1/${site}`;
  return [
    `${root}/alert/+`,
    `${root}/channel/+/event/+`,
    `${root}/channel/+/health`,
    `${root}/node/+/status`,
    `${root}/result/${user}/+`,
  ];
}

export function decode(payload: Uint8Array): unknown {
  if (payload.byteLength === 0 || payload.byteLength > MAX_BYTES) return null;
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as unknown;
  } catch {
    return null;
  }
}

/** `payload` is parsed JSON; null (a cleared retained message, or no JSON) means nothing. */
export function understand(site: string, topic: string, payload: unknown): Update | null {
  const level = topic.split('/');
  if (level[0] !== 'skyeye' || level[1] !== 'v1' || level[2] !== site || payload === null) return null;
  const rest = level.slice(3);
  switch (rest[0]) {
    case 'alert': {
      const alert = readAlert(payload);
      return alert && alert.id === rest[1] ? { what: 'alert', alert } : null;
    }
    case 'channel': {
      if (rest[2] === 'event') {
        const event = readEvent(payload);
        return event && event.channel === rest[1] ? { what: 'event', event } : null;
      }
      if (rest[2] === 'health') {
        const health = readHealth(payload);
        return health && health.channel === rest[1] ? { what: 'health', health } : null;
      }
      return null;
    }
    case 'node': {
      const node = readNodeStatus(payload);
      return node && node.node === rest[1] ? { what: 'node', node } : null;
    }
    case 'result': {
      if (rest[2] !== 'lost' || typeof payload !== 'object') return null;
      const n = (payload as { lost?: unknown }).lost;
      return { what: 'lost', count: typeof n === 'number' && Number.isFinite(n) ? n : 1 };
    }
    default:
      return null;
  }
}
