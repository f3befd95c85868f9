/* Both languages say the same things, and no page says anything outside of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';
import en from '../src/i18n/en.json';
import { firstLanguage } from '../src/i18n';
import zh from '../src/i18n/zh-CN.json';
import { type Node, walk } from './syntax';

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, before = ''): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const path = before === '' ? key : `${before}.${key}`;
    if (typeof value === 'string') out.set(path, value);
    else for (const [k, v] of flat(value, path)) out.set(k, v);
  }
  return out;
}
/** English has two plural forms, Chinese one: they are one message. */
const message = (key: string): string => key.replace(/_(one|other)$/, '_n');
const holes = (text: string): string[] => [...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1] as string).sort();

const english = flat(en);
const chinese = flat(zh);

describe('languages', () => {
  it('have the same messages', () => {
    const keys = (m: Map<string, string>): string[] => [...new Set([...m.keys()].map(message))].sort();
    expect(keys(chinese)).toEqual(keys(english));
  });

  it('have every plural form that their language needs', () => {
    for (const key of [...english.keys()].filter((k) => k.endsWith('_one'))) {
      expect(english.has(key.replace(/_one$/, '_other')), key).toBe(true);
      expect(chinese.has(key.replace(/_one$/, '_other')), key).toBe(true);
    }
  });

  it('fill the same holes', () => {
    for (const [key, text] of chinese) expect(holes(text), key).toEqual(holes(english.get(key) ?? ''));
  });

  it('say nothing empty, and Chinese is Chinese', () => {
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe('');
    const same = [...chinese].filter(([key, text]) => text === english.get(key) && /[a-z]{4}/i.test(text.replace(/{{\w+}}/g, '')));
    expect(same.map(([key]) => key)).toEqual(['unit.kbit', 'unit.mbit']);
  });

  it('have one word for one thing, also where a page has a table of its own', () => {
    for (const thing of ['Position', 'Area', 'Zone', 'Priority', 'Rule', 'State']) {
      const words = [...english].filter(([, text]) => text === thing).map(([key]) => chinese.get(key));
      expect([...new Set(words)], thing).toHaveLength(1);
    }
    // Words that stood for a position, a closed alert, an escalation and a held alert beside the ones of `detail`, `state` and `flag`;
    // where they are right they mean something else.
    const others: [string, string[]][] = [['岗位', ['ruleHint.absence']], ['未关闭', []], ['规则关闭', []], ['上报', ['ruleFieldHint.period_s']], ['接警', []], ['观察中', []], ['归入', []], ['单独显示', []]];
    for (const [word, right] of others) expect([...chinese].filter(([, text]) => text.includes(word)).map(([key]) => key), word).toEqual(right);
  });

  it('are chosen by what was chosen before, then by the browser', () => {
    expect(firstLanguage('en', ['zh-CN'])).toBe('en');
    expect(firstLanguage(null, ['zh-TW', 'en'])).toBe('zh-CN');
    expect(firstLanguage('fr', ['fr', 'en-US'])).toBe('en');
    expect(firstLanguage(null, ['de'])).toBe('en');
  });
});

/** Names and signs that are the same in every language. */
const SAME = new Set(['skyeye', 'J', 'K', '…', '–', '·', '×', '/', '|', '%', ',', ':', '+', '(', ')']);
const TOLD = new Set(['aria-label', 'title', 'alt', 'placeholder', 'label']);


describe('pages', () => {
  const root = join(import.meta.dirname, '../src');
  it('use every message', () => {
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((f) => /\.tsx?$/.test(f))
      .map((f) => readFileSync(join(root, f), 'utf8'))
      .join('\n');
    const unused = [...english.keys()]
      .map((key) => key.replace(/_(one|other)$/, ''))
      .filter((key) => !sources.includes(`'${key}'`) && !sources.includes(`\`${key.replace(/\.[^.]*$/, '')}.\${`));
    expect(unused).toEqual([]);
  });
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.tsx'));
  it.each(files)('%s says nothing of its own', (file) => {
    const parsed = parseSync(file, readFileSync(join(root, file), 'utf8'), { lang: 'tsx' });
    const found: string[] = [];
    const judge = (text: string): void => {
      const rest = text.trim().split(/\s+/).filter((w) => w !== '' && !SAME.has(w) && /\p{L}/u.test(w));
      if (rest.length > 0) found.push(text.trim());
    };
    walk(parsed.program, (node) => {
      if (node.type === 'JSXText') judge(String(node.value));
      if (node.type === 'JSXAttribute' && TOLD.has(String((node.name as Node).name))) {
        const value = node.value as Node | null;
        if (value?.type === 'Literal' && typeof value.value === 'string') judge(value.value);
      }
      if (node.type === 'JSXExpressionContainer') {
        const e = node.expression as Node;
        if (e.type === 'Literal' && typeof e.value === 'string' && /\s/.test(e.value.trim())) judge(e.value);
      }
    });
    expect(found).toEqual([]);
  });
});
