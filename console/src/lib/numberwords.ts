/*
 * What the numbers of a position mean, in the operator's language: each figure with its target, and one sentence over all
 * of them. Pure, so that a test can hold each case.
 */
import type { TFunction } from 'i18next';
import { REASONS } from '../api/alerts';
import type { Figure, Numbers, Verdict } from '../api/numbers';
import { decimal, windowText } from './words';

export const FIGURES = ['perHour', 'largest', 'flooded', 'stale', 'chattering', 'top', 'inTime', 'wrong'] as const;
export type FigureName = (typeof FIGURES)[number];
const SHARES: readonly FigureName[] = ['flooded', 'top', 'inTime', 'wrong'];

export function figureOf(n: Numbers, name: FigureName): Figure {
  switch (name) {
    case 'perHour':
      return n.perHour;
    case 'largest':
      return n.windows.largest;
    case 'flooded':
      return n.windows.flooded;
    case 'stale':
      return n.stale.count;
    case 'chattering':
      return n.chattering.count;
    case 'top':
      return n.top.share;
    case 'inTime':
      return n.times.inTimeShare;
    case 'wrong':
      return n.wrong.share;
  }
}

/** What a figure is called; a flood's window is as long as the gateway says. */
export function figureText(t: TFunction, n: Numbers, name: FigureName): string {
  return t(`numbers.figure.${name}`, { window: windowText(t, n.windows.seconds) });
}

/** `0.4 %`, `12 %`: what is small is told finer, and never broken over two lines. */
export function shareText(share: number): string {
  const percent = share * 100;
  return `${decimal(percent, percent > 0 && percent < 10 ? 1 : 0)}\u00a0%`;
}

export function valueText(name: FigureName, value: number): string {
  return SHARES.includes(name) ? shareText(value) : decimal(value, value < 100 ? 1 : 0);
}

/** `Target: at most 6; up to 12 can be managed`. */
export function targetText(t: TFunction, name: FigureName, f: Figure): string {
  const n = valueText(name, f.target);
  const limit = valueText(name, f.limit);
  return f.least ? t('numbers.targetLeast', { n, limit }) : t('numbers.targetMost', { n, limit });
}

/** A share whose target is only one number. */
export function shareTarget(t: TFunction, f: Figure): string {
  const n = shareText(f.target);
  return f.least ? t('numbers.least', { n }) : t('numbers.most', { n });
}

const WORST: readonly Verdict[] = ['bad', 'watch', 'good', 'few'];

/** The figures by how they keep their targets, and what that is called together. */
export function overall(n: Numbers): { verdict: Verdict; bad: FigureName[]; watch: FigureName[] } {
  const of = (verdict: Verdict): FigureName[] => FIGURES.filter((name) => figureOf(n, name).verdict === verdict);
  const verdict = WORST.find((v) => of(v).length > 0) ?? 'few';
  return { verdict, bad: of('bad'), watch: of('watch') };
}

/** Windows drawn together, so that at most `most` bars stand side by side: the largest of each group counts. */
export function grouped(rows: readonly number[], most: number): { bars: number[]; each: number } {
  const each = Math.max(1, Math.ceil(rows.length / most));
  const bars: number[] = [];
  for (let i = 0; i < rows.length; i += each) bars.push(Math.max(...rows.slice(i, i + each)));
  return { bars, each };
}

/** Why alerts were no row of their own; a word of a newer gateway as it came. */
export function becauseText(t: TFunction, because: string | null): string | null {
  const known = REASONS.find((r) => r === because);
  return known ? t(`because.${known}`) : because;
}

/** Where the alerts of a source are listed. */
export function alertsPath(source: { channel: string; rule: string }): string {
  return `/history?${new URLSearchParams({ channel: source.channel, rule: source.rule })}`;
}
