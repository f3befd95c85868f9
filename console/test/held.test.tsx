/*
 * What a choice leaves behind holds nothing of the live alerts. A function keeps whatever any function that was made
 * beside it uses, and the cache keeps a query's functions for a minute after nobody looks at it any more: one that is
 * made beside the live alerts keeps all of them, as they were then.
 */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import i18next from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { MemoryRouter, Route, Routes } from 'react-router';
import type { ReactNode } from 'react';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseSync } from 'vite';
import { beforeAll, expect, it, vi } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import { AlertsPage } from '../src/pages/alerts';
import ChannelPage from '../src/pages/channel';
import { absorb, reset, useLive, type Live } from '../src/state/live';
import { AlertDetail } from '../src/ui/alertdetail';
import { channel } from './channelfixtures';
import { alertJson } from './fixtures';
import { type Node, walk } from './syntax';

// Without a browser the store tells what it was begun with; and there is no window to measure.
vi.mock('../src/state/live', async (original) => {
  const real = await original<typeof import('../src/state/live')>();
  return { ...real, useLive: Object.assign(<T,>(of: (s: Live) => T): T => of(real.useLive.getState()), real.useLive) };
});
vi.mock('../src/lib/hooks', async (original) => ({ ...(await original<object>()), useMedia: () => false, useNarrow: () => false }));
vi.mock('../src/ui/alertqueue', () => ({ AlertQueue: () => null }));

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
});

const ROWS = 3;
/** An alert that has everything that is asked for beside it. */
const alert = (n: number): Alert =>
  readAlert(alertJson({ id: `a${n}`, incident: `i${n}`, under: 2, opened: new Date(1_790_000_000_000 + n * 1000).toISOString() })) as Alert;

/** Draws it once, as a choice does, and gives what was live then. */
function drawn(queries: QueryClient, page: ReactNode, at: string): WeakRef<object>[] {
  reset();
  absorb(Array.from({ length: ROWS }, (_, n) => alert(n)));
  renderToStaticMarkup(
    <QueryClientProvider client={queries}>
      <MemoryRouter initialEntries={[at]}>
        <Routes>
          <Route path="/alerts/:id" element={page} />
          <Route path="/channels/:id" element={page} />
        </Routes>
      </MemoryRouter>
    </QueryClientProvider>,
  );
  const { alerts, order } = useLive.getState();
  return [new WeakRef(alerts), new WeakRef(order)];
}

it.each([
  ['a chosen alert', 'members', '/alerts/a1', <AlertDetail key="" id="a1" onBack={null} />],
  ['the desk', 'alerts', '/alerts/a1', <AlertsPage key="" />],
  ['a channel', 'channel-alerts', '/channels/cam-1', <ChannelPage key="" />],
])('%s keeps none of the lists that it was drawn from', async (_, asks, at, page) => {
  const queries = new QueryClient();
  queries.setQueryData(['channel', 'cam-1'], channel('cam-1'));
  const was = drawn(queries, page, at);
  expect(queries.getQueryCache().getAll().map((q) => q.queryKey[0])).toContain(asks);
  reset();
  await new Promise((later) => setTimeout(later));
  collect();
  expect(was.map((w) => w.deref() !== undefined)).toEqual([false, false]);
  // They were there to hold it.
  expect(queries.getQueryCache().getAll().length).toBeGreaterThan(0);
});

/** What makes functions that outlive a drawing. */
const KEEPS = new Set(['useCallback', 'useQuery', 'useInfiniteQuery', 'useMutation']);

/**
 * Two functions of a page that are kept from different drawings, each knowing the other, make a chain that holds the lists
 * of all drawings between. So who draws from the whole list makes none.
 */
it('no page that draws from the whole list of alerts makes functions that are kept', () => {
  const root = join(import.meta.dirname, '../src');
  const drawFromAll: string[] = [];
  const found: string[] = [];
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f))) {
    for (const statement of parseSync(file, readFileSync(join(root, file), 'utf8')).program.body as unknown as Node[]) {
      let all = false;
      const kept: string[] = [];
      walk(statement, (node) => {
        if (node.type !== 'CallExpression') return;
        const { name } = node.callee as Node;
        const [made] = node.arguments as Node[];
        // useLive((s) => s.order)
        const of = name === 'useLive' && made?.type === 'ArrowFunctionExpression' ? (made.body as Node) : null;
        if (of?.type === 'MemberExpression' && ['alerts', 'order'].includes(String((of.property as Node).name))) all = true;
        if (KEEPS.has(String(name))) kept.push(String(name));
        // An effect's end is kept until the effect begins anew.
        if (name === 'useEffect' || name === 'useLayoutEffect') {
          walk(made, (inner) => {
            if (inner.type === 'ReturnStatement' && (inner.argument as Node | null)?.type === 'ArrowFunctionExpression') kept.push(name);
          });
        }
      });
      if (all) drawFromAll.push(file);
      if (all && kept.length > 0) found.push(`${file}: ${kept.join(', ')}`);
    }
  }
  expect(drawFromAll).toContain('pages/alerts.tsx');
  expect(found).toEqual([]);
});
