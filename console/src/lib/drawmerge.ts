/*
 * Two people drew on one picture: what each of them changed since the drawing that both began with is brought together,
 * so that nothing of the other's is overwritten unseen. What only one changed counts; where both changed the same shape,
 * this desk's is kept and named. Of masks, which have no name, both are kept: rather too much hidden than too little.
 */
import { drawingOf, freeId, type Drawing, type Places, type Shape } from './drawing';

export interface Merged {
  drawing: Drawing;
  /** As stored now. */
  stored: readonly Shape[];
  /** Shapes of this desk that both changed. */
  both: readonly Shape[];
}

const isMask = (s: Shape): boolean => s.kind === 'privacy' || s.kind === 'ignore';
/** What names a shape: zones and lines their id, masks nothing but what they are. */
const named = (s: Shape): string => `${s.kind} ${s.id}`;
const same = (a: Shape | undefined, b: Shape | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.kind === b.kind && a.name.trim() === b.name.trim() && JSON.stringify(a.points) === JSON.stringify(b.points));

/** `base` is what was stored when this desk began, `mine` what it has drawn since, `places` what is stored now. */
export function mergeDrawing(base: readonly Shape[], mine: Drawing, places: Places): Merged {
  let next = mine.next;
  const stored = drawingOf(places).shapes.map((s) => ({ ...s, key: next++ }));
  const both: Shape[] = [];
  const shapes: Shape[] = [];
  const mineByKey = new Map(mine.shapes.map((s) => [s.key, s]));
  const theirs = new Map(stored.filter((s) => !isMask(s)).map((s) => [named(s), s]));
  const open = stored.filter(isMask);
  const put = (s: Shape, key = s.key): void => void shapes.push({ ...s, key, fresh: false });
  const keep = (s: Shape, contested: boolean): void => {
    shapes.push(s);
    if (contested) both.push(s);
  };

  for (const was of base) {
    const m = mineByKey.get(was.key);
    mineByKey.delete(was.key);
    if (isMask(was)) {
      const at = open.findIndex((s) => same(s, was));
      const there = at >= 0 ? open.splice(at, 1)[0] : undefined;
      if (m && (there || !same(m, was))) keep(m, !there);
      continue;
    }
    const t = theirs.get(named(was));
    theirs.delete(named(was));
    if (same(m, was)) {
      if (t) put(t, was.key);
    } else if (same(t, was) || same(m, t)) {
      if (m) keep(m, false);
    } else if (m) keep({ ...m, fresh: t === undefined }, true);
    // Removed here and changed there: what somebody works on is not taken from them.
    else if (t) {
      put(t);
      both.push(t);
    }
  }
  for (const t of [...theirs.values(), ...open]) {
    const twin = [...mineByKey.values()].find((m) => same(m, t) && m.id === t.id);
    if (twin) mineByKey.delete(twin.key);
    put(t, twin?.key ?? t.key);
  }
  for (const m of mineByKey.values()) {
    // An id that the other one has taken meanwhile.
    const clash = !isMask(m) && shapes.some((s) => named(s) === named(m));
    keep(clash ? { ...m, id: freeId([...shapes, ...mineByKey.values()], m.kind) } : m, clash);
  }
  const drawing: Drawing = {
    ...mine,
    shapes,
    next,
    past: [...mine.past, mine.shapes],
    future: [],
    step: '',
    chosen: shapes.some((s) => s.key === mine.chosen) ? mine.chosen : null,
  };
  return { drawing, stored, both };
}
