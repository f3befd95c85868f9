/*
 * The console in Chromium, end to end, against a running gateway that makes alerts (the demo does).
 *
 *   SKYEYE_URL           address of the console, e.g. http://127.0.0.1:8080            (needed)
 *   SKYEYE_USER          login, default admin
 *   SKYEYE_PASSWORD      the one-time password, or the present one                     (needed)
 *   SKYEYE_NEW_PASSWORD  what a one-time password is changed to
 *   SKYEYE_WAIT_S        how long an alert may let wait for itself, default 90
 *   SKYEYE_RESTART_CMD   a command that stops and starts the gateway; without it that test is skipped
 *   SKYEYE_DUE_S         `alert.due_critical_s` of the gateway, whose position of SKYEYE_CALM_AREA escalates to another;
 *                        without it what nobody takes in time is skipped
 *   SKYEYE_CALM_AREA     an area with a position of its own, where the operator's shift happens; default none
 *   SKYEYE_FLOOD_AREA    another one, which is flooded; default none
 *   SKYEYE_FLOOD_S       `alert.flood_window_s` of the gateway, half a minute and more; without it the end of the flood is skipped
 *   SKYEYE_SHOTS         a folder for pictures of every page in both languages and both themes
 *   SKYEYE_CHROMIUM      default /usr/bin/chromium
 *
 * Exit code 0 when nothing failed. The last line is one JSON object: how many passed, failed and were skipped, why, and
 * which alert was seen with which boxes, so that a caller can compare them with what the camera showed.
 */
import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { CHANNEL_PAGES, channelSteps } from './channels.mjs';
import { MAP_PAGES, mapSteps } from './map.mjs';
import { deskSteps } from './desk.mjs';
import { RULE_PAGES, ruleEnd, ruleSteps } from './rules.mjs';
import { operatorSteps, PEOPLE_PAGES } from './shift.mjs';
import { SHIFT_PAGES, shiftSteps } from './shifts.mjs';

const env = process.env;
const url = env.SKYEYE_URL?.replace(/\/$/, '');
const user = env.SKYEYE_USER ?? 'admin';
const password = env.SKYEYE_PASSWORD;
const fresh = env.SKYEYE_NEW_PASSWORD ?? 'a-password-for-the-end-to-end-test';
const waitMs = Number(env.SKYEYE_WAIT_S ?? 90) * 1000;
const shots = env.SKYEYE_SHOTS;
const executablePath = env.SKYEYE_CHROMIUM ?? '/usr/bin/chromium';

const summary = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [], alert: null, seconds: 0, slowest: [] };
const began = Date.now();
process.on('exit', () => {
  summary.seconds = Math.round((Date.now() - began) / 1000);
  summary.slowest = summary.slowest.sort((a, b) => b[0] - a[0]).slice(0, 12);
  writeSync(1, `${JSON.stringify(summary)}\n`);
});

if (!url || !password) {
  console.error('SKYEYE_URL and SKYEYE_PASSWORD are needed; see the head of e2e/run.mjs');
  process.exit(64);
}
if (!existsSync(executablePath)) {
  console.error(`skipped: there is no Chromium at ${executablePath}`);
  summary.skipped += 1;
  summary.skips.push(`no Chromium at ${executablePath}`);
  process.exit(0);
}
if (shots) mkdirSync(shots, { recursive: true });

const MARK = 'not-reloaded';
let browser;
/** The first desk, used by most tests one after another, and what went wrong in any of the browsers. */
let desk;
let present = password;
const faults = [];

function step(name, run, skip = false) {
  test(name, { skip, timeout: waitMs + 240_000 }, async () => {
    const from = Date.now();
    try {
      await run();
      summary.passed += 1;
    } catch (error) {
      summary.failed += 1;
      summary.failures.push(`${name}: ${error instanceof Error ? error.message.split('\n').slice(0, 20).join(' / ') : error}`);
      for (const [i, page] of (shots && browser ? browser.contexts().flatMap((c) => c.pages()) : []).entries()) {
        await page.screenshot({ path: join(shots, `failed-${summary.failed}-${i + 1}.png`) }).catch(() => {});
      }
      throw error;
    } finally {
      summary.slowest.push([Math.round((Date.now() - from) / 1000), name]);
    }
  });
  if (skip) {
    summary.skipped += 1;
    summary.skips.push(`${name}: ${skip}`);
  }
}

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, locale: 'en', colorScheme: 'dark', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && /Content Security Policy|part failed/.test(m.text())) faults.push(`console: ${m.text()}`);
  });
  return page;
}

async function enter(page, word) {
  await page.goto(`${url}/`);
  await page.getByTestId('login-user').fill(user);
  await page.getByTestId('login-password').fill(word);
  await page.getByTestId('login-submit').click();
}

const live = (page, timeout = 20_000) => page.locator('[data-testid=feed-state][data-state=live]').waitFor({ timeout });
const ids = (page) => page.getByTestId('alert-row').evaluateAll((rows) => rows.map((r) => r.dataset.alertId));
// Not its name: that outlives loading anew.
const mark = (page) => page.evaluate((m) => void (window.e2eMark = m), MARK);
const unmoved = async (page) => assert.equal(await page.evaluate(() => window.e2eMark), MARK, 'the page was loaded anew');

/** Brings an open alert to its end, so that the next happening is a new alert and not folded into this one. */
async function finish(page, id) {
  return page.evaluate(async (alert) => {
    const session = await (await fetch('/api/v1/session')).json();
    const { alert: now } = await (await fetch(`/api/v1/alerts/${alert}`)).json();
    const onward = { new: ['acknowledge', 'resolve', 'close'], acknowledged: ['resolve', 'close'], dispatched: ['resolve', 'close'], resolved: ['close'] };
    for (const action of onward[now?.state] ?? []) {
      await fetch(`/api/v1/alerts/${alert}/${action}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrf },
        body: '{}',
      });
    }
  }, id);
}

before(async () => {
  browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  desk = await open();
});
after(async () => {
  await browser?.close();
});

step('a wrong password is refused', async () => {
  await enter(desk, `${password}-wrong`);
  await desk.getByTestId('login-error').waitFor();
});

step('log in, and change the one-time password', async () => {
  await enter(desk, password);
  const outcome = await Promise.race([
    desk.getByTestId('new-password').waitFor().then(() => 'change'),
    desk.getByTestId('nav-alerts').waitFor().then(() => 'in'),
    desk.getByTestId('login-error').waitFor().then(() => 'refused'),
  ]);
  if (outcome === 'refused') {
    // An earlier run has changed it already.
    present = fresh;
    await enter(desk, fresh);
  } else if (outcome === 'change') {
    await desk.getByTestId('new-password').fill('short');
    await desk.getByTestId('new-password-repeat').fill('short');
    await desk.getByTestId('new-password-submit').click();
    await desk.getByRole('alert').waitFor();
    await desk.getByTestId('new-password').fill(fresh);
    await desk.getByTestId('new-password-repeat').fill(fresh);
    await desk.getByTestId('new-password-submit').click();
    present = fresh;
  }
  await desk.getByTestId('nav-alerts').waitFor();
  await live(desk);
});

let chosen = null;
step('an alert arrives without loading the page anew', async () => {
  await mark(desk);
  // Only once the list is there does "not in it" mean "new".
  await desk.locator('.queue-rows, .queue .blank').first().waitFor();
  const known = new Set(await ids(desk));
  const until = Date.now() + waitMs;
  let arrived = null;
  let helpAt = Date.now() + 15_000;
  while (!arrived && Date.now() < until) {
    arrived = (await ids(desk)).find((id) => !known.has(id)) ?? null;
    if (!arrived && Date.now() > helpAt) {
      for (const id of known) await finish(desk, id);
      helpAt = Date.now() + 30_000;
    }
    if (!arrived) await desk.waitForTimeout(250);
  }
  assert.ok(arrived, `no new alert within ${waitMs / 1000} s`);
  await unmoved(desk);
  chosen = arrived;
});

step('its picture opens with boxes where they belong', async () => {
  assert.ok(chosen, 'there is no alert to open');
  await desk.locator(`[data-testid=alert-row][data-alert-id="${chosen}"]`).click();
  await desk.locator(`[data-testid=alert-detail][data-alert-id="${chosen}"]`).waitFor();
  const picture = desk.locator('[data-testid=alert-picture][data-ready=true]');
  await picture.waitFor();
  assert.ok(await picture.evaluate((img) => img.naturalWidth > 0 && img.naturalHeight > 0), 'the picture is empty');
  const boxes = desk.getByTestId('alert-box');
  await boxes.first().waitFor();
  const frame = await picture.boundingBox();
  const seen = [];
  for (const box of await boxes.all()) {
    const at = await box.evaluate((r) => ({ x: +r.dataset.x, y: +r.dataset.y, w: +r.dataset.w, h: +r.dataset.h, label: r.dataset.label }));
    const { x, y, w, h } = at;
    assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 1.0001 && y + h <= 1.0001, `box out of the picture: ${JSON.stringify(at)}`);
    const drawn = await box.evaluate((r) => {
      const b = r.getBoundingClientRect();
      return { x: b.x, y: b.y, w: b.width, h: b.height };
    });
    for (const [is, should] of [
      [drawn.x, frame.x + x * frame.width],
      [drawn.y, frame.y + y * frame.height],
      [drawn.x + drawn.w, frame.x + (x + w) * frame.width],
      [drawn.y + drawn.h, frame.y + (y + h) * frame.height],
    ]) {
      assert.ok(Math.abs(is - should) < 3, `a box is drawn at ${is}, not ${should}`);
    }
    seen.push(at);
  }
  summary.alert = { id: chosen, picture: await picture.getAttribute('src'), boxes: seen };
  await unmoved(desk);
});

deskSteps({ step, desk: () => desk, url, shots, alert: () => chosen });

step('acknowledged at one desk, seen at another without loading anew', async () => {
  assert.ok(chosen, 'there is no alert to acknowledge');
  const other = await open({ locale: 'zh-CN', colorScheme: 'light' });
  await enter(other, present);
  await other.getByTestId('nav-alerts').waitFor();
  await other.goto(`${url}/alerts/${chosen}`);
  await live(other);
  for (const page of [desk, other]) await mark(page);
  await other.locator('[data-testid=alert-state][data-state=new]').waitFor();
  await desk.getByTestId('action-acknowledge').click();
  for (const page of [desk, other]) {
    await page.locator('[data-testid=alert-state][data-state=acknowledged]').waitFor();
    await page.locator(`[data-testid=alert-row][data-alert-id="${chosen}"][data-state=acknowledged]`).waitFor();
    await unmoved(page);
  }
  await other.context().close();
});

step('by keyboard it is dispatched, put aside, taken back and resolved as false; a note is saved by itself', async () => {
  assert.ok(chosen, 'there is no alert to work on');
  const now = () => desk.evaluate(async (id) => (await (await fetch(`/api/v1/alerts/${id}`)).json()).alert, chosen);
  const form = async (key, what, words) => {
    await desk.keyboard.press(key);
    const opened = desk.getByTestId(`form-${what}`);
    await opened.waitFor();
    if (words) await desk.keyboard.type(words);
    await desk.keyboard.press('Enter');
    await opened.waitFor({ state: 'hidden' });
  };
  await form('d', 'dispatch', 'Wang, grid 12');
  await desk.locator('[data-testid=alert-state][data-state=dispatched]').waitFor();
  await desk.getByTestId('action-note').click();
  await desk.getByTestId('form-note').waitFor();
  await desk.keyboard.type('<b>他在路上</b>');
  await desk.keyboard.press('Enter');
  await desk.getByText('<b>他在路上</b>').first().waitFor();
  await form('s', 'shelve', 'roadworks');
  const back = desk.getByTestId('action-unshelve');
  await back.waitFor();
  assert.equal((await now()).shelved?.reason, 'roadworks');
  await back.click();
  await back.waitFor({ state: 'hidden' });
  await desk.keyboard.press('r');
  await desk.getByTestId('form-resolve').waitFor();
  await desk.keyboard.press('Enter');
  await desk.getByTestId('form-unchosen').waitFor();
  await desk.keyboard.press('Escape');
  await desk.getByTestId('form-resolve').waitFor({ state: 'hidden' });
  assert.equal(await desk.evaluate(() => document.activeElement?.id), 'alert-queue', 'the keys are nobody\'s');
  await form('f', 'resolve', 'it was a tree');
  await desk.getByText('it was a tree').first().waitFor();
  await desk.locator('[data-testid=alert-state][data-state=resolved]').waitFor();
  const done = await now();
  assert.deepEqual([done.state, done.result, done.dispatched_to], ['resolved', 'false', 'Wang, grid 12']);
  await unmoved(desk);
});

step('the queue is worked by keyboard', async () => {
  await desk.getByTestId('nav-alerts').click();
  const rows = desk.getByTestId('alert-row');
  await rows.first().waitFor();
  const detail = desk.getByTestId('alert-detail');
  /** The alert that is chosen once it is another one than before. */
  const after = async (before) => {
    await desk.waitForFunction(
      (b) => document.querySelector('[data-testid=alert-detail]')?.dataset.alertId !== b,
      before,
    );
    return detail.getAttribute('data-alert-id');
  };
  await desk.keyboard.press('j');
  const first = await after('');
  if ((await rows.count()) > 1) {
    await desk.keyboard.press('j');
    const second = await after(first);
    await desk.keyboard.press('k');
    assert.equal(await after(second), first, 'K goes back');
  }
  await desk.keyboard.press('?');
  await desk.getByRole('dialog').waitFor();
  await desk.keyboard.press('Escape');
  await desk.getByRole('dialog').waitFor({ state: 'hidden' });
});

step('channels that run show their pictures', async () => {
  await desk.getByTestId('nav-channels').click();
  const running = desk.locator('[data-testid=channel-card][data-state=running]');
  await running.first().waitFor({ timeout: 30_000 });
  await running.locator('[data-testid=channel-picture][data-loaded=true]').first().waitFor({ timeout: 30_000 });
  // A camera may show a blank wall for a while: a picture of many colours has to come, not to be there at once.
  await desk.waitForFunction(
    () =>
      [...document.querySelectorAll('[data-state=running] [data-testid=channel-picture][data-loaded=true]')].some((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const found = new Set();
        for (let i = 0; i < data.length; i += 4 * 97) found.add(`${data[i] >> 3} ${data[i + 1] >> 3} ${data[i + 2] >> 3}`);
        return found.size > 16;
      }),
    null,
    { timeout: 30_000, polling: 500 },
  );
  await running.first().click();
  await desk.locator('[data-testid=channel-page] [data-testid=channel-picture][data-loaded=true]').waitFor({ timeout: 30_000 });
});

step(
  'the feed comes back by itself after the gateway was away',
  async () => {
    await desk.getByTestId('nav-alerts').click();
    await live(desk);
    await mark(desk);
    const away = desk.locator('[data-testid=feed-state][data-state=reconnecting]').waitFor({ timeout: 90_000 });
    const restarted = promisify(exec)(env.SKYEYE_RESTART_CMD, { timeout: 120_000 });
    await away;
    await restarted;
    await live(desk, 60_000);
    await unmoved(desk);
  },
  env.SKYEYE_RESTART_CMD ? false : 'SKYEYE_RESTART_CMD is not set',
);

step('a page that is opened first while the gateway is away comes when it is back, by itself and by the button', async () => {
  // A browser of its own, which has fetched none of the pages yet.
  const page = await open({ storageState: await desk.context().storageState() });
  let away = false;
  await page.route('**/*', (route) => (away ? route.abort('connectionrefused') : route.continue()));
  await page.goto(`${url}/`);
  await live(page);
  await mark(page);
  away = true;
  await page.getByTestId('nav-box').click();
  await page.getByTestId('page-away').waitFor();
  if (shots) await page.screenshot({ path: join(shots, 'page-away.png') });
  away = false;
  await page.getByTestId('box-page').waitFor();
  away = true;
  await page.getByTestId('nav-system').click();
  await page.getByTestId('page-away').waitFor();
  away = false;
  await page.getByTestId('page-again').click();
  await page.getByTestId('node-status').waitFor();
  await unmoved(page);
  // The same verdict on both pages.
  const said = await page.getByTestId('node-status').getAttribute('data-mood');
  assert.ok(['good', 'busy', 'bad'].includes(said), said);
  await page.context().close();
});

const told = await fetch(`${url}/api/v1/inventory/revisions`).catch(() => null);
const unchangeable = told?.status === 404 ? 'this gateway has no inventory' : false;
const changes = { step, desk: () => desk, url, shots, skip: unchangeable };
channelSteps(changes);
ruleSteps(changes);
mapSteps({ ...changes, executablePath });
shiftSteps({ ...changes, skip: false });
const shift = operatorSteps({
  ...changes,
  like: () => chosen,
  open,
  live,
  mark,
  unmoved,
  user,
  calm: env.SKYEYE_CALM_AREA,
  flooded: env.SKYEYE_FLOOD_AREA,
  dueS: Number(env.SKYEYE_DUE_S ?? 0),
  floodS: Number(env.SKYEYE_FLOOD_S ?? 0),
  look,
});

/** Every page with its address, and what is there once it is drawn. */
async function allPages() {
  const first = await desk.evaluate(async () => {
    const ask = async (path) => (await fetch(`/api/v1${path}`)).json().catch(() => ({}));
    return {
      channel: (await ask('/channels')).channels?.[0]?.id,
      area: (await ask('/areas')).areas?.[0]?.id,
      revision: (await ask('/inventory/revisions?limit=1')).revisions?.[0]?.rev,
      handover: (await ask('/handovers?limit=1')).handovers?.[0]?.id,
      digest: (await ask('/positions')).positions?.find((p) => p.digest)?.id,
    };
  });
  return [
    ['alerts', '/', '[data-testid=nav-alerts]'],
    ['alert', chosen ? `/alerts/${chosen}` : null, '[data-testid=alert-state]'],
    ['channels', '/channels', '[data-testid=channel-card]'],
    ['channel', first.channel ? `/channels/${first.channel}` : null, '[data-testid=channel-page]'],
    ...(unchangeable ? [] : [...CHANNEL_PAGES, ...RULE_PAGES]),
    ['area', first.area ? `/areas/${first.area}` : null, '[data-testid=area-card]'],
    ['change', first.revision ? `/changes/${first.revision}` : null, '[data-testid=revision-detail]'],
    ...MAP_PAGES,
    ...SHIFT_PAGES,
    ['handover-paper', first.handover ? `/handover/${first.handover}` : null, '[data-testid=handover-paper]'],
    ...PEOPLE_PAGES,
    ['box', '/box', '[data-testid=box-verdict]'],
    ['system', '/system', '[data-testid=node-status]'],
    ['api-docs', '/api-docs', '[data-testid=api-docs]'],
    // Last: which position is looked at is remembered.
    ['digest', first.digest ? `/?position=${first.digest}` : null, '[data-testid=digest]'],
  ].filter(([, path]) => path !== null);
}

step(
  'every address of the console is among the pages that are looked at',
  async () => {
    const routes = [...readFileSync(new URL('../src/app.tsx', import.meta.url), 'utf8').matchAll(/<Route path="([^"]+)" element={<(\w+)/g)];
    assert.ok(routes.length > 20, 'the addresses are not found in app.tsx');
    const paths = (await allPages()).map(([, path]) => path.split('?')[0]);
    const stands = (route) => new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`);
    const known = routes.filter(([, route]) => route !== '*').map(([, route]) => stands(route));
    for (const [, route, element] of routes) {
      if (element === 'Navigate') continue;
      const found = route === '*' ? paths.find((p) => !known.some((k) => k.test(p))) : paths.find((p) => stands(route).test(p));
      assert.ok(found, `no page is looked at for ${route}`);
    }
  },
  unchangeable,
);

/** Pictures and lists are there, or are late: nothing is waited for beyond a moment. */
async function settled(page) {
  const there = () =>
    document.fonts.status === 'loaded' &&
    !document.querySelector('.skeletons, .loading, [data-testid=channel-picture][data-loaded=false]') &&
    [...document.images].every((image) => image.complete || image.loading === 'lazy');
  await page.waitForFunction(there, null, { timeout: 1500 }).catch(() => {});
  await page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
}

const unfit = [];
async function fits(page, name) {
  // Not by a script element: the content policy would rightly refuse that.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const v of violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')) {
    const where = v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} (${n.failureSummary?.split('\n').slice(1).join(';').trim()})`);
    unfit.push(`${name}: ${v.id}: ${where.join(' | ')}`);
  }
}

/** All pages in one language and one theme. Each language and each theme is judged once: neither touches the other. */
async function look(pages, locale, colorScheme) {
  const judged = (locale === 'en') === (colorScheme === 'light');
  const name = (page) => `${page}-${locale}-${colorScheme}`;
  const door = await open({ locale, colorScheme });
  await door.goto(`${url}/`);
  await door.getByTestId('login-user').waitFor();
  if (shots) await door.screenshot({ path: join(shots, `${name('login')}.png`) });
  if (judged) await fits(door, name('login'));
  await door.context().close();
  const page = await open({ locale, colorScheme, storageState: await desk.context().storageState() });
  // The first desk may have chosen otherwise; a new one follows its browser.
  await page.addInitScript(() => localStorage.clear());
  for (const [which, path, there] of pages) {
    await page.goto(`${url}${path}`);
    await page.locator(there).first().waitFor();
    await live(page);
    await settled(page);
    const found = await page.evaluate(() => ({
      lang: document.documentElement.lang,
      theme: document.documentElement.dataset.theme,
      wide: document.documentElement.scrollWidth - window.innerWidth,
    }));
    assert.deepEqual([found.lang, found.theme], [locale, colorScheme], which);
    assert.ok(found.wide <= 0, `${which} is wider than the window`);
    if (shots) await page.screenshot({ path: join(shots, `${name(which)}.png`) });
    if (judged) await fits(page, name(which));
  }
  await page.context().close();
}

step('every page stands in both languages and both themes', async () => {
  const pages = await allPages();
  for (const locale of ['zh-CN', 'en']) await Promise.all(['dark', 'light'].map((theme) => look(pages, locale, theme)));
});

step('no page has a serious fault of accessibility', () => {
  assert.equal(unfit.length, 0, unfit.join('\n'));
});

shift.end();
ruleEnd(changes);

step('language and theme are switched and remembered', async () => {
  await desk.goto(`${url}/`);
  await desk.getByTestId('nav-alerts').waitFor();
  const lang = () => desk.evaluate(() => document.documentElement.lang);
  const was = await lang();
  await desk.getByTestId('lang-switch').click();
  assert.notEqual(await lang(), was);
  await desk.getByTestId('theme-switch').click();
  const choice = await desk.getByTestId('theme-switch').getAttribute('data-theme-choice');
  await desk.reload();
  await desk.getByTestId('nav-alerts').waitFor();
  assert.notEqual(await lang(), was);
  assert.equal(await desk.getByTestId('theme-switch').getAttribute('data-theme-choice'), choice);
});

step('logged out is logged out', async () => {
  await desk.getByTestId('logout').click();
  await desk.getByTestId('login-user').waitFor();
  await desk.goto(`${url}/channels`);
  await desk.getByTestId('login-user').waitFor();
  if (shots) await desk.screenshot({ path: join(shots, 'login.png') });
});

step('nothing broke and no content policy was broken on the way', () => {
  assert.deepEqual(faults, []);
});
