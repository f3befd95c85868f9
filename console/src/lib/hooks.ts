/* Small hooks that several pages share. */
import { useCallback, useEffect, useState, useSyncExternalStore, type RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { gatewayNow } from '../api/client';
import { useSession } from '../state/session';
import { ageText, momentText, siteDay, type TimeStyle } from './time';

const listeners = new Set<() => void>();
let ticker: ReturnType<typeof setInterval> | null = null;
let second = Math.floor(gatewayNow() / 1000);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  ticker ??= setInterval(() => {
    second = Math.floor(gatewayNow() / 1000);
    for (const l of listeners) l();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && ticker !== null) {
      clearInterval(ticker);
      ticker = null;
    }
  };
}

/** The gateway's time, ticking once a second; one timer for the whole page. */
export function useNow(): number {
  const read = (): number => second;
  return useSyncExternalStore(subscribe, read, read) * 1000;
}

/** The site's day, worked out once a second for all who ask. */
let known = { second: -1, zone: '', day: '' };
function today(zone: string): string {
  if (known.second !== second || known.zone !== zone) known = { second, zone, day: siteDay(zone, second * 1000) };
  return known.day;
}

export interface Words {
  age: (ms: number) => string;
  /** The same as a point in the past. */
  ago: (ms: number) => string;
  /** A time of day names its day where that is not today. */
  moment: (ms: number, style: TimeStyle) => string;
  zone: string;
}

/** Ages and moments in the operator's language and the site's time zone. */
export function useTimes(): Words {
  const { t, i18n } = useTranslation();
  const zone = useSession((s) => s.session?.timeZone ?? 'UTC');
  const read = (): string => today(zone);
  // Drawn anew at midnight, for what was today then says of which day it is.
  const day = useSyncExternalStore(subscribe, read, read);
  return {
    age: (ms) => ageText(t, ms),
    ago: (ms) => (ms < 1000 ? ageText(t, ms) : t('unit.ago', { age: ageText(t, ms) })),
    moment: (ms, style) => momentText(i18n.language, zone, ms, style, day),
    zone,
  };
}

export function useMedia(query: string): boolean {
  const watch = useCallback(
    (changed: () => void) => {
      const m = matchMedia(query);
      m.addEventListener('change', changed);
      return () => m.removeEventListener('change', changed);
    },
    [query],
  );
  return useSyncExternalStore(watch, () => matchMedia(query).matches);
}

/** Queue and detail do not stand side by side below this. */
export function useNarrow(): boolean {
  return useMedia('(max-width: 56rem)');
}

export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · skyeye`;
  }, [title]);
}

export function useRem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}
