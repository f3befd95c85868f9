/*
 * The small readers of foreign JSON: each takes anything and gives what it is meant to be, or nothing. Texts and lists
 * are cut to a bounded length here, once; nothing throws.
 */
export type Raw = Record<string, unknown>;

const MAX_TEXT = 300;
const MAX_ITEMS = 200;

export function obj(v: unknown): Raw | null {
  return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Raw) : null;
}
export function text(v: unknown, max = MAX_TEXT): string {
  return typeof v === 'string' ? (v.length > max ? `${v.slice(0, max - 1)}…` : v) : '';
}
/** An id: needed, and never longer than an id can be. */
export function ident(v: unknown): string | null {
  return typeof v === 'string' && v.length > 0 && v.length <= 64 ? v : null;
}
export function optText(v: unknown): string | null {
  return typeof v === 'string' && v !== '' ? text(v) : null;
}
export function num(v: unknown, fallback = 0): number {
  return typeof v === 'number' && Number.isFinite(v) ? v : fallback;
}
export function optNum(v: unknown): number | null {
  return typeof v === 'number' && Number.isFinite(v) ? v : null;
}
export function list(v: unknown, max = MAX_ITEMS): unknown[] {
  return Array.isArray(v) ? v.slice(0, max) : [];
}
export function texts(v: unknown): string[] {
  return list(v).map((x) => text(x)).filter((x) => x !== '');
}
/** RFC 3339 to Unix milliseconds; NaN shows as "unknown". */
export function time(v: unknown): number {
  return typeof v === 'string' ? Date.parse(v) : Number.NaN;
}
export function oneOf<T extends string>(v: unknown, all: readonly T[]): T | null {
  return typeof v === 'string' && (all as readonly string[]).includes(v) ? (v as T) : null;
}
export function all<T>(v: unknown, read: (x: unknown) => T | null, max = MAX_ITEMS): T[] {
  return list(v, max).map(read).filter((x): x is T => x !== null);
}
