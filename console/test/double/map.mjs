/*
 * The ground under the double's district: borders that fit each other, places inside them, tiles and a plan as PNG files
 * made in memory. A crooked lattice: what is next to each other shares its corners.
 */
import { deflateSync } from 'node:zlib';

const [SOUTH, WEST, SPAN] = [30.2, 120.1, 0.1];
/** Columns and rows of micro-grids over the whole district. */
const [COLS, ROWS] = [54, 8];

const noise = (a, b) => {
  const s = Math.sin(a * 127.1 + b * 311.7) * 43758.5453;
  return s - Math.floor(s) - 0.5;
};
const corner = (c, r) => [
  +(SOUTH + ((r + noise(c, r) * 0.45) / ROWS) * SPAN).toFixed(6),
  +(WEST + ((c + noise(r + 50, c) * 0.6) / COLS) * SPAN).toFixed(6),
];

/** Round the block of the lattice, clockwise from its south-west. */
function ring(c0, c1, r0, r1) {
  const points = [];
  for (let r = r0; r < r1; r += 1) points.push(corner(c0, r));
  for (let c = c0; c < c1; c += 1) points.push(corner(c, r1));
  for (let r = r1; r > r0; r -= 1) points.push(corner(c1, r));
  for (let c = c1; c > c0; c -= 1) points.push(corner(c, r0));
  return points;
}

/** Which part of the lattice an area has, from its id: s1-c2-g3-m1. */
function block(id) {
  const [s = 0, c = 0, g = 0, m = 0] = (id === 'd' ? '' : id).split('-').filter(Boolean).map((x) => Number(x.slice(1)));
  let [c0, c1, r0, r1] = [0, COLS, 0, ROWS];
  const cut = (n, across, down) => {
    const [w, h] = [(c1 - c0) / across, (r1 - r0) / down];
    const [i, j] = [(n - 1) % across, Math.floor((n - 1) / across)];
    [c0, c1, r0, r1] = [c0 + i * w, c0 + (i + 1) * w, r0 + j * h, r0 + (j + 1) * h];
  };
  if (s) cut(s, 3, 2);
  if (c) cut(c, 3, 2);
  if (g) cut(g, 2, 2);
  if (m) cut(m, 3, 1);
  return [c0, c1, r0, r1];
}
export const borderOf = (id) => ring(...block(id));

/** Somewhere in the area, always the same for the same number. */
export function placeIn(id, n) {
  const [c0, c1, r0, r1] = block(id);
  const at = (x) => 0.15 + 0.7 * (noise(n, x) + 0.5);
  const [c, r] = [c0 + (c1 - c0) * at(1), r0 + (r1 - r0) * at(2)];
  return { lat: +(SOUTH + (r / ROWS) * SPAN).toFixed(6), lon: +(WEST + (c / COLS) * SPAN).toFixed(6) };
}

const CRC = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  let crc = 0xffffffff;
  for (const b of body) crc = CRC[(crc ^ b) & 255] ^ (crc >>> 8);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return out;
}

/** A PNG whose pixels a function gives. */
export function png(width, height, pixel) {
  const raw = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) raw.set(pixel(x, y), y * (1 + width * 3) + 1 + x * 3);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))]);
}

/** A tile in the colour of land, with streets and a river that go on from tile to tile. */
export function tile(z, x, y) {
  const n = 256 * 2 ** z;
  const step = n / 2 ** Math.max(0, Math.min(16, z - 1)) / 1.5;
  return png(256, 256, (px, py) => {
    const [wx, wy] = [x * 256 + px, y * 256 + py];
    const river = Math.abs(((wx / n) * 4096 + Math.sin((wy / n) * 9000) * 0.12) % 1 - 0.5) < 0.03;
    if (river) return [160, 190, 214];
    const street = wx % step < 3 || wy % step < 3;
    return street ? [250, 250, 246] : [226, 228, 220];
  });
}

/** A floor plan: rooms round a hall. */
export const plan = () =>
  png(300, 200, (x, y) => {
    const wall = x < 4 || y < 4 || x > 295 || y > 195 || (y > 64 && y < 68 && x % 75 > 20) || (x % 75 < 3 && y < 66) || (y > 132 && y < 136 && x % 100 > 26) || (x % 100 < 3 && y > 134);
    return wall ? [60, 70, 80] : y > 66 && y < 134 ? [238, 232, 214] : [250, 250, 250];
  });

export const mapView = (tiles) => ({
  tiles: tiles ? { url: '/api/v1/map/tiles/{z}/{x}/{y}', attribution: '© 望江区测绘', min_zoom: 0, max_zoom: 18 } : null,
  bounds: null,
  plans: [
    { id: 'hall', name: '文体中心 一层', area: 's1-c1-g1', image: '/api/v1/map/plans/hall/image', corners: [[30.2085, 120.1030], [30.2088, 120.1052], [30.2073, 120.1054], [30.2070, 120.1032]] },
  ],
});
