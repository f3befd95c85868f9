/* What the wizard makes of what was typed and found; pure, so that a test can hold it. */
import type { ChannelEdit, ProbeAsk } from '../api/configure';
import type { Brand, Probe, ProbedStream } from '../api/discover';
import { words } from '../api/inventory';

export const STEPS = ['device', 'login', 'probe', 'stream', 'save'] as const;
export type Step = (typeof STEPS)[number];

export interface Login {
  kind: 'none' | 'stored' | 'new';
  credential: string;
  username: string;
  password: string;
  /** Under which id a new one is stored. */
  id: string;
}
export const NO_LOGIN: Login = { kind: 'new', credential: '', username: '', password: '', id: '' };

/** The login to begin with at a host: the one that is stored for it already, else a new one under its name. */
export function firstLogin(host: string, credentials: readonly { id: string }[]): Login {
  const id = credentialId(host);
  return credentials.some((c) => c.id === id) ? { ...NO_LOGIN, kind: 'stored', credential: id, id } : { ...NO_LOGIN, id };
}

export interface Device {
  /** Host, host:port, or the address of a stream. */
  address: string;
  brand: string;
  channelNo: string;
  onvif: boolean;
}
export const NO_DEVICE: Device = { address: '', brand: '', channelNo: '1', onvif: true };

export type AddressProblem = 'empty' | 'credentials' | 'scheme' | 'odd' | null;

/** What is typed as an address, read: a stream's address goes as `url`, a host with an optional port as `host`. */
export function readAddress(typed: string): { url?: string; host?: string; port?: number; problem: AddressProblem } {
  const text = typed.trim();
  if (text === '') return { problem: 'empty' };
  if (text.includes('://')) {
    if (!/^rtsps?:\/\//i.test(text)) return { problem: 'scheme' };
    const authority = text.slice(text.indexOf('://') + 3).split(/[/?#]/, 1)[0] ?? '';
    if (authority.includes('@')) return { problem: 'credentials' };
    return authority === '' ? { problem: 'odd' } : { url: text, problem: null };
  }
  const bare = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i.exec(text) ?? /^([a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(text);
  if (!bare) return /^[0-9a-f:]+$/i.test(text) ? { host: text, problem: null } : { problem: text.includes('@') ? 'credentials' : 'odd' };
  const port = bare[2] === undefined ? undefined : Number(bare[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return { problem: 'odd' };
  return { host: bare[1] as string, ...(port === undefined ? {} : { port }), problem: null };
}

export function hostOf(typed: string): string {
  const { url, host } = readAddress(typed);
  if (host) return host;
  const authority = url?.slice(url.indexOf('://') + 3).split(/[/?#]/, 1)[0] ?? '';
  return authority.replace(/:\d+$/, '');
}

export function probeAsk(device: Device, login: Login): ProbeAsk {
  const { url, host, port } = readAddress(device.address);
  const ask: ProbeAsk = {};
  if (url !== undefined) ask.url = url;
  if (host !== undefined) {
    ask.host = host;
    if (port !== undefined) ask.port = port;
    ask.onvif = device.onvif;
    if (device.brand !== '') ask.brand = device.brand;
    const no = Number(device.channelNo);
    if (Number.isInteger(no) && no >= 1) ask.channel_no = no;
  }
  if (login.kind === 'stored' && login.credential !== '') ask.credential = login.credential;
  if (login.kind === 'new' && login.username !== '') {
    ask.username = login.username;
    ask.password = login.password;
  }
  return ask;
}

/** A first id for a new login: the host's, with the signs that an id may have. */
export function credentialId(host: string): string {
  const id = host.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return id === '' ? '' : `login-${id}`.slice(0, 64);
}
export function idProblem(id: string): boolean {
  return !/^[a-z0-9._-]{1,64}$/.test(id);
}

/** Whether the device refused the login: what a channel would be told of its credential is not what is to be done here. */
export function loginRefused(probe: Probe): 'stream' | 'onvif' | null {
  if (!probe.done) return null;
  const [, by] = /^the (stream|device) (?:refuses|wants) (?:a )?user name/.exec(probe.error) ?? [];
  return by === 'stream' ? 'stream' : by === 'device' ? 'onvif' : null;
}

/** What was tried, and whether it came to nothing. The reason that ended it stands by itself and not here, too. */
export function probeSteps(probe: Probe): { text: string; failed: boolean }[] {
  const out: { text: string; failed: boolean }[] = [];
  const last = (): void => void (out.length > 0 && (out[out.length - 1] = { ...(out.at(-1) as (typeof out)[number]), failed: true }));
  for (const text of probe.steps) {
    const why = probe.streams.find((s) => s.error !== '' && text.endsWith(`: ${s.error}`))?.error;
    if (why !== undefined && probe.done && probe.error.endsWith(why)) last();
    else out.push({ text, failed: why !== undefined || text.startsWith('ONVIF: ') });
  }
  if (probe.done && probe.error !== '' && !out.some((s) => s.failed)) last();
  return out;
}

/** The sub stream is what is looked at, if it sends; else what sends. */
export function preselect(streams: readonly ProbedStream[], channelNo: number): number | null {
  const usable = streams.filter((s) => s.url !== '' && s.error === '');
  const own = usable.filter((s) => s.channelNo === channelNo);
  const pool = own.length > 0 ? own : usable;
  const seen = (kind: string): ProbedStream | undefined => pool.find((s) => s.kind === kind && s.picture) ?? pool.find((s) => s.kind === kind);
  return (seen('sub') ?? seen('main') ?? pool[0])?.index ?? null;
}

/** The main stream beside a chosen sub stream of the same channel. */
export function mainBeside(streams: readonly ProbedStream[], chosen: ProbedStream): ProbedStream | null {
  if (chosen.kind !== 'sub') return null;
  return streams.find((s) => s.kind === 'main' && s.channelNo === chosen.channelNo && s.url !== '' && s.url !== chosen.url) ?? null;
}

/** A first name: what the stream or the device calls itself, with the channel's number at a recorder. */
export function firstName(probe: Probe, stream: ProbedStream, host: string): string {
  const many = new Set(probe.streams.map((s) => s.channelNo)).size > 1;
  const device = [probe.device?.maker, probe.device?.model].filter(Boolean).join(' ');
  const base = device || host;
  return many ? `${base} ${stream.channelNo}` : base;
}

export interface Saving {
  name: string;
  area: string;
  tags: string;
  externalId: string;
  withMain: boolean;
}

export function channelOf(stream: ProbedStream, main: ProbedStream | null, login: Login, saving: Saving, transport: string): ChannelEdit {
  const edit: ChannelEdit = { name: saving.name.trim(), url: stream.url, stream: stream.kind === 'main' ? 'main' : 'sub' };
  if (main && saving.withMain) edit.main_url = main.url;
  if (login.kind === 'stored' && login.credential !== '') edit.credential = login.credential;
  if (login.kind === 'new' && login.username !== '') edit.credential = login.id;
  if (saving.area !== '') edit.area = saving.area;
  if (saving.externalId.trim() !== '') edit.external_id = saving.externalId.trim();
  const tags = words(saving.tags);
  if (tags.length > 0) edit.tags = tags;
  if (transport !== '') edit.transport = transport;
  return edit;
}

/** The path of a brand for a channel, to show before anything is asked. */
export function brandPath(brand: Brand, which: 'main' | 'sub', channelNo: number): string {
  return brand[which]
    .replaceAll('{channel}', String(channelNo))
    .replaceAll('{channel-1}', String(channelNo - 1))
    .replaceAll('{channel:02}', String(channelNo).padStart(2, '0'));
}
