/*
 * Keeps the console up to date: opens the live link, and after every break asks `/api/v1/changes` for what was missed.
 *
 * The link is fast, the list of changes is the truth. Messages may come twice or out of order (merging by `rev` makes
 * that harmless), so the cursor from which to ask again is not the highest one seen but one that lags 15 to 30 s behind
 * it. A gateway that no longer keeps the changes (410), or too many of them, means: load the lists anew.
 *
 * It holds no data and draws nothing; all that it does to the world goes through `FeedIo`, so that its tests need
 * neither a socket nor a clock. It never gives up by itself: only a login that has ended ends it.
 */
import { ApiError } from '../api/client';
import type { Change, ChangePage } from '../api/gateway';
import { decode, understand, type Update } from './message';

export type FeedState = 'live' | 'reconnecting' | 'ended';

export interface LinkHandlers {
  /** Connected and subscribed. */
  ready(): void;
  message(topic: string, payload: Uint8Array): void;
  down(): void;
}
export interface Link {
  close(): void;
}

export interface FeedIo {
  open(handlers: LinkHandlers): Link;
  changes(after: number): Promise<ChangePage>;
  /** Loads the lists; gives the cursor at which they were read. */
  reload(): Promise<number>;
  /** States are not among the changes: ask for them again. */
  refreshStates(): void;
  /** False only when the gateway says that there is no login. */
  loggedIn(): Promise<boolean>;
  deliver(updates: Update[]): void;
  status(state: FeedState): void;
  random(): number;
  after(ms: number, run: () => void): () => void;
}

export const BACKOFF_MIN_MS = 500;
export const BACKOFF_MAX_MS = 15_000;
export const CHECKPOINT_MS = 15_000;
const MAX_PAGES = 40;

export class Feed {
  private round = 0;
  private fails = 0;
  private link: Link | null = null;
  private stopped = true;
  private retry: (() => void) | null = null;
  private checkpoint: (() => void) | null = null;
  /** Everything up to here has surely been merged; null until the lists were loaded. */
  private safe: number | null = null;
  private recent = 0;
  private highest = 0;
  private syncing: Promise<void> | null = null;
  /** True while nothing is known to be missing; only then may `safe` follow the live messages. */
  private settled = false;

  constructor(
    private readonly site: string,
    private readonly io: FeedIo,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.io.status('reconnecting');
    this.connect();
    this.tick();
  }

  stop(): void {
    this.stopped = true;
    this.round += 1;
    this.retry?.();
    this.checkpoint?.();
    this.retry = this.checkpoint = null;
    this.link?.close();
    this.link = null;
  }

  /** The network or the page came back: do not wait for the timer. */
  hurry(): void {
    if (this.stopped || this.retry === null) return;
    this.retry();
    this.retry = null;
    this.connect();
  }

  private connect(): void {
    const round = ++this.round;
    const mine = (): boolean => round === this.round && !this.stopped;
    this.link?.close();
    this.link = this.io.open({
      ready: () => mine() && void this.ready(mine),
      message: (topic, payload) => mine() && this.message(topic, payload, mine),
      down: () => mine() && void this.down(),
    });
  }

  private async ready(mine: () => boolean): Promise<void> {
    try {
      await this.sync(mine);
      if (!mine()) return;
      this.fails = 0;
      this.io.refreshStates();
      this.io.status('live');
    } catch (error) {
      if (mine()) void this.down(error);
    }
  }

  private async down(error?: unknown): Promise<void> {
    const round = ++this.round;
    this.settled = false;
    this.link?.close();
    this.link = null;
    this.io.status('reconnecting');
    const ended = error instanceof ApiError && error.status === 401 ? true : !(await this.io.loggedIn().catch(() => true));
    if (round !== this.round || this.stopped) return;
    if (ended) {
      this.stop();
      this.io.status('ended');
      return;
    }
    const cap = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.fails, 10));
    this.fails += 1;
    this.retry = this.io.after(cap / 2 + (this.io.random() * cap) / 2, () => {
      this.retry = null;
      this.connect();
    });
  }

  private message(topic: string, payload: Uint8Array, mine: () => boolean): void {
    const update = understand(this.site, topic, decode(payload));
    if (update === null) return;
    if (update.what === 'lost') {
      this.settled = false;
      this.sync(mine).catch((error: unknown) => mine() && void this.down(error));
      return;
    }
    this.note(update);
    this.io.deliver([update]);
  }

  private note(update: Update): void {
    const cursor = update.what === 'alert' ? update.alert.cursor : update.what === 'event' ? update.event.cursor : 0;
    if (cursor > this.highest) this.highest = cursor;
  }

  /** One at a time; who asks while one runs waits for that one and then gets its own. */
  private sync(mine: () => boolean): Promise<void> {
    const before = this.syncing ?? Promise.resolve();
    const next = before
      .catch(() => {})
      .then(() => (mine() ? this.catchUp(mine) : undefined))
      .then(() => {
        if (mine() && this.syncing === next) this.settled = true;
      });
    this.syncing = next;
    return next;
  }

  private async catchUp(mine: () => boolean): Promise<void> {
    if (this.safe === null) return this.reload();
    for (let page = 0; page < MAX_PAGES; page += 1) {
      let found: ChangePage;
      try {
        found = await this.io.changes(this.safe);
      } catch (error) {
        if (error instanceof ApiError && error.status === 410) return this.reload();
        throw error;
      }
      if (!mine()) return;
      this.io.deliver(found.changes.map((c: Change) => understand(this.site, c.topic, c.payload)).filter((u) => u !== null));
      const onward = found.cursor > this.safe;
      this.safe = Math.max(this.safe, found.cursor);
      this.recent = Math.max(this.recent, this.safe);
      if (!found.more || !onward) return;
    }
    await this.reload();
  }

  private async reload(): Promise<void> {
    const cursor = await this.io.reload();
    this.safe = cursor;
    this.recent = Math.max(this.recent, cursor);
  }

  private tick(): void {
    this.checkpoint = this.io.after(CHECKPOINT_MS, () => {
      if (this.settled && this.safe !== null) {
        this.safe = Math.max(this.safe, this.recent);
        this.recent = Math.max(this.recent, this.highest);
      }
      this.tick();
    });
  }
}
