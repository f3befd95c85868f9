/*
 * A part of the console that is fetched when it is first needed. Where the gateway is away just then, the import fails;
 * it is tried again once the gateway answers, by itself and by a button. Browsers may keep a failed import, and after an
 * update of the gateway the file is gone for good: where the gateway answers and the part still does not come, the page
 * is loaded anew, at most once a minute.
 */
import { gatewayAnswers } from '../api/client';

export type Chunk<T> = { state: 'waiting' } | { state: 'there'; part: T } | { state: 'away' };

export interface Around {
  answers: () => Promise<boolean>;
  after: (ms: number, run: () => void) => () => void;
  /** Loads the page anew; false where that was done just now and did not help. */
  reload: () => boolean;
}

export const ASK_MS = 3000;
const RELOAD_MS = 60_000;
const KEPT = 'skyeye.reloaded';

const browser: Around = {
  answers: gatewayAnswers,
  after: (ms, run) => {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
  reload: () => {
    try {
      if (Date.now() - Number(sessionStorage.getItem(KEPT) ?? 0) < RELOAD_MS) return false;
      sessionStorage.setItem(KEPT, String(Date.now()));
    } catch {
      // Where nothing can be kept, a page that reloads for ever would be worse than one that waits.
      return false;
    }
    location.reload();
    return true;
  },
};

export class Loader<T> {
  private chunk: Chunk<T> = { state: 'waiting' };
  private readonly listeners = new Set<() => void>();
  private busy = false;
  private stop: () => void = () => {};
  private readonly load: () => Promise<T>;
  private readonly around: Around;

  constructor(load: () => Promise<T>, around: Around = browser) {
    this.load = load;
    this.around = around;
  }

  readonly now = (): Chunk<T> => this.chunk;

  /** Fetches while somebody listens. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.chunk.state !== 'there') void this.again();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  };

  readonly again = async (): Promise<void> => {
    if (this.busy || this.chunk.state === 'there') return;
    this.busy = true;
    this.stop();
    const failedBefore = this.chunk.state === 'away';
    try {
      this.put({ state: 'there', part: await this.load() });
    } catch (error) {
      console.warn('a part of the console did not come', error);
      if (!(failedBefore && (await this.around.answers()) && this.around.reload())) this.put({ state: 'away' });
      if (this.listeners.size > 0) this.wait();
    }
    this.busy = false;
  };

  private wait(): void {
    this.stop = this.around.after(ASK_MS, () => {
      void this.around.answers().then((there) => {
        if (this.listeners.size === 0) return;
        if (there) void this.again();
        else this.wait();
      });
    });
  }

  private put(chunk: Chunk<T>): void {
    this.chunk = chunk;
    for (const listener of this.listeners) listener();
  }
}
