/* Pictures are asked for slowly, the live ones first, and not at all while the gateway says "too many". */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../src/api/client';
import { GAP_MS, PARALLEL, PictureQueue } from '../src/lib/picturequeue';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const never = () => new Promise<void>(() => {});

describe('picture queue', () => {
  it('runs only a few at once and starts them apart', async () => {
    const queue = new PictureQueue(Date.now);
    const started: number[] = [];
    for (let i = 0; i < 10; i += 1) queue.add({ urgent: false, run: () => (started.push(Date.now()), never()) });
    await vi.advanceTimersByTimeAsync(5000);
    expect(started).toHaveLength(PARALLEL);
    expect((started[1] ?? 0) - (started[0] ?? 0)).toBeGreaterThanOrEqual(GAP_MS);
  });

  it('takes urgent ones first', async () => {
    const queue = new PictureQueue(Date.now);
    const order: string[] = [];
    const job = (name: string, urgent: boolean) => queue.add({ urgent, run: () => Promise.resolve(void order.push(name)) });
    job('a', false);
    job('b', false);
    job('c', true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(order).toEqual(['a', 'c', 'b']);
  });

  it('rests as long as the gateway says', async () => {
    const queue = new PictureQueue(Date.now);
    const start = Date.now();
    const ran: number[] = [];
    queue.add({ urgent: false, run: () => Promise.reject(new ApiError(429, 'too_many', '', 7)) });
    queue.add({ urgent: false, run: () => Promise.resolve(void ran.push(Date.now() - start)) });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ran).toHaveLength(1);
    expect(ran[0]).toBeGreaterThanOrEqual(7000);
  });

  it('goes on after a failure, and lets go of who left', async () => {
    const queue = new PictureQueue(Date.now);
    const ran: string[] = [];
    queue.add({ urgent: false, run: () => Promise.reject(new Error('x')) });
    const leave = queue.add({ urgent: false, run: () => Promise.resolve(void ran.push('left')) });
    queue.add({ urgent: false, run: () => Promise.resolve(void ran.push('stayed')) });
    leave();
    await vi.advanceTimersByTimeAsync(2000);
    expect(ran).toEqual(['stayed']);
    expect(queue.length).toBe(0);
  });
});
