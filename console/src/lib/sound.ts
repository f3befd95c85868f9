/*
 * Which sound an alert makes, and making it. A sound lasts for as long as somebody must take an alert of its priority; one of
 * its own says that no alert would be heard, for as long as there is no live feed.
 */
import type { Alert, Severity } from '../api/types';
import { isBefore, waits } from './queue';

export type Signal = Exclude<Severity, 'low'> | 'lost';
/** Tones of one signal in Hz, and how long until it comes again; `low` is silent. */
const SIGNALS: Record<Signal, { tones: readonly number[]; everyMs: number }> = {
  critical: { tones: [880, 660, 880, 660], everyMs: 2_000 },
  high: { tones: [740, 740], everyMs: 6_000 },
  medium: { tones: [520], everyMs: 30_000 },
  lost: { tones: [440, 330, 220], everyMs: 15_000 },
};
const TONE_S = 0.16;

/** The most urgent row before a position that nobody has taken; null where silence is right. */
export function loudest(alerts: readonly Alert[], position: string): Exclude<Severity, 'low'> | null {
  let found: 'high' | 'medium' | null = null;
  for (const a of alerts) {
    const { priority } = a.handling;
    if (!waits(a) || !isBefore(a, position, '')) continue;
    if (priority === 'critical') return 'critical';
    if (priority === 'high') found = 'high';
    else if (priority === 'medium') found ??= 'medium';
  }
  return found;
}

export class Speaker {
  readonly #context: AudioContext | null = typeof AudioContext === 'undefined' ? null : new AudioContext();

  /** Browsers stay silent until somebody has clicked in the page. */
  get allowed(): boolean {
    return this.#context?.state === 'running';
  }

  /** Calls back when the browser begins or ceases to let it play. */
  watch(changed: () => void): void {
    this.#context?.addEventListener('statechange', changed);
  }

  /** Has an effect only within a click or a key press. */
  unlock(): void {
    void this.#context?.resume().catch(() => undefined);
  }

  /** Plays until the returned function is called. */
  repeat(signal: Signal): () => void {
    const { tones, everyMs } = SIGNALS[signal];
    let playing: OscillatorNode[] = [];
    const once = (): void => {
      playing = this.#context && this.allowed ? tones.map((hz, i) => this.#tone(hz, i)).filter((o) => o !== null) : [];
    };
    once();
    const timer = setInterval(once, everyMs);
    return () => {
      clearInterval(timer);
      for (const tone of playing) tone.stop();
    };
  }

  #tone(hz: number, nth: number): OscillatorNode | null {
    const context = this.#context;
    if (!context) return null;
    const at = context.currentTime + nth * (TONE_S + 0.04);
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = hz;
    // Without a ramp it clicks.
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.2, at + 0.01);
    gain.gain.linearRampToValueAtTime(0, at + TONE_S);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + TONE_S);
    return tone;
  }
}
