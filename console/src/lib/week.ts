/*
 * A timetable's week as hours to be drawn: `mon-fri 18:00-08:00` as the minutes of each day. Pure. It reads what the
 * gateway reads and refuses what it refuses, but only for the picture: the gateway decides.
 */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];
/** From minute to minute of one day, 0 to 1440. */
export interface Span {
  from: number;
  to: number;
}
const DAY_MIN = 1440;

function minutes(text: string): number | null {
  const m = /^(\d{1,2}):(\d{2})$/.exec(text.trim());
  if (!m) return null;
  const at = Number(m[1]) * 60 + Number(m[2]);
  return Number(m[2]) < 60 && at <= DAY_MIN ? at : null;
}

function dayAt(text: string): number {
  return DAYS.indexOf(text.trim().toLowerCase() as Day);
}

/** Which days from Monday, and the minutes; an end beyond a day is on the next. Null where it is no span. */
export function readSpan(text: string): { days: number[]; from: number; to: number } | null {
  const m = /^(?:(.*\S)\s+)?(\S+)$/.exec(text.trim());
  const times = m?.[2]?.split('-') ?? [];
  const [from, to] = [minutes(times[0] ?? ''), minutes(times[1] ?? '')];
  if (times.length !== 2 || from === null || to === null || from >= DAY_MIN) return null;
  const end = to > from ? to : to + DAY_MIN;
  if (m?.[1] === undefined) return { days: [0, 1, 2, 3, 4, 5, 6], from, to: end };
  const found = new Set<number>();
  for (const part of m[1].split(',')) {
    const [a, b = a] = part.split('-');
    const [first, last] = [dayAt(a ?? ''), dayAt(b ?? '')];
    if (first < 0 || last < 0) return null;
    for (let n = 0; n <= (last + 7 - first) % 7; n += 1) found.add((first + n) % 7);
  }
  return { days: [...found].sort((a, b) => a - b), from, to: end };
}

/** The spans of each day from Monday, joined; and the lines that are no spans. */
export function weekOf(lines: readonly string[]): { days: Span[][]; bad: string[] } {
  const days: Span[][] = DAYS.map(() => []);
  const bad: string[] = [];
  for (const line of lines) {
    const span = readSpan(line);
    if (!span) {
      bad.push(line);
      continue;
    }
    for (const d of span.days) {
      days[d]?.push({ from: span.from, to: Math.min(span.to, DAY_MIN) });
      if (span.to > DAY_MIN) days[(d + 1) % 7]?.push({ from: 0, to: span.to - DAY_MIN });
    }
  }
  return { days: days.map(joined), bad };
}

function joined(spans: Span[]): Span[] {
  const out: Span[] = [];
  for (const s of [...spans].sort((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && s.from <= last.to) last.to = Math.max(last.to, s.to);
    else out.push({ ...s });
  }
  return out;
}

export function clockText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

/** Lines of a text field, without what is empty. */
export const linesOf = (typed: string): string[] => typed.split(/[\n;；]+/).map((l) => l.trim()).filter((l) => l !== '');
