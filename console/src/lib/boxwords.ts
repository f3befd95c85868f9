/*
 * What the numbers of the box mean, in the operator's language: one sentence on top, a word and an advice for each
 * reason why something was given up. Pure, so that a test can hold each case.
 */
import type { TFunction } from 'i18next';
import type { Box, BoxDrop } from '../api/box';
import en from '../i18n/en.json';
import { decimal } from './words';

export type Mood = 'good' | 'busy' | 'bad';

/** From this share on a worker, or a bound, is called full. */
export const FULL = 0.9;
/** An age that people would call late: what the schedule allows a sample, and the work on it. */
export const LATE_MS = 500;

export interface Verdict {
  mood: Mood;
  /** What is wrong or worth knowing, the worst first; empty where nothing is. */
  points: Point[];
}
export type Point =
  | 'hanging'
  | 'broker'
  | 'blind'
  | 'disk'
  | 'outbox'
  | 'late'
  | 'expired'
  | 'old'
  | 'crowded'
  | 'files'
  | 'focus'
  | 'away';

const share = (box: Box, name: string): number => {
  const b = box.budgets.find((x) => x.name === name);
  return b && b.bound > 0 ? b.used / b.bound : 0;
};
export const lost = (box: Box, stage: string, reason: string): number =>
  box.drops.find((d) => d.stage === stage && d.reason === reason)?.lastMinute ?? 0;
/** Age of a look when the model has seen it. */
export const lookAge = (box: Box): number | null => box.stages.find((s) => s.stage === 'infer')?.ageP99 ?? null;
export const away = (box: Box): number =>
  Object.entries(box.channels)
    .filter(([state]) => state !== 'running' && state !== 'disabled')
    .reduce((n, [, count]) => n + (count ?? 0), 0);

export function verdict(box: Box): Verdict {
  const points: Point[] = [];
  const say = (when: boolean, point: Point): void => {
    if (when) points.push(point);
  };
  say(box.load.workersHanging > 0, 'hanging');
  say(box.watched > 0 && box.uptimeS > 60 && box.load.looksPerS === 0 && box.lookedAt === 0, 'blind');
  say(!box.broker.connected && box.uptimeS > 15, 'broker');
  say(share(box, 'disk') >= FULL, 'disk');
  say(share(box, 'outbox') >= FULL, 'outbox');
  say(share(box, 'files') >= FULL, 'files');
  const bad = points.length;
  say(box.floors.late > 0 || box.floors.stretch > 1.05, 'late');
  say(lost(box, 'schedule', 'expired') > 0, 'expired');
  say((lookAge(box) ?? 0) > LATE_MS, 'old');
  say(box.load.machineBusy >= 0.95 && box.load.processCores < box.load.cores / 2, 'crowded');
  say(box.focus.wanted > box.focus.inUse, 'focus');
  say(away(box) > 0, 'away');
  // What the node itself reports stands below the points, in its own words.
  return { mood: bad > 0 ? 'bad' : points.length > 0 || box.degraded.length > 0 ? 'busy' : 'good', points };
}

type DropKey = keyof typeof en.box.drop;
const isDrop = (s: string): s is DropKey => Object.hasOwn(en.box.drop, s);

/** Why it was given up, and what to do about it. Foreign words are never taken for a key. */
export function dropText(t: TFunction, drop: Pick<BoxDrop, 'stage' | 'reason'>): { why: string; advice: string; known: boolean } {
  const key = `${drop.stage}_${drop.reason}`;
  const found = isDrop(key) ? key : isDrop(drop.stage) ? drop.stage : 'other';
  return { why: t(`box.drop.${found}`), advice: t(`box.advice.${found}`), known: found === key };
}

/** Milliseconds as people read them. */
export function msText(t: TFunction, ms: number | null): string {
  if (ms === null) return '–';
  if (ms >= 10_000) return t('unit.seconds', { n: decimal(ms / 1000, 0) });
  if (ms >= 1000) return t('unit.seconds', { n: decimal(ms / 1000, 1) });
  return t('unit.ms', { n: decimal(ms, ms < 10 ? 1 : 0) });
}

export function percent(value: number): string {
  const p = value * 100;
  return `${p > 0 && p < 1 ? '<1' : Math.round(p)} %`;
}

export function interval(t: TFunction, seconds: number): string {
  if (seconds >= 90) return t('unit.min', { n: decimal(seconds / 60, seconds < 600 ? 1 : 0) });
  return t('unit.seconds', { n: decimal(seconds, seconds < 10 ? 1 : 0) });
}
