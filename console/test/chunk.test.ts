/* Parts of the console that come later come also when the gateway was away at first. */
import { describe, expect, it, vi } from 'vitest';
import { ASK_MS, Loader, type Around } from '../src/lib/chunk';

function world() {
  let there = false;
  const waits: { ms: number; run: () => void }[] = [];
  const reload = vi.fn(() => true);
  const around: Around = {
    answers: async () => there,
    after: (ms, run) => {
      const wait = { ms, run };
      waits.push(wait);
      return () => void waits.splice(waits.indexOf(wait), waits.includes(wait) ? 1 : 0);
    },
    reload,
  };
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i += 1) await Promise.resolve();
  };
  const tick = async (): Promise<void> => {
    const due = waits.splice(0);
    for (const w of due) w.run();
    await settle();
  };
  return { around, waits, reload, tick, settle, come: (): void => void (there = true) };
}

describe('a part that comes later', () => {
  it('is fetched once, and stays', async () => {
    const w = world();
    const load = vi.fn(async () => 'page');
    const loader = new Loader(load, w.around);
    loader.subscribe(() => {})();
    await w.settle();
    loader.subscribe(() => {});
    await w.settle();
    expect(loader.now()).toEqual({ state: 'there', part: 'page' });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('comes by itself when the gateway is back, and is not asked for before', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const w = world();
    let fails = true;
    const load = vi.fn(async () => {
      if (fails) throw new TypeError('Failed to fetch dynamically imported module');
      return 'page';
    });
    const loader = new Loader(load, w.around);
    loader.subscribe(() => {});
    await w.settle();
    expect(loader.now()).toEqual({ state: 'away' });
    expect(w.waits.map((x) => x.ms)).toEqual([ASK_MS]);
    for (let i = 0; i < 5; i += 1) await w.tick();
    expect(load).toHaveBeenCalledTimes(1);
    fails = false;
    w.come();
    await w.tick();
    expect(loader.now()).toEqual({ state: 'there', part: 'page' });
    expect(w.waits).toEqual([]);
    expect(w.reload).not.toHaveBeenCalled();
  });

  it('comes by the button', async () => {
    const w = world();
    let fails = true;
    const loader = new Loader(async () => (fails ? Promise.reject(new Error('away')) : 'page'), w.around);
    loader.subscribe(() => {});
    await w.settle();
    fails = false;
    await loader.again();
    expect(loader.now()).toEqual({ state: 'there', part: 'page' });
  });

  it('that a browser keeps as failed, or that an update took away, loads the page anew', async () => {
    const w = world();
    const loader = new Loader(() => Promise.reject(new Error('kept')), w.around);
    loader.subscribe(() => {});
    await w.settle();
    expect(w.reload).not.toHaveBeenCalled();
    w.come();
    await w.tick();
    expect(w.reload).toHaveBeenCalledTimes(1);
  });

  it('is not waited for by a page that was left', async () => {
    const w = world();
    const loader = new Loader(() => Promise.reject(new Error('away')), w.around);
    const leave = loader.subscribe(() => {});
    await w.settle();
    leave();
    expect(w.waits).toEqual([]);
  });
});
