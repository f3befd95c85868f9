/*
 * Ticks of procedures. A tick is a note of the alert, so that everybody at the desk sees it and the history keeps it; its
 * text is always the same, whatever the language, and is told in the operator's own where it is shown.
 */
import type { HistoryEntry } from '../api/types';

export interface Tick {
  procedure: string;
  /** From 1. */
  step: number;
  done: boolean;
  text: string;
}

/** The gateway leaves these out where it tells what somebody said last (`store/numbers.rs`). */
export function tickNote(procedure: string, step: number, done: boolean, text: string): string {
  return `procedure ${procedure}: step ${step} ${done ? 'done' : 'not done after all'}: ${text}`;
}

const TICK = /^procedure ([a-z0-9._-]{1,64}): step (\d{1,2}) (done|not done after all): (.*)$/s;

export function readTick(note: string | null): Tick | null {
  const found = note === null ? null : TICK.exec(note);
  if (!found) return null;
  return { procedure: found[1] ?? '', step: Number(found[2]), done: found[3] === 'done', text: found[4] ?? '' };
}

export interface Ticked {
  by: string | null;
  at: number;
}

/** The steps of a procedure that are done now, by their number. What somebody wrote by hand in the same words counts too. */
export function ticksOf(procedure: string, history: readonly HistoryEntry[]): ReadonlyMap<number, Ticked> {
  const ticks = new Map<number, Ticked>();
  for (const h of [...history].sort((a, b) => a.rev - b.rev)) {
    const tick = h.action === 'note' ? readTick(h.note) : null;
    if (tick?.procedure !== procedure) continue;
    if (tick.done) ticks.set(tick.step, { by: h.author, at: h.at });
    else ticks.delete(tick.step);
  }
  return ticks;
}
