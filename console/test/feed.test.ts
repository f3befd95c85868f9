/* The feed against a gateway that breaks, forgets, and repeats itself. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../src/api/client';
import type { ChangePage } from '../src/api/gateway';
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, CHECKPOINT_MS, Feed, type FeedIo, type LinkHandlers } from '../src/feed/feed';
import type { Update } from '../src/feed/message';
import { alertJson } from './fixtures';

class World implements FeedIo {
  links: LinkHandlers[] = [];
  closed = 0;
  asked: number[] = [];
  reloads = 0;
  refreshed = 0;
  login = true;
  states: string[] = [];
  got: Update[] = [];
  timers: { at: number; run: () => void }[] = [];
  waits: number[] = [];
  now = 0;
  listCursor = 100;
  answer: (after: number) => Promise<ChangePage> = (after) => Promise.resolve({ changes: [], cursor: after, more: false });

  open(handlers: LinkHandlers) {
    this.links.push(handlers);
    return { close: () => void (this.closed += 1) };
  }
  changes(after: number) {
    this.asked.push(after);
    return this.answer(after);
  }
  reload() {
    this.reloads += 1;
    return Promise.resolve(this.listCursor);
  }
  refreshStates() {
    this.refreshed += 1;
  }
  loggedIn() {
    return Promise.resolve(this.login);
  }
  deliver(updates: Update[]) {
    this.got.push(...updates);
  }
  status(state: string) {
    this.states.push(state);
  }
  random() {
    return 0.5;
  }
  after(ms: number, run: () => void) {
    if (ms !== CHECKPOINT_MS) this.waits.push(ms);
    const timer = { at: this.now + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((t) => t !== timer));
  }

  get link(): LinkHandlers {
    return this.links[this.links.length - 1] as LinkHandlers;
  }
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  }
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.now = next.at;
      this.timers = this.timers.filter((t) => t !== next);
      next.run();
      await this.settle();
    }
    this.now = until;
  }
  say(topic: string, payload: unknown): void {
    this.link.message(topic, new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload)));
  }
  alert(cursor: number, rev = 1, id = 'a1'): void {
    this.say(`skyeye/v1/demo/alert/${id}`, alertJson({ id, cursor, rev }));
  }
}

let world: World;
let feed: Feed;
beforeEach(async () => {
  world = new World();
  feed = new Feed('demo', world);
  feed.start();
  world.link.ready();
  await world.settle();
});

describe('feed', () => {
  it('loads the lists once the link stands, and then is live', () => {
    expect(world.reloads).toBe(1);
    expect(world.asked).toEqual([]);
    expect(world.states).toEqual(['reconnecting', 'live']);
    expect(world.refreshed).toBe(1);
  });

  it('hands on what arrives', () => {
    world.alert(101);
    expect(world.got.map((u) => u.what)).toEqual(['alert']);
  });

  it('drops what it does not understand and goes on', () => {
    world.say('skyeye/v1/demo/alert/a1', '{"id":');
    world.say('skyeye/v1/demo/alert/a1', '');
    world.say('skyeye/v1/demo/alert/a1', { id: 7, state: '<script>' });
    world.say('skyeye/v1/other/alert/a1', alertJson({ id: 'a1' }));
    world.say('skyeye/v1/demo/alert/a2', alertJson({ id: 'a1' }));
    world.alert(101);
    expect(world.got).toHaveLength(1);
  });

  it('asks after a break from a cursor before the last messages that it saw', async () => {
    world.alert(150);
    world.link.down();
    await world.settle();
    expect(world.states.at(-1)).toBe('reconnecting');
    await world.pass(BACKOFF_MIN_MS);
    world.answer = () => Promise.resolve({ changes: [{ cursor: 151, topic: 'skyeye/v1/demo/alert/a2', payload: alertJson({ id: 'a2', cursor: 151 }) }], cursor: 151, more: false });
    world.link.ready();
    await world.settle();
    expect(world.asked).toEqual([100]);
    expect(world.got).toHaveLength(2);
    expect(world.states.at(-1)).toBe('live');
    expect(world.reloads).toBe(1);
  });

  it('lets that cursor follow the live messages, but late', async () => {
    world.alert(150);
    await world.pass(CHECKPOINT_MS);
    world.alert(160);
    await world.pass(CHECKPOINT_MS);
    world.alert(170);
    world.link.down();
    await world.settle();
    await world.pass(BACKOFF_MIN_MS);
    world.link.ready();
    await world.settle();
    expect(world.asked).toEqual([150]);
  });

  it('reads all pages of what it missed', async () => {
    world.answer = (after) => Promise.resolve({ changes: [], cursor: after + 10, more: after < 130 });
    world.link.down();
    await world.settle();
    await world.pass(BACKOFF_MIN_MS);
    world.link.ready();
    await world.settle();
    expect(world.asked).toEqual([100, 110, 120, 130]);
  });

  it('loads the lists anew when the changes are no longer kept', async () => {
    world.answer = () => Promise.reject(new ApiError(410, 'gone', ''));
    world.listCursor = 900;
    world.link.down();
    await world.settle();
    await world.pass(BACKOFF_MIN_MS);
    world.link.ready();
    await world.settle();
    expect(world.reloads).toBe(2);
    expect(world.states.at(-1)).toBe('live');
  });

  it('loads the lists anew when there is no end of changes', async () => {
    world.answer = (after) => Promise.resolve({ changes: [], cursor: after + 1, more: true });
    world.say('skyeye/v1/demo/result/admin/lost', { lost: 3 });
    for (let i = 0; i < 60; i += 1) await world.settle();
    expect(world.reloads).toBe(2);
  });

  it('asks for the changes when it is told that something was lost', async () => {
    world.alert(150);
    world.say('skyeye/v1/demo/result/admin/lost', { lost: 3 });
    await world.settle();
    expect(world.asked).toEqual([100]);
    expect(world.states).toEqual(['reconnecting', 'live']);
  });

  it('tries again with growing, bounded, jittered waits', async () => {
    for (let i = 0; i < 9; i += 1) {
      world.link.down();
      await world.settle();
      await world.pass(BACKOFF_MAX_MS);
    }
    expect(world.waits.slice(0, 3)).toEqual([375, 750, 1500]);
    expect(Math.max(...world.waits)).toBeLessThanOrEqual(BACKOFF_MAX_MS);
    expect(world.links).toHaveLength(10);
  });

  it('goes back to short waits after it was live', async () => {
    for (let i = 0; i < 5; i += 1) {
      world.link.down();
      await world.settle();
      await world.pass(BACKOFF_MAX_MS);
    }
    world.link.ready();
    await world.settle();
    world.link.down();
    await world.settle();
    expect(world.waits.at(-1)).toBe(375);
  });

  it('does not wait when the network comes back', async () => {
    world.link.down();
    await world.settle();
    feed.hurry();
    expect(world.links).toHaveLength(2);
    feed.hurry();
    expect(world.links).toHaveLength(2);
  });

  it('ends when the login has ended, and only then', async () => {
    world.login = false;
    world.link.down();
    await world.settle();
    await world.pass(10 * BACKOFF_MAX_MS);
    expect(world.states.at(-1)).toBe('ended');
    expect(world.links).toHaveLength(1);
  });

  it('listens no more to a link that it has given up', async () => {
    const old = world.link;
    old.down();
    await world.settle();
    await world.pass(BACKOFF_MIN_MS);
    old.message('skyeye/v1/demo/alert/a1', new TextEncoder().encode(JSON.stringify(alertJson({ id: 'a1' }))));
    old.ready();
    await world.settle();
    expect(world.got).toEqual([]);
    expect(world.states.at(-1)).toBe('reconnecting');
  });

  it('is still when stopped', async () => {
    feed.stop();
    world.link.down();
    await world.settle();
    await world.pass(10 * BACKOFF_MAX_MS);
    expect(world.links).toHaveLength(1);
  });
});
