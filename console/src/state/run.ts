/* Ties the feed to the store, the API and the browser for as long as somebody is logged in. */
import type { QueryClient } from '@tanstack/react-query';
import { api, ApiError } from '../api/client';
import type { Session } from '../api/gateway';
import type { Alert, AlertPage } from '../api/types';
import { Feed } from '../feed/feed';
import { Loader } from '../lib/chunk';
import { absorb, deliver, flush, replaceOpen, reset, setFeed, useLive } from './live';
import { MAX_OPEN } from './merge';
import { renewSession, useSession } from './session';

const link = new Loader(() => import('../feed/link'));
/** The first page is what an empty screen waits for; the rest comes in as few as the gateway allows. */
const FIRST = 100;

/** What an empty screen shows while the live link is still being fetched and opened. */
async function showFirst(over: () => boolean): Promise<void> {
  const page = await api.alerts({ state: 'open', before: null, limit: FIRST });
  if (!over() && !useLive.getState().loaded) replaceOpen(page.alerts, page.next !== null, page.cursor ?? 0);
}

const PAGE = 500;

/** All open alerts, newest first, and the cursor at which the first page was read. */
async function loadOpen(): Promise<number> {
  const found: Alert[] = [];
  let before: number | string | null = null;
  let cursor: number | null = null;
  do {
    const page: AlertPage = await api.alerts({ state: 'open', before, limit: cursor === null ? FIRST : PAGE });
    cursor ??= page.cursor ?? 0;
    found.push(...page.alerts);
    before = page.alerts.length > 0 ? page.next : null;
    // An empty screen shows what there is; one that shows alerts keeps them until the whole list is known.
    if (!useLive.getState().loaded) replaceOpen(page.alerts, true, cursor);
    else if (before !== null) absorb(page.alerts);
  } while (before !== null && found.length < MAX_OPEN);
  flush();
  replaceOpen(found, before !== null, cursor);
  return cursor;
}

export function runFeed(session: Session, queries: QueryClient): () => void {
  reset();
  let over = false;
  let feed: Feed | null = null;
  // The lists that come with the link tell the same and all the rest.
  showFirst(() => over).catch(() => {});
  const hurry = (): void => {
    if (document.visibilityState === 'visible') feed?.hurry();
  };
  const begin = ({ openLink }: typeof import('../feed/link')): void => {
    feed = new Feed(session.site, {
      open: (handlers) => openLink(session.site, session.user, handlers),
      changes: (after) => api.changes(after),
      reload: loadOpen,
      refreshStates: () => {
        void queries.invalidateQueries();
      },
      loggedIn: async () => {
        try {
          // A feed ends, too, where rights have changed: they are what the gateway says now.
          renewSession(await api.session());
          return true;
        } catch (error) {
          return !(error instanceof ApiError && error.status === 401);
        }
      },
      deliver,
      status: (state) => {
        setFeed(state);
        if (state === 'ended') useSession.setState((s) => (s.status === 'ready' ? { gone: true } : {}));
      },
      random: Math.random,
      after: (ms, run) => {
        const id = setTimeout(run, ms);
        return () => clearTimeout(id);
      },
    });
    feed.start();
    window.addEventListener('online', hurry);
    document.addEventListener('visibilitychange', hurry);
  };
  // As a page that comes later: without it there is no feed, so a gateway that is away just now is waited for.
  const leave = link.subscribe(() => {
    const chunk = link.now();
    if (chunk.state !== 'there' || feed || over) return;
    begin(chunk.part);
  });
  const kept = link.now();
  if (kept.state === 'there') begin(kept.part);
  return () => {
    over = true;
    leave();
    feed?.stop();
    window.removeEventListener('online', hurry);
    document.removeEventListener('visibilitychange', hurry);
  };
}

export { absorb };
