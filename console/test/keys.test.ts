/* Keys: which are the console's, wherever the focus is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { composing, keyIsOurs } from '../src/lib/keys';

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

describe('a word that is being composed', () => {
  const press = (isComposing: boolean, keyCode: number): boolean => composing({ nativeEvent: { isComposing } as globalThis.KeyboardEvent, keyCode });
  it('has its keys to itself, also in browsers that say so late', () => {
    expect([press(true, 13), press(false, 229), press(false, 13)]).toEqual([true, true, false]);
  });

  const root = join(import.meta.dirname, '../src');
  const typedInto = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.tsx'))
    .map((f) => [f, readFileSync(join(root, f), 'utf8')] as const)
    .filter(([, source]) => /<(input|textarea)/.test(source) && source.includes('onKeyDown') && /e\.key [!=]== '(Enter|Escape)'/.test(source));
  it.each(typedInto)('is left alone by %s', (_, source) => {
    expect(source).toContain('composing(e)');
  });
  it('is looked for in the forms of an alert', () => {
    expect(typedInto.map(([f]) => f)).toEqual(expect.arrayContaining(['ui/alertform.tsx', 'ui/choice.tsx', 'ui/dispatchto.tsx']));
  });
});
