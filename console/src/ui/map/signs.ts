/*
 * Draws marks and names as pictures: the map has no fonts and no sprites from elsewhere. A picture is named by what it
 * shows, so that the map can ask for one when it first needs it; equal marks share one.
 */
import { SEVERITIES, type Severity } from '../../api/types';
import { LOOKS, groupRadius, type Look, type Mark } from '../../lib/mapmarks';
import { LOOK_SHAPES, SEVERITY_SHAPES, type Shape } from '../../lib/mapsigns';

export interface Drawn {
  /** In CSS pixels. */
  width: number;
  height: number;
  draw: (ctx: CanvasRenderingContext2D) => void;
}
export type Colours = (name: string) => string;

/** The colours of the theme that is on. */
export function coloursNow(): Colours {
  const style = getComputedStyle(document.documentElement);
  const known = new Map<string, string>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = style.getPropertyValue(name).trim() || '#888'));
    return value;
  };
}

const CHANNEL_PX = 15;
const ALERT_PX = 24;
/** Steps of the ring of a group: more would only make more pictures. */
const STEPS = 24;
const RING: readonly (readonly [colour: string, looks: readonly Look[]])[] = [
  ['--ok', ['running']],
  ['--warn', ['poor', 'waiting']],
  ['--bad', ['away', 'refused']],
  ['--idle', ['off']],
];

/** The name of a mark's picture. */
export function signOf(mark: Mark): string {
  switch (mark.kind) {
    case 'channel':
      return `c:${mark.look}`;
    case 'alert':
      return `a:${mark.priority}:${mark.alerts.length}:${mark.fresh ? 'new' : 'taken'}:${mark.about ? 'about' : 'at'}`;
    case 'group': {
      const all = mark.channels.length;
      // What is there at all gets a step, however few they are.
      const steps = RING.map(([, looks]) => {
        const n = looks.reduce((sum, look) => sum + mark.looks[look], 0);
        return n === 0 ? 0 : Math.max(1, Math.round((n / all) * STEPS));
      });
      return `g:${all}:${steps.join('.')}`;
    }
  }
}
export const nameSign = (text: string): string => `t:${text}`;
export const CHOSEN_SIGN = 'o:';
/** Pictures that are kept before those go that nothing shows. */
export const MAX_PICTURES = 3000;

export function drawnBy(sign: string, colour: Colours, font: string): Drawn | null {
  const [kind, a = '', b = '', c = '', d = ''] = sign.split(':');
  if (kind === 'c') {
    const shape = LOOK_SHAPES[LOOKS.find((l) => l === a) ?? 'off'];
    return square(CHANNEL_PX + 4, (ctx) => shaped(ctx, shape, 2, CHANNEL_PX, colour));
  }
  if (kind === 'a') return alertSign(SEVERITIES.find((s) => s === a) ?? 'low', Number(b), c === 'new', d === 'about', colour, font);
  if (kind === 'g') return groupSign(Number(a), b.split('.').map(Number), colour, font);
  if (kind === 'o') return square(44, (ctx) => ring(ctx, 22, 19, colour('--focus'), 3));
  if (kind === 't') return named(sign.slice(2), colour, font);
  return null;
}

const square = (side: number, draw: Drawn['draw']): Drawn => ({ width: side, height: side, draw });

/** With a halo, so that it is seen on any ground. */
function shaped(ctx: CanvasRenderingContext2D, shape: Shape, at: number, side: number, colour: Colours): void {
  ctx.save();
  ctx.translate(at, at);
  ctx.scale(side / 16, side / 16);
  ctx.lineJoin = 'round';
  ctx.lineCap = 'round';
  const path = new Path2D(shape.path);
  ctx.strokeStyle = colour('--panel');
  ctx.lineWidth = shape.hollow ? 6.5 : 3.5;
  ctx.stroke(path);
  if (shape.hollow) {
    ctx.strokeStyle = colour(shape.colour);
    ctx.lineWidth = 3;
    ctx.stroke(path);
  } else {
    ctx.fillStyle = colour(shape.colour);
    ctx.fill(path);
  }
  if (shape.cut) {
    ctx.strokeStyle = colour('--on-sign');
    ctx.lineWidth = 2;
    ctx.stroke(new Path2D(shape.cut));
  }
  ctx.restore();
}

function ring(ctx: CanvasRenderingContext2D, middle: number, radius: number, colour: string, width: number): void {
  ctx.beginPath();
  ctx.arc(middle, middle, radius, 0, 2 * Math.PI);
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.stroke();
}

function alertSign(priority: Severity, count: number, fresh: boolean, about: boolean, colour: Colours, font: string): Drawn {
  const side = ALERT_PX + 20;
  const middle = side / 2;
  return square(side, (ctx) => {
    const shape = SEVERITY_SHAPES[priority];
    ctx.beginPath();
    ctx.arc(middle, middle, ALERT_PX / 2 + 4.5, 0, 2 * Math.PI);
    ctx.fillStyle = colour('--panel');
    ctx.fill();
    // Broken where only the area is known; strong where nobody has taken it.
    ctx.setLineDash(about ? [4, 3] : []);
    ring(ctx, middle, ALERT_PX / 2 + 4.5, colour(shape.colour), fresh ? 3 : 1.5);
    ctx.setLineDash([]);
    shaped(ctx, shape, middle - ALERT_PX * 0.36, ALERT_PX * 0.72, colour);
    if (count > 1) badge(ctx, side - 9, 9, count > 99 ? '99+' : String(count), colour, font);
  });
}

function badge(ctx: CanvasRenderingContext2D, x: number, y: number, text: string, colour: Colours, font: string): void {
  ctx.font = `700 11px ${font}`;
  const width = Math.max(16, ctx.measureText(text).width + 7);
  ctx.beginPath();
  ctx.roundRect(x + 8 - width, y - 8, width, 16, 8);
  ctx.fillStyle = colour('--text');
  ctx.fill();
  ctx.fillStyle = colour('--panel');
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(text, x + 8 - width / 2, y + 0.5);
}

const short = (n: number): string => (n < 10_000 ? String(n) : `${Math.round(n / 1000)}k`);

function groupSign(count: number, steps: readonly number[], colour: Colours, font: string): Drawn {
  const radius = groupRadius(count);
  const side = 2 * radius + 4;
  const middle = side / 2;
  const all = steps.reduce((sum, n) => sum + n, 0) || 1;
  return square(side, (ctx) => {
    ctx.beginPath();
    ctx.arc(middle, middle, radius + 1, 0, 2 * Math.PI);
    ctx.fillStyle = colour('--panel');
    ctx.fill();
    let from = -Math.PI / 2;
    RING.forEach(([name], i) => {
      const to = from + ((steps[i] ?? 0) / all) * 2 * Math.PI;
      if (to > from) {
        ctx.beginPath();
        ctx.arc(middle, middle, radius - 2, from, to);
        ctx.strokeStyle = colour(name);
        ctx.lineWidth = 4;
        ctx.stroke();
      }
      from = to;
    });
    ctx.font = `650 ${count < 100 ? 12 : 11.5}px ${font}`;
    ctx.fillStyle = colour('--text');
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(short(count), middle, middle + 0.5);
  });
}

function named(text: string, colour: Colours, font: string): Drawn {
  const style = `600 12px ${font}`;
  const measure = document.createElement('canvas').getContext('2d');
  if (measure) measure.font = style;
  const width = Math.ceil(Math.min(220, measure?.measureText(text).width ?? text.length * 12)) + 8;
  return {
    width,
    height: 20,
    draw: (ctx) => {
      ctx.font = style;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      ctx.lineJoin = 'round';
      ctx.lineWidth = 4;
      ctx.strokeStyle = colour('--ink');
      ctx.strokeText(text, width / 2, 10.5, width - 4);
      ctx.fillStyle = colour('--text-2');
      ctx.fillText(text, width / 2, 10.5, width - 4);
    },
  };
}

/** The picture in device pixels. */
export function painted(drawn: Drawn, ratio: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(drawn.width * ratio);
  canvas.height = Math.ceil(drawn.height * ratio);
  const ctx = canvas.getContext('2d');
  if (ctx) {
    ctx.scale(ratio, ratio);
    drawn.draw(ctx);
  }
  return canvas;
}
