/*
 * The list of ten thousand channels in Chromium: how long until its first row is there, and how evenly it scrolls. The
 * gateway is one made for this: the channels are imported (switched off, so that nobody is asked) and stay.
 *
 *   SKYEYE_URL, SKYEYE_PASSWORD   as in run.mjs; the one-time password is changed
 *   SKYEYE_CHANNELS               default 10000
 *   SKYEYE_SHOT                   a file for a picture of the list
 *
 * The last line is one JSON object. Times are those of this machine and are told, not judged.
 */
import { chromium } from 'playwright-core';

const env = process.env;
const url = env.SKYEYE_URL.replace(/\/$/, '');
const count = Number(env.SKYEYE_CHANNELS ?? 10_000);
const SCROLL_MS = 5_000;

const csv = ['name,url,external_id,tags,enabled,district,street,community,grid'];
for (let i = 0; i < count; i += 1) {
  const host = `10.${Math.floor(i / 60_000)}.${Math.floor(i / 250) % 250}.${(i % 250) + 1}`;
  const area = `示范区 East,${Math.floor(i / 800)} 街道 Street,${Math.floor(i / 160)} 社区 Community,${Math.floor(i / 16)} 网格 Grid`;
  csv.push(`路口 Crossing ${i},rtsp://${host}/Streaming/Channels/102,4403050000132${String(i).padStart(7, '0')},school,false,${area}`);
}

const browser = await chromium.launch({ executablePath: env.SKYEYE_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
await page.goto(url);
const imported = await page.evaluate(
  async ([password, text]) => {
    const call = async (path, csrf, body, type = 'application/json') => {
      const response = await fetch(`/api/v1${path}`, { method: 'POST', headers: { 'content-type': type, 'x-csrf-token': csrf }, body });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    };
    let session = await call('/login', '', JSON.stringify({ user: 'admin', password }));
    session = await call('/password', session.csrf, JSON.stringify({ old: password, new: 'a-password-for-the-list' }));
    const began = performance.now();
    const plan = await call('/inventory/import?kind=channels&filename=l.csv&apply=true', session.csrf, text, 'text/csv');
    return { ms: performance.now() - began, added: plan.added.length };
  },
  [env.SKYEYE_PASSWORD, csv.join('\n')],
);

/** Milliseconds until the first row of the list is on the screen. */
const open = async () => {
  await page.goto('about:blank');
  await page.goto(`${url}/channels`, { waitUntil: 'commit' });
  const row = page.locator('[data-testid=channel-list] [data-testid=channel-card]').first();
  const list = page.getByTestId('view-list');
  await list.waitFor();
  if ((await list.getAttribute('aria-pressed')) === 'false') await list.click();
  await row.waitFor();
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame((t) => done(t)))));
};
await open(); // the view is chosen and remembered
const first = [];
for (let n = 0; n < 5; n += 1) first.push(Math.round(await open()));
await page.locator(`[data-testid=shown-count][data-count="${count}"]`).waitFor({ state: 'attached' });
if (env.SKYEYE_SHOT) await page.screenshot({ path: env.SKYEYE_SHOT });

/** Scrolls a share of the list in five seconds, a step a frame: how far apart the frames are. */
const scrolled = (part) => page.evaluate(async ([length, part]) => {
  let box = document.querySelector('[data-testid=channel-list]');
  while (box && !(box.scrollHeight > box.clientHeight + 100 && /auto|scroll/.test(getComputedStyle(box).overflowY))) box = box.parentElement;
  box ??= document.scrollingElement;
  const gaps = [];
  const began = performance.now();
  let last = began;
  let blank = 0;
  await new Promise((done) => {
    const step = (t) => {
      gaps.push(t - last);
      last = t;
      const share = Math.min(1, (t - began) / length);
      box.scrollTop = part * share * (box.scrollHeight - box.clientHeight);
      if (document.querySelectorAll('[data-testid=channel-card]').length < 5) blank += 1;
      if (share < 1) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  gaps.shift();
  gaps.sort((a, b) => a - b);
  const at = (q) => Math.round(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * q))] * 10) / 10;
  return { frames: gaps.length, p50_ms: at(0.5), p95_ms: at(0.95), worst_ms: at(1), over_50_ms: gaps.filter((g) => g > 50).length, blank, pixels: Math.round(box.scrollTop) };
}, [SCROLL_MS, part]);
/** As with a wheel: some thirty rows a second; and as with the bar, from top to bottom: each frame has other rows. */
const wheel = await scrolled(150 / count);
const bar = await scrolled(1);

/** From the last key of a search to its rows. */
const search = page.getByTestId('channel-search');
const began = Date.now();
await search.fill(`Crossing ${count - 1}`);
await page.locator('[data-testid=shown-count][data-count="1"]').waitFor({ state: 'attached' });
const searched = Date.now() - began;
await browser.close();
first.sort((a, b) => a - b);
console.log(JSON.stringify({ channels: imported.added, import_ms: Math.round(imported.ms), first_row_ms: first, wheel, bar, search_ms: searched }));
