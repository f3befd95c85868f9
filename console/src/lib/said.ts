/*
 * What the gateway says in its own words, English sentences without a key: why a channel is down, why a change was
 * refused. They are known by the wording that the gateway's source has (a test holds the two together) and said in
 * Chinese where the console is Chinese. What is not known is given back as it came, and shown as a quotation.
 */
import i18next, { type TFunction } from 'i18next';
import { CHANNEL_STATES, CONDITIONS } from '../api/channel';
import table from '../i18n/said.zh-CN.json';
import { fieldText } from './fieldwords';

interface Wording {
  from: RegExp;
  to: string;
  /** Letters that are not a hole: of two that fit, the closer one is taken. */
  fixed: number;
}

const HOLE = /\{[^{}]*\}/g;
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function wording([from, to]: string[]): Wording {
  const parts = (from ?? '').split(HOLE);
  return { from: new RegExp(`^${parts.map(literal).join('(.*?)')}$`, 's'), to: to ?? '', fixed: parts.join('').length };
}

const WORDINGS: readonly Wording[] = [...table.gateway, ...table.system].map(wording).sort((a, b) => b.fixed - a.fixed);
/** A sentence holds sentences: why, and under that what the system said. */
const MAX_DEPTH = 3;
/** Longer is no sentence, and would cost time to look at. */
const MAX_LENGTH = 1000;

/** Holes hold names and numbers, or a sentence of their own; one without words for it makes the whole a quotation. */
const PROSE = /^[a-z]+(?: [a-z]+){2,}/;

function known(text: string, depth: number): string | null {
  if (depth > MAX_DEPTH || text.length > MAX_LENGTH) return null;
  for (const { from, to } of WORDINGS) {
    const found = from.exec(text);
    if (!found) continue;
    const parts = found.slice(1).map((part) => known(part, depth + 1) ?? summary(part) ?? (PROSE.test(part) ? null : part));
    if (parts.every((part) => part !== null)) return to.replace(/\{(\d)\}/g, (_, n: string) => parts[Number(n) - 1] ?? '');
  }
  return null;
}

const KIND = /^(channel|area|credential|rule|timetable) '([^']*)'(?:, ([\w.[\]]+))?: (.+)$/s;
const FIELD = /^([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)?): (.+)$/s;

/** `for[0].keep_score`: the first exception's score. */
function placeText(t: TFunction, place: string): string {
  return place
    .split('.')
    .map((part) => {
      const [, field = part, n] = /^([a-z_]+)(?:\[(\d+)\])?$/.exec(part) ?? [];
      return n === undefined ? fieldText(t, field) : `${fieldText(t, field)} ${Number(n) + 1}`;
    })
    .join(' · ');
}

const DEED = /^(\w+) '([^']*)' (added|changed|removed)$/;
const DEEDS = /^\d+ [a-z]+ (?:added|changed|removed)(?:, \d+ [a-z]+ (?:added|changed|removed))*$/;
const DONE = { added: '新增', changed: '修改', removed: '删除' } as const;

/** What a revision did, as the gateway sums it up. */
function summary(text: string): string | null {
  const word = (of: string): string => DONE[of as keyof typeof DONE];
  const kind = (of: string): string => known(of.replace(/s$/, ''), 0) ?? of;
  const one = DEED.exec(text);
  if (one) return `${word(one[3] ?? '')}${kind(one[1] ?? '')}“${one[2]}”`;
  if (!DEEDS.test(text)) return states(text);
  return text
    .split(', ')
    .map((part) => part.split(' '))
    .map(([n, of = '', done = '']) => `${word(done)} ${n} 个${kind(of)}`)
    .join('，');
}

/** How channels stand, for which the console has words of its own: `20 offline, 280 unreachable`; `frozen`. */
function states(text: string): string | null {
  const condition = CONDITIONS.find((c) => c === text);
  if (condition) return i18next.t(`condition.${condition}`);
  const parts = text.split(', ').map((part) => {
    const [, n, of] = /^(\d+) ([a-z_]+)$/.exec(part) ?? [];
    const state = CHANNEL_STATES.find((s) => s === of);
    return state && `${i18next.t(`channelState.${state}`)} ${n}`;
  });
  return parts.every((part) => part !== undefined) ? parts.join('，') : null;
}

/** One sentence in the language of the console, or null where there are no words for it. */
export function translated(t: TFunction, text: string): string | null {
  const whole = known(text, 0) ?? summary(text);
  if (whole !== null) return whole;
  const of = KIND.exec(text);
  if (of) {
    const [, kind = '', id, field, reason = ''] = of;
    const why = translated(t, reason);
    return why && `${known(kind, 0) ?? kind}“${id}”${field ? `，${placeText(t, field)}` : ''}：${why}`;
  }
  // An import is called by its file.
  const file = /^([^:]+\.[a-z]{3,4}): (.+)$/s.exec(text);
  const did = file && summary(file[2] ?? '');
  if (file && did) return `${file[1]}：${did}`;
  const at = FIELD.exec(text);
  const why = at && translated(t, at[2] ?? '');
  return at && why ? `${placeText(t, at[1] ?? '')}：${why}` : null;
}

/** Several refusals stand in one message, a semicolon between them, and each may have semicolons of its own. */
function sentences(text: string): string[] {
  // Advice: whole sentences, one after the other.
  if (/^[A-Z].*\.$/s.test(text) && known(text, 0) === null) return text.split(/(?<=\.) (?=[A-Z])/);
  return text.split(/; (?=(?:channel|area|credential|rule|timetable) '|[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)?: )/);
}

/** A list of channels says the same few sentences at every drawing. */
const kept = new Map<string, Shown>();
const MAX_KEPT = 1000;

interface Shown {
  text: string;
  /** In the gateway's own words. */
  own: boolean;
}

/** What to show: a state that is as it should be says nothing beyond its name. */
export function saidText(t: TFunction, text: string): Shown | null {
  if (text === '' || text === 'runs') return null;
  if (i18next.language !== 'zh-CN') return { text, own: false };
  let found = kept.get(text);
  if (!found) {
    const parts = sentences(text).map((s) => translated(t, s));
    const whole = parts.every((p) => p !== null);
    found = whole ? { text: parts.join(parts.every((p) => p.endsWith('。')) ? '' : '；'), own: false } : { text, own: true };
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(text, found);
  }
  return found;
}

/** What stands at a field: which field of which thing it is about need not be said there. */
export function saidAtField(t: TFunction, text: string): string {
  const first = sentences(text)[0] ?? '';
  return saidInline(t, KIND.exec(first)?.[4] ?? FIELD.exec(first)?.[2] ?? first);
}

/** The same within a sentence of ours. */
export function saidInline(t: TFunction, text: string): string {
  const said = saidText(t, text);
  return said === null ? '' : said.own ? t('error.said', { text: said.text }) : said.text;
}
