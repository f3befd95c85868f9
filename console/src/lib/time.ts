/* Times as people read them: ages in words, moments in the site's time zone. */
import type { TFunction } from 'i18next';

/** An age in at most two units; negative ages (clocks differ a little) count as now. */
export function ageText(t: TFunction, ms: number): string {
  if (!Number.isFinite(ms)) return t('unit.unknown');
  const s = Math.floor(ms / 1000);
  if (s < 1) return t('unit.now');
  if (s < 60) return t('unit.s', { n: s });
  const min = Math.floor(s / 60);
  if (min < 60) return t('unit.min', { n: min });
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? t('unit.h', { n: h }) : t('unit.hMin', { h, min: min % 60 });
  const d = Math.floor(h / 24);
  return h % 24 === 0 || d > 6 ? t('unit.d', { n: d }) : t('unit.dH', { d, h: h % 24 });
}

export type TimeStyle = 'time' | 'minute' | 'short' | 'full' | 'clock';
const STYLES: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  time: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  minute: { hour: '2-digit', minute: '2-digit' },
  short: { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit' },
  full: {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  },
  clock: { weekday: 'short', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
};
/** What stands before a time of day that is not of today. */
const BEFORE = {
  today: {},
  year: { month: 'numeric', day: 'numeric' },
  ever: { year: 'numeric', month: 'numeric', day: 'numeric' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(language: string, zone: string, style: TimeStyle | 'day', before: keyof typeof BEFORE = 'today'): Intl.DateTimeFormat {
  const key = `${language} ${zone} ${style} ${before}`;
  let found = formats.get(key);
  if (!found) {
    const options: Intl.DateTimeFormatOptions = style === 'day' ? BEFORE.ever : { ...STYLES[style], ...BEFORE[before], hourCycle: 'h23' };
    const locale = language === 'en' ? 'en-GB' : language;
    try {
      found = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
    } catch {
      // A zone that this browser does not know: UTC, and it says so.
      found = new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC', timeZoneName: 'short' });
    }
    formats.set(key, found);
  }
  return found;
}

/** Which day it is at the site, to compare with another: `22/11/2026`. */
export function siteDay(zone: string, ms: number): string {
  return Number.isFinite(ms) ? format('en', zone, 'day').format(ms) : '';
}

/** A time of day that is not of `today` says of which day it is, and of which year where that is another one. */
export function momentText(language: string, zone: string, ms: number, style: TimeStyle, today: string | null = null): string {
  if (!Number.isFinite(ms)) return '–';
  if (today === null || (style !== 'time' && style !== 'minute')) return format(language, zone, style).format(ms);
  const day = siteDay(zone, ms);
  return format(language, zone, style, day === today ? 'today' : yearOf(day) === yearOf(today) ? 'year' : 'ever').format(ms);
}
const yearOf = (day: string): string => /\d{4}/.exec(day)?.[0] ?? '';

/** `2026-11-22T08:00`, as a form has it and as the site's clock shows it, to Unix milliseconds; NaN where it is none. */
export function siteMoment(zone: string, local: string): number {
  const asUtc = Date.parse(`${local}Z`);
  if (!Number.isFinite(asUtc)) return Number.NaN;
  // Twice, for a change of clock lies between the first guess and the moment itself once a year.
  const first = asUtc - shift(zone, asUtc);
  return asUtc - shift(zone, first);
}

/** By how much the site's clock is ahead of UTC. */
function shift(zone: string, ms: number): number {
  const options: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' };
  let parts: Intl.DateTimeFormatPart[];
  try {
    parts = new Intl.DateTimeFormat('en', { ...options, timeZone: zone }).formatToParts(ms);
  } catch {
    return 0;
  }
  const of = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((p) => p.type === type)?.value ?? 0);
  const there = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return there - Math.floor(ms / 1000) * 1000;
}
