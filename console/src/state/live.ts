/*
 * What the console knows at this moment: alerts, health, nodes, and how the feed stands. Updates are collected for a
 * tenth of a second and merged at once, so that a storm of messages costs ten renderings a second and no more; where one
 * takes long they are fewer, so that most of the time is left to what the operator does.
 */
import { create } from 'zustand';
import type { Health } from '../api/channel';
import { gatewayNow } from '../api/client';
import type { NodeStatus } from '../api/gateway';
import type { Alert, EventFact } from '../api/types';
import type { FeedState } from '../feed/feed';
import type { Update } from '../feed/message';
import { waits } from '../lib/queue';
import { mergeAlerts, mergeHealth, newestFirst, reorder } from './merge';

export interface Live {
  alerts: ReadonlyMap<string, Alert>;
  /** All known alerts, newest first. */
  order: readonly Alert[];
  /** False until the open alerts were loaded once. */
  loaded: boolean;
  /** True where there are more open alerts than were loaded. */
  truncated: boolean;
  health: ReadonlyMap<string, Health>;
  nodes: ReadonlyMap<string, NodeStatus>;
  /** Names of areas by id, as far as the channels tell them. */
  areas: ReadonlyMap<string, string>;
  /** `since`: by the gateway's clock, as every time that is shown. */
  feed: { state: FeedState; since: number; everLive: boolean };
  /** The latest arrivals, for the announcement; `count` grows with each. */
  arrival: { count: number; latest: Alert | null };
}

const empty: Live = {
  alerts: new Map(),
  order: [],
  loaded: false,
  truncated: false,
  health: new Map(),
  nodes: new Map(),
  areas: new Map(),
  feed: { state: 'reconnecting', since: gatewayNow(), everLive: false },
  arrival: { count: 0, latest: null },
};

export const useLive = create<Live>()(() => empty);

const FLUSH_MS = 100;
const FLUSH_MAX_MS = 400;
/** A flush, with the drawing that follows it, may take one part in so many of the time. */
const SHARE = 6;
let wait = FLUSH_MS;
/** A flood beyond this between two flushes keeps the newest. */
const MAX_PENDING = 10_000;
let pending: Update[] = [];
let timer: ReturnType<typeof setTimeout> | null = null;
const eventListeners = new Set<(facts: EventFact[]) => void>();

/** Facts as they come, for the open detail. */
export function onFacts(listener: (facts: EventFact[]) => void): () => void {
  eventListeners.add(listener);
  return () => void eventListeners.delete(listener);
}

export function deliver(updates: Update[]): void {
  pending.push(...updates);
  if (pending.length > MAX_PENDING) pending = pending.slice(-MAX_PENDING);
  timer ??= setTimeout(flush, wait);
}

export function flush(): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  const batch = pending;
  pending = [];
  if (batch.length === 0) return;
  const began = performance.now();
  const alerts = batch.flatMap((u) => (u.what === 'alert' ? [u.alert] : []));
  const events = batch.flatMap((u) => (u.what === 'event' ? [u.event] : []));
  const health = batch.flatMap((u) => (u.what === 'health' ? [u.health] : []));
  const nodes = batch.flatMap((u) => (u.what === 'node' ? [u.node] : []));
  absorb(alerts, true);
  if (health.length > 0) useLive.setState((s) => ({ health: mergeHealth(s.health, health) }));
  if (nodes.length > 0) {
    useLive.setState((s) => {
      const next = new Map(s.nodes);
      for (const n of nodes) next.set(n.node, n);
      return { nodes: next };
    });
  }
  if (events.length > 0) for (const listener of eventListeners) listener(events);
  // What was set above is drawn before the next task.
  setTimeout(() => {
    wait = Math.min(FLUSH_MAX_MS, Math.max(FLUSH_MS, (performance.now() - began) * SHARE));
  });
}

/** Takes alerts in; `live` ones that are new are announced. */
export function absorb(alerts: readonly Alert[], live = false): void {
  useLive.setState((s) => {
    const merged = mergeAlerts(s.alerts, alerts);
    const part: Partial<Live> = {};
    if (merged.alerts !== s.alerts) {
      part.alerts = merged.alerts;
      part.order = reorder(s.order, merged.alerts, merged.arrived);
      if (merged.cut) part.truncated = true;
    }
    const fresh = live ? merged.arrived.filter(waits) : [];
    if (fresh.length > 0) {
      part.arrival = { count: s.arrival.count + fresh.length, latest: fresh[fresh.length - 1] ?? null };
    }
    return part;
  });
}

/**
 * After a reload of the open alerts: what was open here and is not in the list any more has been closed meanwhile. The
 * list is as it was at `cursor`; what the feed has told since is newer than it and stays.
 */
export function replaceOpen(open: readonly Alert[], truncated: boolean, cursor = Infinity): void {
  useLive.setState((s) => {
    const ids = new Set(open.map((a) => a.id));
    const kept = new Map([...s.alerts].filter(([id, a]) => truncated || a.state === 'closed' || ids.has(id) || a.cursor > cursor));
    const merged = mergeAlerts(kept, open);
    return {
      alerts: merged.alerts,
      order: [...merged.alerts.values()].sort(newestFirst),
      loaded: true,
      truncated: truncated || merged.cut,
    };
  });
}

export function setFeed(state: FeedState): void {
  useLive.setState((s) =>
    s.feed.state === state
      ? {}
      : { feed: { state, since: gatewayNow(), everLive: s.feed.everLive || state === 'live' } },
  );
}

export function setAreas(areas: ReadonlyMap<string, string>): void {
  useLive.setState({ areas });
}

export function setHealth(health: readonly Health[]): void {
  useLive.setState((s) => ({ health: mergeHealth(s.health, health) }));
}

export function reset(): void {
  pending = [];
  useLive.setState({ ...empty, feed: { state: 'reconnecting', since: gatewayNow(), everLive: false } }, true);
}
