/*
 * Asks for channel pictures one after another, a few at a time and no faster than the gateway likes: every picture
 * costs it a decoded key frame. A "too many" answer rests the whole queue. Who no longer needs a picture leaves it.
 */
import { ApiError } from '../api/client';

export const PARALLEL = 3;
export const REST_MS = 2000;
/** Between two starts; many visible cards therefore are refreshed less often, not faster. */
export const GAP_MS = 120;

export interface Job {
  /** Goes before those that are not. */
  urgent: boolean;
  run: (signal: AbortSignal) => Promise<void>;
}

export class PictureQueue {
  private waiting: Job[] = [];
  private running = new Map<Job, AbortController>();
  private notBefore = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  get length(): number {
    return this.waiting.length + this.running.size;
  }

  add(job: Job): () => void {
    this.waiting.push(job);
    this.pump();
    return () => {
      this.waiting = this.waiting.filter((j) => j !== job);
      this.running.get(job)?.abort();
    };
  }

  private pump(): void {
    if (this.timer !== null || this.waiting.length === 0 || this.running.size >= PARALLEL) return;
    const wait = this.notBefore - this.now();
    if (wait > 0) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.pump();
      }, wait);
      return;
    }
    const at = Math.max(0, this.waiting.findIndex((j) => j.urgent));
    const job = this.waiting.splice(at, 1)[0] as Job;
    const abort = new AbortController();
    this.running.set(job, abort);
    this.notBefore = this.now() + GAP_MS;
    job
      .run(abort.signal)
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 429) {
          this.notBefore = this.now() + (error.retryAfterS === null ? REST_MS : error.retryAfterS * 1000);
        }
      })
      .finally(() => {
        this.running.delete(job);
        this.pump();
      });
    this.pump();
  }
}

export const pictures = new PictureQueue();
