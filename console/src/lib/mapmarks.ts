/*
 * What stands on the map: channels by the state they are in, joined where they are too many to tell apart, and alerts on
 * top of them. An alert stands where its channel stands, else in the middle of the nearest area that has a place. What is
 * critical is joined only with what stands at the very same place. Pure.
 */
import type { Channel } from '../api/channel';
import type { Area } from '../api/inventory';
import { SEVERITIES, type Alert, type Severity } from '../api/types';
import { grouped } from './cluster';
import { middleOf, spotOf, worldSize, type Place, type Spot } from './mercator';
import { isShown } from './queue';

/** How a channel looks on the map; nine states and their conditions are six shapes. */
export const LOOKS = ['running', 'poor', 'waiting', 'away', 'refused', 'off'] as const;
export type Look = (typeof LOOKS)[number];

export function lookOf(c: Channel): Look {
  switch (c.health.state) {
    case 'running':
      return c.health.conditions.length > 0 ? 'poor' : 'running';
    case 'connecting':
    case 'stalled':
      return 'waiting';
    case 'offline':
    case 'unreachable':
      return 'away';
    case 'disabled':
      return 'off';
    default:
      return 'refused';
  }
}

export interface ChannelMark {
  kind: 'channel';
  at: Spot;
  channel: Channel;
  look: Look;
}
export interface GroupMark {
  kind: 'group';
  at: Spot;
  channels: Channel[];
  /** Of each look, how many. */
  looks: Readonly<Record<Look, number>>;
  /** They stand at one place: no zoom takes them apart. */
  tight: boolean;
}
export interface AlertMark {
  kind: 'alert';
  at: Spot;
  /** The most urgent first. */
  alerts: Alert[];
  priority: Severity;
  /** Nobody has taken it yet. */
  fresh: boolean;
  /** It is somewhere in this area: its channel has no coordinates. */
  about: boolean;
}
export type Mark = ChannelMark | GroupMark | AlertMark;

/** Closer than this on the screen, channels are one mark; from `APART` on they stand alone. */
const REACH_PX = 42;
const APART = 17;
const ALERT_REACH_PX = 26;

interface Placed {
  at: Spot;
  channel: Channel;
}

export function placed(channels: readonly Channel[]): Placed[] {
  return channels.flatMap((channel) => (channel.place ? [{ at: spotOf(channel.place), channel }] : []));
}

export function channelMarks(points: readonly Placed[], zoom: number): (ChannelMark | GroupMark)[] {
  // Where they stand alone, those at one place are still one mark: it could not be told how many there are.
  const reach = zoom >= APART ? 0 : REACH_PX / worldSize(zoom);
  return grouped(points, reach).map(({ members, at }) => {
    const [first] = members;
    if (members.length === 1 && first) return { kind: 'channel', at: first.at, channel: first.channel, look: lookOf(first.channel) };
    const looks: Record<Look, number> = { running: 0, poor: 0, waiting: 0, away: 0, refused: 0, off: 0 };
    for (const m of members) looks[lookOf(m.channel)] += 1;
    const tight = members.every((m) => m.at[0] === first?.at[0] && m.at[1] === first.at[1]);
    return { kind: 'group', at: tight && first ? first.at : at, channels: members.map((m) => m.channel), looks, tight };
  });
}

/** Where things are: by id of the channel, else of the nearest area above. */
export class Whereabouts {
  private readonly channels: ReadonlyMap<string, Place>;
  private readonly areas: ReadonlyMap<string, Place>;

  constructor(channels: readonly Channel[], areas: readonly Area[]) {
    this.channels = new Map(channels.flatMap((c) => (c.place ? [[c.id, c.place] as const] : [])));
    this.areas = new Map(
      areas.flatMap((a) => {
        const place = a.place ?? (a.polygon.length > 2 ? middleOf(a.polygon) : null);
        return place ? [[a.id, place] as const] : [];
      }),
    );
  }

  of(alert: { channel: string; area: readonly string[] }): { place: Place; about: boolean } | null {
    const own = this.channels.get(alert.channel);
    if (own) return { place: own, about: false };
    const near = [...alert.area].reverse().find((id) => this.areas.has(id));
    const place = near === undefined ? undefined : this.areas.get(near);
    return place ? { place, about: true } : null;
  }
}

const rank = (a: Alert): number => SEVERITIES.indexOf(a.handling.priority);

/** The most urgent last, so that it is drawn on top. */
export function alertMarks(alerts: readonly Alert[], where: Whereabouts, zoom: number): AlertMark[] {
  const points = alerts
    .filter((a) => a.state !== 'closed' && isShown(a, 'rows'))
    .flatMap((alert) => {
      const found = where.of(alert);
      return found ? [{ at: spotOf(found.place), about: found.about, alert }] : [];
    })
    .sort((a, b) => rank(b.alert) - rank(a.alert));
  const critical = points.filter((p) => p.alert.handling.priority === 'critical');
  const other = points.filter((p) => p.alert.handling.priority !== 'critical');
  return [...grouped(critical, 0), ...grouped(other, ALERT_REACH_PX / worldSize(zoom))]
    .map(({ members }): AlertMark => {
      const first = members[0] as (typeof points)[number];
      return {
        kind: 'alert',
        // At a place where something is, not between two.
        at: first.at,
        alerts: members.map((m) => m.alert),
        priority: first.alert.handling.priority,
        fresh: members.some((m) => m.alert.state === 'new'),
        about: members.every((m) => m.about),
      };
    })
    .sort((a, b) => SEVERITIES.indexOf(a.priority) - SEVERITIES.indexOf(b.priority));
}

/** What lies within so many pixels of a point on the screen: the topmost, then the nearest. */
export function hit(marks: readonly Mark[], at: Spot, zoom: number, reachPx = 14): Mark | null {
  const size = worldSize(zoom);
  let best: { mark: Mark; far: number } | null = null;
  for (const mark of marks) {
    const far = Math.hypot(mark.at[0] - at[0], mark.at[1] - at[1]) * size;
    const reach = mark.kind === 'group' ? groupRadius(mark.channels.length) : reachPx;
    const above = mark.kind === 'alert' && best?.mark.kind !== 'alert';
    const below = mark.kind !== 'alert' && best?.mark.kind === 'alert';
    if (far <= reach && !below && (best === null || above || far < best.far)) best = { mark, far };
  }
  return best?.mark ?? null;
}

/** Pixels from the middle to the edge of a mark that stands for many. */
export function groupRadius(count: number): number {
  return count < 10 ? 14 : count < 100 ? 17 : count < 1000 ? 20 : 23;
}

/** Zooms at which marks are made anew: not at every step of a wheel. */
export const steady = (zoom: number): number => Math.floor(zoom * 2) / 2;

/** From which zoom on an area is drawn, by its kind: nobody reads two thousand names at once. */
const FROM: Readonly<Record<string, { border: number; name: number }>> = {
  district: { border: 0, name: 0 },
  street: { border: 8, name: 10.5 },
  community: { border: 11, name: 12.5 },
  grid: { border: 13, name: 14.5 },
  'micro-grid': { border: 14.5, name: 16 },
};
export const drawnFrom = (kind: string): { border: number; name: number } => FROM[kind] ?? { border: 11, name: 13 };
