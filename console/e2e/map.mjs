/*
 * The part of the end-to-end run that is about the map: with WebGL 2, drawn by the processor, and without. It adds an area
 * with a border and two channels of its own, `e2e-map…`, switched off, and removes them again. What the gateway has of
 * tiles must cover the ground; a gateway without tiles has a plain one.
 */
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { colourOf, pixels, WITH_WEBGL, WITHOUT_WEBGL } from './pixels.mjs';
import { tools } from './tools.mjs';

const AREA = 'e2e-map';
const BORDER = [[31.501, 121.001], [31.501, 121.003], [31.499, 121.003], [31.499, 121.001]];
/** Not in the middle, where the area's name stands. */
const CHANNELS = [
  { id: 'e2e-map-1', name: 'E2E 图 1', lat: 31.5004, lon: 121.0014 },
  { id: 'e2e-map-2', name: 'E2E 图 2', lat: 31.4996, lon: 121.0027 },
];

export const MAP_PAGES = [['map', '/map', '[data-testid=map-page] [data-testid=map-row], [data-testid=map-page] .map-none']];

/** `desk()` is the logged-in page; `step` and `shots` are those of `run.mjs`. */
export function mapSteps({ step, desk, url, shots, skip, executablePath }) {
  const { page: own, api } = tools({ desk, shots });
  const faults = [];

  /** The map in a browser of its own, with the desk's login. */
  const opened = async (args, run) => {
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', ...args] });
    try {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, locale: 'en', colorScheme: 'dark', storageState: await own().context().storageState() });
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      await page.addInitScript(() => localStorage.clear());
      page.on('pageerror', (e) => faults.push(e.message));
      page.on('console', (m) => m.type() === 'error' && /Content Security Policy|part failed/.test(m.text()) && faults.push(m.text()));
      page.on('request', (r) => new URL(r.url()).origin !== new URL(url).origin && !/^(blob|data):/.test(r.url()) && faults.push(`asks ${r.url()}`));
      await page.goto(`${url}/map`);
      await page.locator('[data-drawn]').first().waitFor({ state: 'attached' });
      await run(page);
      assert.deepEqual(faults, []);
    } finally {
      await browser.close();
    }
  };
  /** Goes to the first of our channels by the list, as one does by keyboard. */
  const near = async (page) => {
    await page.getByTestId('map-part-channels').click();
    await page.getByTestId('map-search').fill('E2E 图');
    await page.locator('[data-testid=map-row][data-id=e2e-map-1]').waitFor();
    await page.locator('[data-testid=map-row][data-id=e2e-map-1] [data-testid=map-show]').click();
    await page.waitForFunction(() => Number(document.querySelector('.map-stage').dataset.zoom) >= 17);
    await page.waitForTimeout(2500);
  };
  const layer = async (page, name) => {
    await page.getByTestId(`layer-${name}`).click();
    await page.waitForTimeout(1500);
  };
  /** The channel's sign, in the colour of its state, stands in the middle, the area's border round it; both go with their layers. */
  const seen = async (page, map) => {
    const { state } = (await api('GET', '/channels/e2e-map-1')).body.health;
    // It is switched off; a gateway that has not noticed yet still connects.
    const [sign, accent] = [await colourOf(page, state === 'disabled' ? '--idle' : '--warn'), await colourOf(page, '--accent')];
    const point = async () => (await pixels(page, map, sign, { within: 14 })).count;
    const with1 = await point();
    await layer(page, 'channels');
    const without1 = await point();
    await layer(page, 'channels');
    assert.ok(with1 >= 10 && without1 < with1 / 4, `the channel's sign: ${with1} pixels with its layer, ${without1} without`);
    // Borders are seen through.
    const border = async () => (await pixels(page, map, accent.map((v) => v * 0.8), { tolerance: 40 })).count;
    const with2 = await border();
    await layer(page, 'areas');
    const without2 = await border();
    await layer(page, 'areas');
    assert.ok(with2 - without2 >= 400, `the area's border: ${with2} pixels with its layer, ${without2} without`);
  };

  step(
    'the map shows channels and an area where they are, by its pixels',
    async () => {
      const made = [await api('POST', '/areas', { id: AREA, name: 'E2E 图', kind: 'district', polygon: BORDER })];
      for (const c of CHANNELS) made.push(await api('POST', '/channels', { ...c, url: `rtsp://127.0.0.1:9/${c.id}`, enabled: false, area: AREA }));
      for (const answer of made) assert.equal(answer.status, 201, answer.text);
      const { tiles } = (await api('GET', '/map')).body;
      await opened(WITH_WEBGL, async (page) => {
        const map = page.getByTestId('map-gl');
        assert.equal(await map.count(), 1, 'it is not drawn by WebGL');
        await near(page);
        await seen(page, map);
        if (tiles) {
          const ink = await colourOf(page, '--ink');
          await layer(page, 'areas');
          const ground = async () => {
            const { count, of } = await pixels(page, map, ink, { tolerance: 3 });
            return count / of;
          };
          const tiled = await ground();
          await layer(page, 'tiles');
          await page.locator('[data-drawn]').first().waitFor({ state: 'attached' });
          await page.waitForTimeout(1500);
          const plain = await ground();
          assert.ok(tiled < 0.1 && plain > 0.5, `of the ground ${tiled} is bare with tiles, ${plain} without`);
          await layer(page, 'tiles');
          await layer(page, 'areas');
        }
        if (shots) await page.screenshot({ path: `${shots}/map-webgl.png` });
        // A click on the sign opens what it stands for.
        const box = await map.boundingBox();
        await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
        await page.waitForURL(/\/channels\/e2e-map-1$/);
      });
    },
    skip,
  );

  step(
    'without WebGL 2 the map is a plain one that says so, and shows the same',
    async () => {
      await opened(WITHOUT_WEBGL, async (page) => {
        await page.getByTestId('map-no-webgl').waitFor();
        const map = page.getByTestId('map-plain');
        await near(page);
        await seen(page, map);
        if (shots) await page.screenshot({ path: `${shots}/map-plain.png` });
        // By keyboard alone: the map is moved, the list opens the channel.
        const before = await page.evaluate(() => document.querySelector('.map-stage').dataset.zoom);
        await map.focus();
        await page.keyboard.press('-');
        await page.waitForFunction((z) => document.querySelector('.map-stage').dataset.zoom !== z, before);
        await page.locator('[data-testid=map-row][data-id=e2e-map-2] a').focus();
        await page.keyboard.press('Enter');
        await page.waitForURL(/\/channels\/e2e-map-2$/);
      });
    },
    skip,
  );

  step(
    'the map follows the alert that is chosen in another window, and its area is taken away again',
    async () => {
      // The same browser: windows of one tell each other what is chosen.
      const context = own().context();
      const [map, desk2] = [await context.newPage(), await context.newPage()];
      try {
        const { alerts } = (await api('GET', '/alerts?state=all&limit=1')).body;
        await map.goto(`${url}/map`);
        await map.getByTestId('map-page').waitFor();
        if (alerts[0]) {
          const [alert] = alerts;
          await desk2.goto(`${url}/alerts/${alert.id}`);
          await desk2.getByTestId('alert-state').waitFor();
          const placed = (await api('GET', `/channels/${alert.channel}`)).body.lat !== null;
          const says = map.locator('.map-says [role=status]');
          if (placed) await map.waitForFunction(() => Number(document.querySelector('.map-stage').dataset.zoom) >= 17, null, { timeout: 30_000 });
          else await says.or(map.locator('.map-row.at')).first().waitFor({ state: 'attached', timeout: 30_000 });
        }
      } finally {
        await map.close();
        await desk2.close();
        for (const c of CHANNELS) await api('DELETE', `/channels/${c.id}`);
        await api('DELETE', `/areas/${AREA}`);
      }
    },
    skip,
  );
}
