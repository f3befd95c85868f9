/*
 * Which channels are chosen for a bulk action. Pure: a range goes from the anchor (what was chosen last) to the row
 * that was clicked, in the order in which the rows stand now.
 */
import { useMemo, useState } from 'react';

export interface Selection {
  ids: ReadonlySet<string>;
  anchor: string | null;
}
export const NOTHING: Selection = { ids: new Set(), anchor: null };

export function toggle(s: Selection, id: string): Selection {
  const ids = new Set(s.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: id };
}

/** Everything between the anchor and `id` becomes what the anchor is. */
export function range(s: Selection, order: readonly string[], id: string): Selection {
  const to = order.indexOf(id);
  const from = s.anchor === null ? -1 : order.indexOf(s.anchor);
  if (to < 0) return s;
  if (from < 0) return toggle(s, id);
  const ids = new Set(s.ids);
  const on = s.anchor === null || s.ids.has(s.anchor);
  for (const x of order.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    if (on) ids.add(x);
    else ids.delete(x);
  }
  return { ids, anchor: s.anchor };
}

export function addAll(s: Selection, order: readonly string[]): Selection {
  return { ids: new Set([...s.ids, ...order]), anchor: s.anchor };
}

export function dropAll(s: Selection, order: readonly string[]): Selection {
  const gone = new Set(order);
  return { ids: new Set([...s.ids].filter((id) => !gone.has(id))), anchor: null };
}

export interface Picking {
  selection: Selection;
  toggle: (id: string) => void;
  range: (order: readonly string[], id: string) => void;
  all: (order: readonly string[]) => void;
  drop: (order: readonly string[]) => void;
  none: () => void;
}

export function useSelection(): Picking {
  const [selection, set] = useState(NOTHING);
  return useMemo(
    () => ({
      selection,
      toggle: (id) => set((s) => toggle(s, id)),
      range: (order, id) => set((s) => range(s, order, id)),
      all: (order) => set((s) => addAll(s, order)),
      drop: (order) => set((s) => dropAll(s, order)),
      none: () => set(NOTHING),
    }),
    [selection],
  );
}
