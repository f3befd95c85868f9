/*
 * What a browser with nothing cached has to fetch and read before the first page shows: the entry of dist/index.html and
 * all that it imports. Runs on the build that is there; `make test` makes one first.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const MUST_BYTES = 250_000;
const dist = join(import.meta.dirname, '../dist');
const there = existsSync(join(dist, 'index.html'));

/** Of `import a from"./x.js"`, `import"./x.js"` and `export*from"./x.js"`, but not of `import("./x.js")`, the file. */
function imported(script: string): string[] {
  return [...script.matchAll(/\b(?:from|import)\s*["'](\.{1,2}\/[^"']+\.js)["']/g)].map((m) => m[1] as string);
}

/** The file and what it imports, and so on; each once. */
function closure(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const next of imported(readFileSync(file, 'utf8'))) closure(join(dirname(file), next), found);
  return found;
}

const bytes = (files: Iterable<string>): number => [...files].reduce((n, f) => n + gzipSync(readFileSync(f), { level: 9 }).length, 0);

it('sees every way in which a script is imported at once, and no other', () => {
  const script = 'import{a as b}from"./one.js";import"./two.js";export*from"./three.js";const later=()=>import("./four.js");const s="from";';
  expect(imported(script)).toEqual(['./one.js', './two.js', './three.js']);
});

// Where tests are to be complete, a build that is missing is a failure and not a reason to look away.
describe.skipIf(!there && process.env.CI !== 'true')('the first script', () => {
  const html = there ? readFileSync(join(dist, 'index.html'), 'utf8') : '';
  const named = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map((m) => join(dist, m[1] as string));
  const first = new Set(named.flatMap((f) => [...closure(f)]));

  it('is under 250 kB compressed', () => {
    expect(named.length).toBeGreaterThan(0);
    console.log(`first script: ${first.size} files, ${bytes(first)} bytes compressed`);
    expect(bytes(first)).toBeLessThan(MUST_BYTES);
  });
});
