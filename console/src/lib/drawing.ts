/*
 * What is being drawn on a channel's picture: zones, lines and masks, which of them is chosen, what is begun, and what
 * was there before each step. Pure: every deed takes a drawing and gives another one.
 *
 * Steps that go on with each other (a point that is dragged, or moved by several keys) are one step to be taken back.
 */
import { areaOf, between, crossesItself, distance, same, shift, tidy, type Pt } from './geometry';

export type ShapeKind = 'zone' | 'line' | 'privacy' | 'ignore';
export const SHAPE_KINDS: readonly ShapeKind[] = ['zone', 'line', 'privacy', 'ignore'];
export interface Shape {
  /** Of this drawing only. */
  key: number;
  kind: ShapeKind;
  /** Of zones and lines: what rules name it by. */
  id: string;
  name: string;
  points: readonly Pt[];
  /** Not stored yet, so that its id may still be chosen. */
  fresh: boolean;
}
export interface Draft {
  kind: ShapeKind;
  points: readonly Pt[];
  /** Where the next point would be put. */
  at: Pt;
}
export interface Drawing {
  shapes: readonly Shape[];
  chosen: number | null;
  draft: Draft | null;
  past: readonly (readonly Shape[])[];
  future: readonly (readonly Shape[])[];
  /** Of the latest step; another one with the same name goes on with it. */
  step: string;
  next: number;
}
/** The places of a channel as its configuration has them. */
export interface Places {
  zone: readonly { id: string; name: string; polygon: readonly Pt[] }[];
  line: readonly { id: string; name: string; points: readonly Pt[] }[];
  mask: readonly { kind: 'privacy' | 'ignore'; polygon: readonly Pt[] }[];
}

export const MAX_POINTS = 64;
const MAX_STEPS = 200;
/** So close to the first point, or to the last one, in heights of the picture, a point finishes the shape. */
export const CLOSE = 0.018;

export const least = (kind: ShapeKind): number => (kind === 'line' ? 2 : 3);

export function drawingOf(places: Places): Drawing {
  const shapes: Shape[] = [
    ...places.zone.map((z) => ({ kind: 'zone' as const, id: z.id, name: z.name, points: z.polygon })),
    ...places.line.map((l) => ({ kind: 'line' as const, id: l.id, name: l.name, points: l.points })),
    ...places.mask.map((m) => ({ kind: m.kind, id: '', name: '', points: m.polygon })),
  ].map((s, i) => ({ ...s, key: i + 1, fresh: false }));
  return { shapes, chosen: null, draft: null, past: [], future: [], step: '', next: shapes.length + 1 };
}

export function placesOf(shapes: readonly Shape[]): Places {
  const of = (kind: ShapeKind): Shape[] => shapes.filter((s) => s.kind === kind);
  return {
    zone: of('zone').map(({ id, name, points }) => ({ id, name: name.trim(), polygon: points })),
    line: of('line').map(({ id, name, points }) => ({ id, name: name.trim(), points })),
    mask: shapes.flatMap((s) => (s.kind === 'privacy' || s.kind === 'ignore' ? [{ kind: s.kind, polygon: s.points }] : [])),
  };
}

/** Whether both would be stored as the same. */
export function samePlaces(a: readonly Shape[], b: readonly Shape[]): boolean {
  return JSON.stringify(placesOf(a)) === JSON.stringify(placesOf(b));
}

export const chosenOf = (d: Drawing): Shape | null => d.shapes.find((s) => s.key === d.chosen) ?? null;

function put(d: Drawing, shapes: readonly Shape[], step: string): Drawing {
  const goesOn = step !== '' && step === d.step;
  const past = goesOn ? d.past : [...d.past, d.shapes].slice(-MAX_STEPS);
  return { ...d, shapes, past, future: [], step };
}

function change(d: Drawing, key: number, step: string, how: (s: Shape) => Shape): Drawing {
  const before = d.shapes.find((s) => s.key === key);
  if (!before) return d;
  const after = how(before);
  if (after === before) return d;
  return put(d, d.shapes.map((s) => (s.key === key ? after : s)), step);
}

/** The next step is a step of its own. */
export const seal = (d: Drawing): Drawing => (d.step === '' ? d : { ...d, step: '' });

export const choose = (d: Drawing, key: number | null): Drawing => ({ ...seal(d), chosen: key, draft: null });

export function setPoint(d: Drawing, key: number, index: number, to: Pt): Drawing {
  return change(d, key, `point ${key} ${index}`, (s) => {
    const at = tidy(to);
    const was = s.points[index];
    if (!was || same(was, at)) return s;
    return { ...s, points: s.points.map((p, i) => (i === index ? at : p)) };
  });
}

export function movePoint(d: Drawing, key: number, index: number, dx: number, dy: number): Drawing {
  const p = d.shapes.find((s) => s.key === key)?.points[index];
  return p ? setPoint(d, key, index, [p[0] + dx, p[1] + dy]) : d;
}

export function moveShape(d: Drawing, key: number, dx: number, dy: number): Drawing {
  return change(d, key, `shape ${key}`, (s) => {
    const points = shift(s.points, dx, dy);
    return points.every((p, i) => same(p, s.points[i] as Pt)) ? s : { ...s, points };
  });
}

/** A point in the middle of the edge behind this one; at the end of a line, before it. Gives where it is, too. */
export function insertAfter(d: Drawing, key: number, index: number): { drawing: Drawing; index: number } {
  const shape = d.shapes.find((s) => s.key === key);
  if (!shape || shape.points.length >= MAX_POINTS) return { drawing: d, index };
  const n = shape.points.length;
  const from = shape.kind === 'line' && index >= n - 1 ? n - 2 : index;
  const a = shape.points[from];
  const b = shape.points[(from + 1) % n];
  if (!a || !b) return { drawing: d, index };
  const points = [...shape.points.slice(0, from + 1), between(a, b), ...shape.points.slice(from + 1)];
  return { drawing: change(d, key, '', (s) => ({ ...s, points })), index: from + 1 };
}

/** A shape keeps the points that it needs. */
export function removePoint(d: Drawing, key: number, index: number): Drawing {
  return change(d, key, '', (s) =>
    s.points.length <= least(s.kind) ? s : { ...s, points: s.points.filter((_, i) => i !== index) },
  );
}

export function removeShape(d: Drawing, key: number): Drawing {
  if (!d.shapes.some((s) => s.key === key)) return d;
  return { ...put(d, d.shapes.filter((s) => s.key !== key), ''), chosen: d.chosen === key ? null : d.chosen };
}

export const rename = (d: Drawing, key: number, name: string): Drawing =>
  change(d, key, `name ${key}`, (s) => (s.name === name ? s : { ...s, name }));
export const setId = (d: Drawing, key: number, id: string): Drawing =>
  change(d, key, `id ${key}`, (s) => (s.id === id || !s.fresh ? s : { ...s, id }));
/** A mask hides from people or from the rules; anything else stays what it is. */
export const setKind = (d: Drawing, key: number, kind: 'privacy' | 'ignore'): Drawing =>
  change(d, key, '', (s) => (s.kind === kind || s.kind === 'zone' || s.kind === 'line' ? s : { ...s, kind }));
/** A line that is walked the other way: forward becomes backward. */
export const turn = (d: Drawing, key: number): Drawing =>
  change(d, key, '', (s) => (s.kind === 'line' ? { ...s, points: [...s.points].reverse() } : s));

export function undo(d: Drawing): Drawing {
  if (d.draft && d.draft.points.length > 0) {
    return { ...d, draft: { ...d.draft, points: d.draft.points.slice(0, -1) } };
  }
  const before = d.past.at(-1);
  if (!before) return d;
  return kept({ ...d, shapes: before, past: d.past.slice(0, -1), future: [d.shapes, ...d.future], step: '' });
}

export function redo(d: Drawing): Drawing {
  const [after, ...future] = d.future;
  if (!after) return d;
  return kept({ ...d, shapes: after, past: [...d.past, d.shapes], future, step: '' });
}

const kept = (d: Drawing): Drawing => (chosenOf(d) ? d : { ...d, chosen: null });

// --- Drawing something new ---

export const begin = (d: Drawing, kind: ShapeKind): Drawing => ({
  ...seal(d),
  chosen: null,
  draft: { kind, points: [], at: [0.5, 0.5] },
});

export const cancel = (d: Drawing): Drawing => ({ ...d, draft: null });

export function aim(d: Drawing, at: Pt): Drawing {
  return d.draft ? { ...d, draft: { ...d.draft, at: tidy(at) } } : d;
}

/** Puts a point where it is aimed at. On the first point, or twice on one place, it finishes what is long enough. */
export function drop(d: Drawing, ratio: number): Drawing {
  const { draft } = d;
  if (!draft) return d;
  const { points, at } = draft;
  const near = (p: Pt | undefined): boolean => p !== undefined && distance(p, at, ratio) < CLOSE;
  if (near(points.at(-1)) || (draft.kind !== 'line' && points.length >= 3 && near(points[0]))) return finish(d);
  if (points.length >= MAX_POINTS) return d;
  return { ...d, draft: { ...draft, points: [...points, at] } };
}

export const mayFinish = (d: Drawing): boolean => d.draft !== null && d.draft.points.length >= least(d.draft.kind);

/** Makes a shape of what was begun, and chooses it; what is too short goes on. */
export function finish(d: Drawing): Drawing {
  const { draft } = d;
  if (!draft || !mayFinish(d)) return d;
  const shape: Shape = { key: d.next, kind: draft.kind, id: freeId(d.shapes, draft.kind), name: '', points: draft.points, fresh: true };
  return { ...put(d, [...d.shapes, shape], ''), draft: null, chosen: shape.key, next: d.next + 1 };
}

/** `zone-1`, `line-2`; masks have none. */
export function freeId(shapes: readonly Shape[], kind: ShapeKind): string {
  if (kind !== 'zone' && kind !== 'line') return '';
  for (let n = 1; ; n += 1) {
    const id = `${kind}-${n}`;
    if (!shapes.some((s) => s.kind === kind && s.id === id)) return id;
  }
}

export type Fault = 'crosses' | 'flat' | 'badId' | 'sameId' | 'twice';

/** What keeps a shape from being stored. */
export function faultOf(shape: Shape, shapes: readonly Shape[]): Fault | null {
  const { kind, points, id } = shape;
  if (kind === 'line') {
    if (points.some((p, i) => i > 0 && same(p, points[i - 1] as Pt))) return 'twice';
  } else {
    if (areaOf(points) < 0.0001) return 'flat';
    if (crossesItself(points)) return 'crosses';
  }
  if (kind === 'zone' || kind === 'line') {
    if (!/^[a-z0-9._-]{1,64}$/.test(id)) return 'badId';
    if (shapes.some((s) => s.key !== shape.key && s.kind === kind && s.id === id)) return 'sameId';
  }
  return null;
}
