/* Which channels stand round another one. Pure. */
import type { Channel } from '../api/channel';

export interface Neighbour {
  channel: Channel;
  /** Metres; null where it is known by its area only. */
  metres: number | null;
}

const EARTH_M = 6_371_000;
/** Further away it shows something else. */
export const NEAR_M = 500;

export function metresBetween(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const dLat = (b.lat - a.lat) * rad;
  const dLon = (b.lon - a.lon) * rad;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The nearest by place; then, as far as there is room, those of the same area. Switched off ones show nothing. */
export function neighbours(of: Pick<Channel, 'id' | 'place' | 'area'>, channels: readonly Channel[], most = 4): Neighbour[] {
  const others = channels.filter((c) => c.id !== of.id && c.enabled);
  const at = of.place;
  const near = at
    ? others
        .flatMap((channel) => (channel.place ? [{ channel, metres: metresBetween(at, channel.place) }] : []))
        .filter((n) => n.metres <= NEAR_M)
        .sort((a, b) => a.metres - b.metres || (a.channel.id < b.channel.id ? -1 : 1))
        .slice(0, most)
    : [];
  const area = of.area[of.area.length - 1];
  if (near.length >= most || area === undefined) return near;
  const there = new Set(near.map((n) => n.channel.id));
  const same = others
    .filter((c) => c.area[c.area.length - 1] === area && !there.has(c.id))
    .slice(0, most - near.length)
    .map((channel) => ({ channel, metres: at && channel.place ? metresBetween(at, channel.place) : null }));
  return [...near, ...same];
}
