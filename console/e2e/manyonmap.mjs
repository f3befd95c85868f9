/*
 * A district's 6,314 channels on the map, in Chromium with WebGL 2 drawn by the processor and without, against the double
 * of the gateway, which this starts: whether all of them stand on it, joined and alone, and whether their colours are seen.
 *
 *   SKYEYE_CHANNELS   default 6314
 *   SKYEYE_SHOTS      a folder for pictures
 *   SKYEYE_CHROMIUM   default /usr/bin/chromium
 *
 * The last line is one JSON object. Times are those of this machine and are told, not judged. Exit code 1 when something
 * is missing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { colourOf, pixels, WITH_WEBGL, WITHOUT_WEBGL } from './pixels.mjs';

const env = process.env;
const count = Number(env.SKYEYE_CHANNELS ?? 6314);
const port = await new Promise((done) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => done(free));
  });
});
const url = `http://127.0.0.1:${port}`;
const double = spawn(process.execPath, [join(import.meta.dirname, '../test/double/server.mjs'), '--port', String(port), '--channels', String(count), '--placed', 'yes', '--rate', '500'], { stdio: ['ignore', 'pipe', 'inherit'] });
await new Promise((done, failed) => {
  double.stdout.once('data', done);
  double.once('exit', (code) => failed(new Error(`the double ended: ${code}`)));
});

async function look(name, args) {
  const browser = await chromium.launch({ executablePath: env.SKYEYE_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-quic', ...args] });
  try {
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 }, colorScheme: 'dark', locale: 'en' });
    page.setDefaultTimeout(90_000);
    const faults = [];
    page.on('pageerror', (e) => faults.push(e.message));
    page.on('console', (m) => /Content Security Policy|part failed/.test(m.text()) && faults.push(m.text()));
    await page.goto(url);
    await page.getByTestId('login-user').fill('admin');
    await page.getByTestId('login-password').fill('x');
    await page.getByTestId('login-submit').click();
    await page.getByTestId('nav-map').click();
    const began = performance.now();
    await page.locator('[data-drawn]:not([data-drawn="0"])').first().waitFor({ state: 'attached' });
    const ms = Math.round(performance.now() - began);
    const map = page.getByTestId(name);
    const stage = () => page.evaluate(() => ({ ...document.querySelector('.map-stage').dataset }));
    const ok = await colourOf(page, '--ok');
    const found = { ms, whole: null, near: null };
    for (const part of ['whole', 'near']) {
      if (part === 'near') {
        const box = await map.boundingBox();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        for (let n = 0; n < 3; n += 1) {
          await page.getByTestId('map-in').click();
          await page.waitForTimeout(1600);
        }
      }
      await page.waitForTimeout(2500);
      const { marks, channels, zoom } = await stage();
      const { count: seen } = await pixels(page, map, ok);
      found[part] = { marks: Number(marks), zoom: Number(zoom), pixels: seen };
      assert.equal(Number(channels), count, `${name}, ${part}: of ${count} channels ${channels} stand on the map`);
      assert.ok(seen > 300, `${name}, ${part}: only ${seen} pixels have the colour of what runs`);
      if (env.SKYEYE_SHOTS) await page.screenshot({ path: join(env.SKYEYE_SHOTS, `many-${name}-${part}.png`) });
    }
    assert.ok(found.near.marks > found.whole.marks, 'nothing comes apart from near');
    assert.deepEqual(faults, []);
    return found;
  } finally {
    await browser.close();
  }
}

let failed = null;
const told = { channels: count };
try {
  told.webgl = await look('map-gl', WITH_WEBGL);
  told.plain = await look('map-plain', WITHOUT_WEBGL);
} catch (error) {
  failed = error;
} finally {
  double.kill();
}
if (failed) console.error(failed.message);
console.log(JSON.stringify({ ok: failed === null, ...told }));
process.exit(failed ? 1 : 0);
