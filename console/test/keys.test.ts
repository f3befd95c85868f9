/* Keys: which are the console's, wherever the focus is. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keyIsOurs } from '../src/lib/keys';

/** As much of an element as is asked for: what it is itself, and what it lies in. */
class Fake {
  constructor(
    readonly tag: string,
    readonly type = '',
    readonly within = '',
  ) {}
  closest(selectors: string): Fake | null {
    const fits = (one: string): boolean => one === this.within || one === this.tag || (one.startsWith(`${this.tag}:not(`) && !one.includes(`"${this.type}"`));
    return selectors.split(', ').some(fits) ? this : null;
  }
}
beforeEach(() => void vi.stubGlobal('HTMLElement', Fake));
afterEach(() => void vi.unstubAllGlobals());

const ours = (key: string, target: Fake, part: Partial<KeyboardEvent> = {}): boolean => keyIsOurs({ key, target, ...part } as unknown as KeyboardEvent);

describe('a key', () => {
  it('is the console\'s on a page, on a button and on a box that was ticked', () => {
    for (const where of [new Fake('body'), new Fake('button'), new Fake('input', 'checkbox')]) expect(ours('a', where), where.tag).toBe(true);
  });

  it('is what it is pressed on where that has a use for it', () => {
    for (const where of [new Fake('button'), new Fake('summary'), new Fake('input', 'checkbox')]) {
      expect([ours(' ', where), ours('Enter', where)], where.tag).toEqual([false, false]);
    }
    for (const where of [new Fake('input', 'text'), new Fake('input', 'radio'), new Fake('textarea'), new Fake('select'), new Fake('input', 'checkbox', 'dialog')]) {
      expect(ours('a', where), `${where.tag} ${where.type} ${where.within}`).toBe(false);
    }
  });

  it('is the browser\'s with a modifier, and a word\'s while one is composed', () => {
    for (const part of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { isComposing: true }, { defaultPrevented: true }]) {
      expect(ours('a', new Fake('body'), part)).toBe(false);
    }
  });
});
