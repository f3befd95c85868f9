/*
 * What somebody is writing and has not sent: it outlives a login that ends and begins again, rights that change and a page that
 * is left, for as long as this window lives. It is only the writer's own, and ends when it was sent, thrown away or logged out
 * of. Few are kept; of more the oldest go.
 */
import { useSession } from './session';

const MOST = 50;
const kept = new Map<string, unknown>();

export interface Drafts<T> {
  of: (id: string) => T | null;
  keep: (id: string, written: T) => void;
  drop: (id: string) => void;
  /** It has arrived as it was: what was written since then is a draft still. */
  arrived: (id: string, sent: T) => void;
}

/** Drafts of one kind of text. */
export function drafts<T extends string | object>(kind: string): Drafts<T> {
  const key = (id: string): string => JSON.stringify([useSession.getState().session?.user ?? '', kind, id]);
  return {
    of: (id) => (kept.get(key(id)) as T | undefined) ?? null,
    keep: (id, written) => {
      kept.delete(key(id));
      kept.set(key(id), written);
      for (const oldest of kept.keys()) {
        if (kept.size <= MOST) break;
        kept.delete(oldest);
      }
    },
    drop: (id) => void kept.delete(key(id)),
    arrived: (id, sent) => {
      if (kept.get(key(id)) === sent) kept.delete(key(id));
    },
  };
}

export function forgetDrafts(): void {
  kept.clear();
}
