/*
 * The live link itself: MQTT 3.1.1 over a WebSocket of the same origin, by MQTT.js. One call opens one connection;
 * connecting again after a break is the business of `feed.ts`. The login's cookie is the identity, so no user name is sent.
 */
import mqtt from 'mqtt';
import type { Link, LinkHandlers } from './feed';
import { topics } from './message';

const KEEPALIVE_S = 20;
const CONNECT_MS = 8000;

let worker: Worker | null | undefined;
const ticks = new Map<number, () => void>();
let lastTick = 0;

function timerWorker(): Worker | null {
  if (worker === undefined) {
    try {
      worker = new Worker(new URL('./timer.worker.ts', import.meta.url), { type: 'module' });
      worker.addEventListener('message', (event: MessageEvent<number>) => ticks.get(event.data)?.());
    } catch {
      worker = null;
    }
  }
  return worker;
}

const workerTimer = {
  set: (run: () => void, ms: number): number => {
    const id = ++lastTick;
    ticks.set(id, run);
    timerWorker()?.postMessage({ id, every: ms });
    return id;
  },
  clear: (id: number): void => {
    ticks.delete(id);
    timerWorker()?.postMessage({ id, every: 0 });
  },
};

function clientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `console-${Array.from(bytes, (b) => b.toString(36)).join('')}`.slice(0, 23);
}

export function openLink(site: string, user: string, handlers: LinkHandlers): Link {
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`;
  let over = false;
  const client = mqtt.connect(url, {
    protocolVersion: 4,
    clean: true,
    clientId: clientId(),
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: timerWorker() ? workerTimer : 'native',
  });
  const down = (): void => {
    if (over) return;
    over = true;
    client.end(true);
    handlers.down();
  };
  client.on('connect', () => {
    client
      .subscribeAsync(topics(site, user), { qos: 1 })
      .then((granted) => (granted.some((g) => Number(g.qos) > 2) ? down() : over || handlers.ready()))
      .catch(down);
  });
  client.on('message', (topic, payload) => {
    if (!over) handlers.message(topic, payload);
  });
  client.on('close', down);
  client.on('offline', down);
  client.on('error', down);
  return {
    close: () => {
      over = true;
      client.end(true);
    },
  };
}
