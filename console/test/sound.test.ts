/* When a desk is to be heard: what waits for whom, and that nothing would be heard because there is no feed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Speaker, type Signal } from '../src/lib/sound';
import { saidAfter } from '../src/state/away';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a desk without its live feed', () => {
  it('says so at once where the login has ended, after a while where it is to come back, and where it never came', () => {
    expect(saidAfter('live', false, 3000)).toBeNull();
    expect(saidAfter('reconnecting', false, 3000)).toBe(3000);
    expect(saidAfter('ended', false, 3000)).toBe(0);
    expect(saidAfter('live', true, 3000)).toBe(0);
  });

  it('is heard, and not as an alert is', () => {
    vi.useFakeTimers();
    let tones: number[] = [];
    const tone = { value: 0 };
    const ramp = { setValueAtTime: () => undefined, linearRampToValueAtTime: () => undefined };
    vi.stubGlobal('AudioContext', class {
      state = 'running';
      currentTime = 0;
      createOscillator = () => ({ frequency: { set value(hz: number) { tones.push(hz); } }, connect: () => ({ connect: () => undefined }), start: () => undefined, stop: () => undefined });
      createGain = () => ({ gain: ramp, ...tone });
    });
    const heard = (signal: Signal): string => {
      tones = [];
      const stop = new Speaker().repeat(signal);
      vi.advanceTimersByTime(20_000);
      stop();
      return tones.join();
    };
    const all = (['critical', 'high', 'medium', 'lost'] as const).map(heard);
    expect(all[3]).toBe('440,330,220,440,330,220');
    expect(new Set(all).size).toBe(4);
  });
});
