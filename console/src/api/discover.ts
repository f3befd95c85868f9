/*
 * The shapes of discovery: brands, devices that were found, and what a probe of one device tells step by step. All of
 * it comes from foreign devices, so it is text of a bounded length and nothing else.
 */
import { all, ident, num, obj, optNum, optText, text, texts } from './read';

export interface Brand {
  id: string;
  name: string;
  /** Paths with `{channel}`. */
  main: string;
  sub: string;
  port: number;
  note: string;
  defaultUser: string;
}
export interface Found {
  address: string;
  port: number;
  onvif: boolean;
  rtspPort: number | null;
  name: string;
  maker: string;
  model: string;
  location: string;
  reason: string;
  /** Channels that are configured at this address already. */
  known: string[];
}
export interface Discovery {
  done: boolean;
  asked: number;
  of: number;
  found: Found[];
  error: string;
}
export interface ProbedStream {
  /** Where it stands in the probe's list: its picture is asked for by this number. */
  index: number;
  name: string;
  kind: 'main' | 'sub' | '';
  url: string;
  channelNo: number;
  codec: string | null;
  width: number;
  height: number;
  fps: number;
  kbitS: number;
  keyIntervalS: number;
  picture: boolean;
  error: string;
}
export interface Device {
  maker: string;
  model: string;
  firmware: string;
  serial: string;
  clockSkewMs: number | null;
}
export interface Probe {
  done: boolean;
  step: string;
  steps: string[];
  device: Device | null;
  streams: ProbedStream[];
  picture: boolean;
  error: string;
  advice: string;
}

export function readBrands(v: unknown): Brand[] | null {
  const o = obj(v);
  if (!o || !Array.isArray(o.brands)) return null;
  return all(o.brands, (x) => {
    const b = obj(x);
    const id = b && ident(b.id);
    if (!b || !id) return null;
    return {
      id,
      name: text(b.name, 120) || id,
      main: text(b.main),
      sub: text(b.sub),
      port: num(b.port, 554),
      note: text(b.note, 1000),
      defaultUser: text(b.default_user, 60),
    };
  });
}

function readFound(v: unknown): Found | null {
  const o = obj(v);
  const address = o && text(o.address, 120);
  if (!o || !address) return null;
  return {
    address,
    port: num(o.port),
    onvif: o.onvif === true,
    rtspPort: optNum(o.rtsp_port),
    name: text(o.name, 120),
    maker: text(o.manufacturer, 120),
    model: text(o.model, 120) || text(o.hardware, 120),
    location: text(o.location, 120),
    reason: text(o.reason, 500),
    known: texts(o.known),
  };
}
export function readDiscovery(v: unknown): Discovery | null {
  const o = obj(v);
  if (!o || typeof o.done !== 'boolean') return null;
  return { done: o.done, asked: num(o.asked), of: num(o.of), found: all(o.found, readFound, 4096), error: text(o.error, 500) };
}

function readStream(v: unknown, index: number): ProbedStream | null {
  const o = obj(v);
  if (!o) return null;
  return {
    index,
    name: text(o.name, 120),
    kind: o.kind === 'main' || o.kind === 'sub' ? o.kind : '',
    url: text(o.url, 2048),
    channelNo: num(o.channel_no, 1),
    codec: optText(o.codec),
    width: num(o.width),
    height: num(o.height),
    fps: num(o.fps),
    kbitS: num(o.kbit_s),
    keyIntervalS: num(o.key_interval_s),
    picture: o.picture === true,
    error: text(o.error, 500),
  };
}
export function readProbe(v: unknown): Probe | null {
  const o = obj(v);
  if (!o || typeof o.done !== 'boolean') return null;
  const d = obj(o.device);
  const streams = Array.isArray(o.streams) ? o.streams.slice(0, 512) : [];
  return {
    done: o.done,
    step: text(o.step),
    steps: all(o.steps, (s) => text(obj(s)?.text ?? s, 500) || null),
    device: d && {
      maker: text(d.manufacturer, 120),
      model: text(d.model, 120),
      firmware: text(d.firmware, 120),
      serial: text(d.serial, 120),
      clockSkewMs: optNum(d.clock_skew_ms),
    },
    streams: streams.map(readStream).filter((s): s is ProbedStream => s !== null),
    picture: o.picture === true,
    error: text(o.error, 500),
    advice: text(o.advice, 500),
  };
}
/** `{id}` of a job that was started. */
export function readStarted(v: unknown): string | null {
  return ident(obj(v)?.id);
}
