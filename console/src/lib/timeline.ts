/* The states of a channel as stretches of a band of time. Pure; times are Unix milliseconds. */
import type { ChannelState } from '../api/channel';
import type { StateChange } from '../api/inventory';

export interface Stretch {
  state: ChannelState;
  from: number;
  to: number;
  reason: string;
}

/** What was when, oldest first, cut to the window; what lies before the first known change is not known. */
export function stretches(changes: readonly StateChange[], from: number, to: number): Stretch[] {
  const sorted = [...changes].sort((a, b) => a.at - b.at);
  const out: Stretch[] = [];
  sorted.forEach((c, i) => {
    const begin = Math.max(c.at, from);
    const end = Math.min(sorted[i + 1]?.at ?? to, to);
    if (end <= begin) return;
    const last = out[out.length - 1];
    // The same state with a new reason is one stretch.
    if (last && last.state === c.state && last.to === begin) last.to = end;
    else out.push({ state: c.state, from: begin, to: end, reason: c.reason });
  });
  return out;
}

/** Share of the known time in which it ran; null where nothing is known. */
export function runningShare(parts: readonly Stretch[]): number | null {
  const known = parts.reduce((n, p) => n + p.to - p.from, 0);
  const ran = parts.reduce((n, p) => n + (p.state === 'running' ? p.to - p.from : 0), 0);
  return known > 0 ? ran / known : null;
}
