/*
 * The answer of `GET /api/v1/box`: the box as it breathes. Read like every answer: what is missing is null or nothing,
 * what is not a number is not one, and lists are bounded.
 */
import { CHANNEL_STATES, type ChannelState } from './channel';

export const TIERS = ['patrol', 'catch_up', 'focus'] as const;
export type Tier = (typeof TIERS)[number];
export const STAGES = ['schedule', 'decode', 'infer', 'rule', 'outbox', 'publish'] as const;
export type Stage = (typeof STAGES)[number];
export const ACTIVITIES = ['learning', 'quiet', 'active', 'mute'] as const;
export type ActivityState = (typeof ACTIVITIES)[number];
export const BUDGETS = ['preroll', 'outbox', 'evidence', 'disk', 'memory', 'files'] as const;
export type BudgetName = (typeof BUDGETS)[number];

export interface BoxLoad {
  cores: number;
  processCores: number;
  machineBusy: number;
  workers: number;
  workersHanging: number;
  workersBusy: number;
  capacity: number | null;
  looksPerS: number;
  pending: number;
}
export interface BoxTier {
  tier: Tier;
  looksPerS: number;
  serviceMs: number | null;
}
export interface BoxStage {
  stage: Stage;
  count: number;
  ageP50: number | null;
  ageP99: number | null;
  serviceMs: number | null;
}
export interface BoxDrop {
  stage: string;
  reason: string;
  lastMinute: number;
  total: number;
}
export interface LateChannel {
  channel: string;
  name: string;
  ageS: number;
  floorS: number;
  stretchedS: number;
}
export interface BoxBudget {
  name: BudgetName;
  used: number;
  bound: number;
  unit: 'bytes' | 'files' | 'ratio';
}
export interface BoxHistory {
  stepS: number;
  patrol: number[];
  focus: number[];
  busy: number[];
  ageP99: (number | null)[];
  dropped: number[];
  cores: number[];
}
export interface Box {
  at: number;
  uptimeS: number;
  load: BoxLoad;
  tiers: BoxTier[];
  watched: number;
  lookedAt: number;
  intervalS: number | null;
  stages: BoxStage[];
  drops: BoxDrop[];
  channels: Partial<Record<ChannelState, number>>;
  activity: Partial<Record<ActivityState, number>>;
  floors: { needed: number; available: number; stretch: number; late: number; silent: number; latest: LateChannel[] };
  focus: { inUse: number; wanted: number; budget: number; share: number; shareBound: number };
  budgets: BoxBudget[];
  broker: { kind: string; connected: boolean; inflight: number; waiting: number };
  engine: { model: string; provider: string; decoders: [string, string][] };
  degraded: string[];
  history: BoxHistory;
}

type Raw = Record<string, unknown>;
const MAX_ITEMS = 400;

const obj = (v: unknown): Raw => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Raw) : {});
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v.slice(0, MAX_ITEMS) : []);
const text = (v: unknown, max = 120): string => (typeof v === 'string' ? v.slice(0, max) : '');
const opt = (v: unknown): number | null => (typeof v === 'number' && Number.isFinite(v) ? v : null);
/** Nothing here can be below zero. */
const num = (v: unknown): number => Math.max(0, opt(v) ?? 0);

function known<T extends string>(v: unknown, all: readonly T[]): T | null {
  return all.find((x) => x === v) ?? null;
}
function counts<T extends string>(v: unknown, all: readonly T[]): Partial<Record<T, number>> {
  const from = obj(v);
  const out: Partial<Record<T, number>> = {};
  for (const key of all) if (num(from[key]) > 0) out[key] = num(from[key]);
  return out;
}
function every<T>(v: unknown, read: (o: Raw) => T | null): T[] {
  return list(v)
    .map((x) => read(obj(x)))
    .filter((x): x is T => x !== null);
}

export function readBox(v: unknown): Box | null {
  const o = obj(v);
  if (typeof o.load !== 'object' || o.load === null || !Array.isArray(o.stages)) return null;
  const load = obj(o.load);
  const floors = obj(o.floors);
  const focus = obj(o.focus);
  const broker = obj(o.broker);
  const engine = obj(o.engine);
  const history = obj(o.history);
  const curve = (x: unknown): number[] => list(x).map(num);
  return {
    at: Date.parse(text(o.at)),
    uptimeS: num(o.uptime_s),
    load: {
      cores: Math.max(1, num(load.cores)),
      processCores: num(load.process_cores),
      machineBusy: num(load.machine_busy),
      workers: num(load.workers),
      workersHanging: num(load.workers_hanging),
      workersBusy: num(load.workers_busy),
      capacity: opt(load.capacity_looks_per_s),
      looksPerS: num(load.looks_per_s),
      pending: num(load.pending),
    },
    tiers: every(o.tiers, (t) => {
      const tier = known(t.tier, TIERS);
      return tier && { tier, looksPerS: num(t.looks_per_s), serviceMs: opt(t.service_ms) };
    }),
    watched: num(o.watched),
    lookedAt: num(o.looked_at),
    intervalS: opt(o.look_interval_s),
    stages: every(o.stages, (s) => {
      const stage = known(s.stage, STAGES);
      return (
        stage && {
          stage,
          count: num(s.count),
          ageP50: opt(s.age_p50_ms),
          ageP99: opt(s.age_p99_ms),
          serviceMs: opt(s.service_ms),
        }
      );
    }),
    drops: every(o.drops, (d) => ({
      stage: text(d.stage, 40),
      reason: text(d.reason, 60),
      lastMinute: num(d.last_minute),
      total: num(d.total),
    })),
    channels: counts(o.channels, CHANNEL_STATES),
    activity: counts(o.activity, ACTIVITIES),
    floors: {
      needed: num(floors.needed_per_s),
      available: num(floors.available_per_s),
      stretch: Math.max(1, num(floors.stretch)),
      late: num(floors.late),
      silent: num(floors.silent),
      latest: every(floors.latest, (l) => {
        const channel = text(l.channel, 64);
        return channel === ''
          ? null
          : {
              channel,
              name: text(l.name) || channel,
              ageS: num(l.age_s),
              floorS: num(l.floor_s),
              stretchedS: num(l.stretched_s),
            };
      }),
    },
    focus: {
      inUse: num(focus.in_use),
      wanted: num(focus.wanted),
      budget: num(focus.budget),
      share: num(focus.share),
      shareBound: num(focus.share_bound),
    },
    budgets: every(o.budgets, (b) => {
      const name = known(b.name, BUDGETS);
      const unit = known(b.unit, ['bytes', 'files', 'ratio'] as const);
      return name && unit && { name, unit, used: num(b.used), bound: num(b.bound) };
    }),
    broker: {
      kind: text(broker.kind, 20),
      connected: broker.connected === true,
      inflight: num(broker.inflight),
      waiting: num(broker.waiting),
    },
    engine: {
      model: text(engine.model, 80),
      provider: text(engine.provider, 40),
      decoders: Object.entries(obj(engine.decoders))
        .slice(0, 10)
        .map(([codec, element]): [string, string] => [codec.slice(0, 20), text(element, 60)]),
    },
    degraded: list(o.degraded)
      .map((x) => text(x, 500))
      .filter((x) => x !== ''),
    history: {
      stepS: num(history.step_s),
      patrol: curve(history.patrol),
      focus: curve(history.focus),
      busy: curve(history.busy),
      ageP99: list(history.age_p99_ms).map(opt),
      dropped: curve(history.dropped),
      cores: curve(history.cores),
    },
  };
}
