/* When a desk is to be heard: what waits for whom, and that nothing would be heard because there is no feed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import { tally } from '../src/lib/queue';
import { loudest, Speaker, type Signal } from '../src/lib/sound';
import { saidAfter } from '../src/state/away';
import { alertJson } from './fixtures';

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
    const ramp = { setValueAtTime: () => undefined, linearRampToValueAtTime: () => undefined };
    vi.stubGlobal('AudioContext', class {
      state = 'running';
      currentTime = 0;
      createOscillator = () => ({ frequency: { set value(hz: number) { tones.push(hz); } }, connect: () => ({ connect: () => undefined }), start: () => undefined, stop: () => undefined });
      createGain = () => ({ gain: ramp });
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

describe('a desk that is for one position', () => {
  const alert = (id: string, position: string, priority: string, part: Record<string, unknown> = {}): Alert => readAlert(alertJson({ id, position, priority, ...part })) as Alert;
  const late = { escalated: { level: 1, to: 'duty', at: '2026-11-22T08:20:00Z' } };
  const alerts = [
    alert('a', 'east', 'critical'),
    alert('b', 'west', 'medium'),
    alert('c', 'east', 'high', late),
    alert('d', 'east', 'critical', { ...late, state: 'acknowledged' }),
  ];

  it('is heard for its own alerts and for what nobody else took in time', () => {
    expect(['', 'east', 'west', 'duty', 'south'].map((p) => loudest(alerts, p))).toEqual(['critical', 'critical', 'medium', 'high', null]);
  });

  it('counts the same', () => {
    expect(['', 'east', 'west', 'duty', 'south'].map((p) => tally(alerts, p, '').waiting)).toEqual([3, 2, 1, 1, 0]);
    expect(tally(alerts, '', '')).toEqual({ waiting: 3, open: 4 });
    expect(tally(alerts, 'east', '')).toBe(tally(alerts, 'east', ''));
    expect([tally(alerts, 'duty', 'li').open, tally([alert('e', 'east', 'high', { ...late, state: 'acknowledged', owner: 'li' })], 'duty', 'li').open]).toEqual([1, 1]);
  });
});

describe('silence', () => {
  it('is kept by the window alone', async () => {
    const store = new Map<string, string>();
    vi.stubGlobal('sessionStorage', { getItem: (k: string) => store.get(k) ?? null, setItem: (k: string, v: string) => void store.set(k, v), removeItem: (k: string) => void store.delete(k) });
    vi.stubGlobal('localStorage', { getItem: () => 'off', setItem: () => expect.fail('silence is told to every window') });
    const fresh = async () => {
      vi.resetModules();
      return import('../src/state/sound');
    };
    const first = await fresh();
    expect(first.useSound.getState().on).toBe(true);
    first.setSound(false);
    const reloaded = await fresh();
    expect(reloaded.useSound.getState().on).toBe(false);
    reloaded.setSound(true);
    expect((await fresh()).useSound.getState().on).toBe(true);
  });
});
