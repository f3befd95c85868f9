/*
 * The fields of a channel as a form holds them (all texts), and the way back: only what was changed is sent. Pure.
 * Whether a value is right the gateway says; only what is no number at all is caught here.
 */
import type { Channel, ChannelConfig } from '../api/channel';
import type { ChannelEdit } from '../api/configure';
import { words } from '../api/inventory';

export interface ChannelForm {
  name: string;
  url: string;
  main_url: string;
  credential: string;
  transport: string;
  stream: string;
  enabled: boolean;
  weight: string;
  area: string;
  external_id: string;
  tags: string;
  lat: string;
  lon: string;
}
export type FormField = keyof ChannelForm;

export function formOf(channel: Channel, config: ChannelConfig): ChannelForm {
  return {
    name: channel.name,
    url: config.url,
    main_url: config.mainUrl,
    credential: config.credential,
    transport: config.transport,
    stream: config.stream,
    enabled: config.enabled,
    weight: String(config.weight),
    area: config.area,
    external_id: config.externalId,
    tags: config.tags.join(' '),
    lat: config.lat === null ? '' : String(config.lat),
    lon: config.lon === null ? '' : String(config.lon),
  };
}

const NUMBERS = ['weight', 'lat', 'lon'] as const;
const CLEARED = ['main_url', 'credential', 'area', 'external_id'] as const;

/** What is no number, comma and all. */
export function badNumber(form: ChannelForm): FormField | null {
  return NUMBERS.find((k) => form[k].trim() !== '' && !Number.isFinite(number(form[k]))) ?? (form.weight.trim() === '' ? 'weight' : null);
}
function number(text: string): number {
  return /^[+-]?\d+([.,]\d+)?$/.test(text.trim()) ? Number(text.trim().replace(',', '.')) : Number.NaN;
}

export function editOf(before: ChannelForm, form: ChannelForm): ChannelEdit {
  const edit: ChannelEdit = {};
  for (const k of ['name', 'url', 'transport', 'stream'] as const) if (form[k] !== before[k]) edit[k] = form[k].trim();
  for (const k of CLEARED) if (form[k] !== before[k]) edit[k] = form[k].trim() === '' ? null : form[k].trim();
  if (form.enabled !== before.enabled) edit.enabled = form.enabled;
  if (form.weight !== before.weight) edit.weight = number(form.weight);
  if (words(form.tags).join(' ') !== words(before.tags).join(' ')) edit.tags = words(form.tags);
  // Both or none.
  if (form.lat !== before.lat || form.lon !== before.lon) {
    edit.lat = form.lat.trim() === '' ? null : number(form.lat);
    edit.lon = form.lon.trim() === '' ? null : number(form.lon);
  }
  return edit;
}

/** After somebody else's change: their values, with what was changed here put over them. */
export function rebase(before: ChannelForm, form: ChannelForm, fresh: ChannelForm): ChannelForm {
  const out: Record<string, string | boolean> = { ...fresh };
  for (const k of Object.keys(form) as FormField[]) if (form[k] !== before[k]) out[k] = form[k];
  return out as unknown as ChannelForm;
}

/** The field that a sentence of the gateway speaks of: it names it before a colon. */
export function fieldIn(sentence: string): FormField | null {
  const names: readonly FormField[] = ['main_url', 'external_id', 'url', 'credential', 'transport', 'stream', 'weight', 'area', 'tags', 'lat', 'lon', 'name', 'enabled'];
  const at = names
    .map((name) => ({ name, at: sentence.search(new RegExp(`(^|[ ,.])${name}:`)) }))
    .filter((x) => x.at >= 0)
    .sort((a, b) => a.at - b.at);
  return at[0]?.name ?? null;
}
