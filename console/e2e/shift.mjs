/*
 * An operator's whole shift in miniature, against the real gateway: a login of his own, what is put aside and comes back,
 * what nobody takes in time, two who take the same, work by keyboard, a feed and a login that are lost, the handover, a flood.
 *
 * What happens is made by cameras of its own, `e2e-shift-…`: one that shows what a running channel shows, with rules of the
 * severities that are wanted, switched off again once each of them has its row. All of it goes at the end.
 */
import assert from 'node:assert/strict';
import { tools } from './tools.mjs';

const OPERATOR = 'e2e-operator';
const PASSWORD = 'a-password-for-the-operator';
const NOTES = '夜班无事 nothing but <i>the gate</i>';
const HALF = '保安说门 the guard said';
/** Rows beyond which a flood begins (`alert.flood_alerts`), and what is sent: what is critical comes beside it. */
const LIMIT = 10;
const MANY = 16;
const row = (id) => `[data-testid=alert-row][data-alert-id="${id}"]`;

/**
 * `like()` is an alert whose channel gives more of them; `open`, `live`, `mark` and `unmoved` are those of `run.mjs`.
 * `calm` and `flooded` are areas with a position each, where the gateway has them; `dueS` what is critical waits for, and
 * `floodS` how long the window of a flood is. `look()` judges pages in a language and a theme.
 */
export function operatorSteps({ step, desk, url, shots, skip, like, open, live, mark, unmoved, user, calm, flooded, dueS, floodS, look }) {
  const admin = tools({ desk, shots });
  let page = null;
  /** The operator's position. */
  let home = null;
  const op = tools({ desk: () => page, shots });
  const made = { channels: [], rules: [] };
  const alertOf = async (id) => (await admin.api('GET', `/alerts/${id}`)).body;
  const done = (answer, status) => assert.equal(answer.status, status, answer.text);

  /** Something happens before a new camera: one alert a severity, in their order, a row each or (`folded`) under others. */
  const happen = async (name, severities, { area = calm, folded = false } = {}) => {
    const { alert } = await alertOf(like());
    const { url: address, credential, transport } = (await admin.api('GET', `/channels/${alert.channel}`)).body.config;
    const channel = `e2e-shift-${name}`;
    done(await admin.api('POST', '/channels', { id: channel, name: `E2E ${name}`, url: address, credential, transport, enabled: false, ...(area ? { area } : {}) }), 201);
    made.channels.push(channel);
    for (const [i, severity] of severities.entries()) {
      const id = `${channel}-${i}`;
      done(await admin.api('POST', '/rules', { id, type: 'presence', channels: [channel], labels: ['person'], severity, clear_ms: 1500, update_s: 5 }), 201);
      made.rules.push(id);
    }
    done(await admin.api('PATCH', `/channels/${channel}`, { enabled: true }), 200);
    const rows = await admin.until(`${severities.length} alerts of ${channel}`, 75_000, async () => {
      const { alerts } = (await admin.api('GET', `/alerts?state=new&channel=${channel}${folded ? '' : '&rows=true'}`)).body;
      const first = severities.map((_, i) => alerts.findLast((a) => a.rule.id === `${channel}-${i}`));
      return first.every((a) => a && ['row', folded ? 'under' : 'row'].includes(a.showing.how)) && first;
    });
    // Before it happens again.
    done(await admin.api('PATCH', `/channels/${channel}`, { enabled: false }), 200);
    return rows;
  };
  const login = async (word) => {
    await page.getByTestId('login-user').fill(OPERATOR);
    await page.getByTestId('login-password').fill(word);
    await page.getByTestId('login-submit').click();
  };
  const state = (where, to) => where.locator(`[data-testid=alert-state][data-state=${to}]`).waitFor();
  const choose = async (where, id) => {
    await where.locator(row(id)).click();
    await where.locator(`[data-testid=alert-detail][data-alert-id="${id}"] [data-testid=alert-state]`).waitFor();
  };

  /** The operator's link, so that it can be cut as a cable is: the sockets end, and no new one is had. */
  const cable = { cut: false, links: new Set() };
  const network = async (on) => {
    cable.cut = !on;
    await page.context().setOffline(!on);
    if (on) return;
    for (const link of cable.links) await link.close().catch(() => {});
    cable.links.clear();
  };

  step(
    'an operator comes: a login that the administrator made, a password of his own, and the queue of his position',
    async () => {
      await admin.api('DELETE', `/users/${OPERATOR}`);
      const added = await admin.api('POST', '/users', { user: OPERATOR, role: 'operator' });
      done(added, 201);
      page = await open({ colorScheme: 'light' });
      await page.routeWebSocket(/\/mqtt$/, (link) => {
        if (cable.cut) return void link.close();
        const server = link.connectToServer();
        cable.links.add(link).add(server);
      });
      await page.goto(`${url}/`);
      await login(added.body.password);
      await page.getByTestId('new-password').fill(PASSWORD);
      await page.getByTestId('new-password-repeat').fill(PASSWORD);
      await page.getByTestId('new-password-submit').click();
      await page.getByTestId('nav-alerts').waitFor();
      await live(page);
      assert.equal(await page.getByTestId('nav-people').count(), 0, 'an operator has nothing to do with logins');
      const { positions } = (await op.api('GET', '/positions')).body;
      const position = positions.find((p) => calm && p.areas.includes(calm));
      if (position) await op.id('filter-position').selectOption(position.id);
      home = position?.id ?? null;
      await mark(page);
    },
    skip,
  );

  let aside = null;
  let until = 0;
  step(
    'what is put aside for a minute leaves the queue',
    async () => {
      [aside] = await happen('aside', ['high']);
      await page.locator(row(aside.id)).waitFor();
      if (calm) {
        const { name } = (await admin.api('GET', '/areas')).body.areas.find((a) => a.id === calm);
        await page.locator(row(aside.id)).getByText(name).waitFor();
      }
      // The form of the page offers a quarter of an hour and more.
      done(await op.api('POST', `/alerts/${aside.id}/shelve`, { minutes: 1, note: '风 wind' }), 200);
      until = Date.parse((await alertOf(aside.id)).alert.shelved.until);
      await page.locator(row(aside.id)).waitFor({ state: 'detached' });
      await op.id('filter-shown').selectOption('shelved');
      await page.locator(`${row(aside.id)} [data-flag=shelved]`).waitFor();
      await op.shoot('shift-shelf');
      await op.id('filter-shown').selectOption('rows');
      await unmoved(page);
    },
    skip,
  );

  let late = null;
  step(
    'what nobody takes in time says so by itself, and the supervising position hears of it',
    async () => {
      [late] = await happen('late', ['critical']);
      await choose(page, late.id);
      await page.locator(`${row(late.id)} [data-flag=escalated]`).waitFor({ timeout: (dueS + 20) * 1000 });
      const { alert } = await alertOf(late.id);
      const { positions } = (await admin.api('GET', '/positions')).body;
      const { escalate_to: to } = positions.find((p) => p.id === alert.position);
      assert.ok(to, 'its position names no other');
      await page.locator(`${row(late.id)} [data-flag=escalated]`, { hasText: positions.find((p) => p.id === to).name }).waitFor();
      assert.deepEqual([alert.state, alert.escalated.to], ['new', to]);
      assert.ok(alert.escalated.level >= 1);
      assert.ok(Date.parse(alert.escalated.at) >= Date.parse(alert.showing.since) + dueS * 1000, 'it was too early');
      await op.id('alert-history').getByText('Escalated: nobody took it in time').first().waitFor();
      await op.shoot('shift-escalated');
      await unmoved(page);
      // The supervising position's own queue has it, and its filter counts it.
      await desk().goto(`${url}/?position=${to}`);
      await desk().locator(`${row(late.id)} [data-flag=escalated]`).waitFor();
      assert.equal(await admin.id('filter-position').inputValue(), to);
      const { alerts } = (await admin.api('GET', `/alerts?position=${to}`)).body;
      assert.ok(alerts.some((a) => a.id === late.id), 'the gateway does not list it for the position above');
      const above = (await admin.api('GET', '/positions')).body.positions.find((p) => p.id === to);
      assert.ok(above.rows.escalated >= 1);
      await admin.shoot('shift-escalated-above');
      await desk().evaluate(() => localStorage.removeItem('skyeye.position'));
    },
    skip || (dueS ? false : 'SKYEYE_DUE_S is not set'),
  );

  step(
    'two take the same alert at once: one has it, the other is told who',
    async () => {
      late ??= (await happen('late', ['critical']))[0];
      await desk().goto(`${url}/alerts/${late.id}`);
      await live(desk());
      await mark(desk());
      await choose(page, late.id);
      for (const one of [desk(), page]) await state(one, 'new');
      // The administrator's wish is on its way while the operator's arrives.
      let arrive;
      const held = new Promise((go) => (arrive = go));
      const wish = `**/api/v1/alerts/${late.id}/acknowledge`;
      await desk().route(wish, (route) => held.then(() => route.continue()));
      const asked = desk().waitForRequest(wish);
      await desk().keyboard.press('a');
      await asked;
      await page.keyboard.press('a');
      await state(page, 'acknowledged');
      arrive();
      await desk().locator('.notice.bad').getByText(OPERATOR).waitFor();
      await admin.shoot('shift-taken');
      await desk().unroute(wish);
      await state(desk(), 'acknowledged');
      await desk().locator(row(late.id)).getByText(OPERATOR).waitFor();
      const { alert, history } = await alertOf(late.id);
      assert.equal(alert.owner, OPERATOR);
      assert.deepEqual(history.filter((h) => h.action === 'acknowledge').map((h) => h.author), [OPERATOR]);
      for (const one of [desk(), page]) await unmoved(one);
    },
    skip,
  );

  step(
    'a field keeps the keys that it has a use for, and what is chosen by arrow keys is sent once it is arrived at',
    async () => {
      const priority = op.id('action-priority');
      let sent = 0;
      const count = (request) => {
        if (request.url().endsWith('/priority')) sent += 1;
      };
      page.on('request', count);
      const was = await priority.inputValue();
      await priority.focus();
      for (let i = 0; i < 2; i += 1) await page.keyboard.press('ArrowUp');
      assert.notEqual(await priority.inputValue(), was, 'the arrow keys choose nothing');
      await page.keyboard.press('Escape');
      assert.equal(await priority.inputValue(), was);
      await page.keyboard.press('ArrowUp');
      const next = await priority.inputValue();
      await page.keyboard.press('Enter');
      await admin.until('another priority', 10_000, async () => (await alertOf(late.id)).alert.priority === next);
      await priority.selectOption(was);
      await priority.blur();
      await admin.until('the priority of before', 10_000, async () => (await alertOf(late.id)).alert.priority === was);
      page.off('request', count);
      assert.equal(sent, 2, 'each arrow key is sent');

      const focused = () => page.evaluate(() => document.activeElement?.id ?? '');
      const filter = op.id('filter-shown');
      await filter.focus();
      await filter.selectOption('every');
      assert.notEqual(await focused(), 'alert-queue', 'who chooses by key is sent away');
      await page.keyboard.press('Escape');
      assert.equal(await focused(), 'alert-queue');
      await filter.focus();
      await filter.dispatchEvent('pointerdown');
      await filter.selectOption('rows');
      assert.equal(await focused(), 'alert-queue', 'keys go to the filter and not to the alert');
      await unmoved(page);
    },
    skip,
  );

  step(
    'by keyboard alone it is dispatched and resolved, and the next one is false',
    async () => {
      const form = async (key, what, ...keys) => {
        await page.keyboard.press(key);
        const opened = op.id(`form-${what}`);
        await opened.waitFor();
        for (const k of keys) await (k.length > 1 && k !== 'Space' ? page.keyboard.type(k) : page.keyboard.press(k));
        await page.keyboard.press('Enter');
        await opened.waitFor({ state: 'hidden' });
      };
      await form('d', 'dispatch', '王建国, grid 7');
      await state(page, 'dispatched');
      await form('r', 'resolve', 'Space');
      await state(page, 'resolved');
      const { alert } = await alertOf(late.id);
      assert.deepEqual([alert.result, alert.dispatched_to, alert.owner], ['true', '王建国, grid 7', OPERATOR]);
      await op.id('action-close').click();
      await op.id('action-close').click();
      await state(page, 'closed');

      const [wrong] = await happen('wrong', ['high']);
      await page.locator(row(wrong.id)).waitFor();
      const chosen = () => op.id('alert-detail').getAttribute('data-alert-id');
      const order = () => page.locator('[data-testid=alert-row]').evaluateAll((rows) => rows.map((r) => r.dataset.alertId));
      // One key at a time, as a person: what is chosen is looked at before the next one, and rows may move in between.
      for (let tries = 0; tries < 40 && (await chosen()) !== wrong.id; tries += 1) {
        const [here, rows] = [await chosen(), await order()];
        await page.keyboard.press(rows.indexOf(wrong.id) < rows.indexOf(here) ? 'k' : 'j');
        await page.waitForFunction((was) => document.querySelector('[data-testid=alert-detail]')?.dataset.alertId !== was, here, { timeout: 2000 }).catch(() => {});
      }
      assert.equal(await chosen(), wrong.id, 'J and K do not lead to it');
      await page.keyboard.press('a');
      await state(page, 'acknowledged');
      await form('f', 'resolve');
      await state(page, 'resolved');
      const said = (await alertOf(wrong.id)).alert;
      assert.deepEqual([said.result, said.owner], ['false', OPERATOR]);
      await unmoved(page);
    },
    skip,
  );

  step(
    'a feed that was cut comes back by itself, and nothing that happened meanwhile is missing',
    async () => {
      await live(page);
      await network(false);
      await page.locator('[data-testid=feed-state][data-state=reconnecting]').waitFor();
      await page.locator('.banner.warn').waitFor();
      const missed = await happen('missed', ['high', 'critical']);
      const [taken, other] = missed;
      done(await admin.api('POST', `/alerts/${taken.id}/acknowledge`, {}), 200);
      for (const { id } of missed) assert.equal(await page.locator(row(id)).count(), 0, 'the feed was not cut');
      await op.shoot('shift-cut');
      await network(true);
      await live(page, 30_000);
      await page.locator(`${row(taken.id)}[data-state=acknowledged]`).waitFor();
      await page.locator(`${row(other.id)}[data-state=new]`).waitFor();
      await page.locator('.banner.warn').waitFor({ state: 'detached' });
      await unmoved(page);
    },
    skip,
  );

  step(
    'a login that is ended by another says so, and after logging in again one is where one was, with what was half written',
    async () => {
      const at = new URL(page.url()).pathname;
      assert.match(at, /^\/alerts\/./);
      await op.id('action-note').click();
      await op.id('action-note-text').fill(HALF);
      done(await admin.api('DELETE', `/users/${OPERATOR}/sessions`), 204);
      await page.locator('[data-testid=feed-state][data-state=ended]').waitFor({ timeout: 40_000 });
      const told = page.locator('.banner.bad[role=alert]');
      await told.waitFor();
      await op.shoot('shift-login-lost');
      await told.getByRole('button').click();
      await login(PASSWORD);
      await live(page);
      assert.equal(new URL(page.url()).pathname, at);
      await op.id('alert-state').waitFor();
      assert.equal(await op.id('action-note-text').inputValue(), HALF, 'what was half written is lost');
      await op.id('form-send').click();
      await op.id('form-note').waitFor({ state: 'detached' });
      await op.id('alert-history').getByText(HALF).first().waitFor();
      await unmoved(page);
    },
    skip,
  );

  const note = async (words) => {
    await op.id('action-note').click();
    await op.id('action-note-text').fill(words);
    await op.id('form-send').click();
    await op.id('form-note').waitFor({ state: 'detached' });
    await op.id('alert-history').getByText(words).first().waitFor();
  };
  step(
    'a login in another window of the same browser disarms nothing',
    async () => {
      const other = await page.context().newPage();
      await other.goto(`${url}/`);
      const answered = await other.evaluate(
        async ([name, word]) => (await fetch('/api/v1/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: name, password: word }) })).status,
        [OPERATOR, PASSWORD],
      );
      assert.equal(answered, 200);
      await other.close();
      await note('with the token of before');
      assert.equal(await page.locator('.notice.bad').count(), 0);
      await unmoved(page);
    },
    skip,
  );

  step(
    'a form that is open stays when somebody else moves the alert on, and so do the keys that write in it',
    async () => {
      const id = new URL(page.url()).pathname.split('/').at(-1);
      await op.id('action-note').click();
      await page.keyboard.type('13');
      done(await admin.api('POST', `/alerts/${id}/close`, { rev: (await alertOf(id)).alert.rev }), 200);
      await state(page, 'closed');
      await op.id('form-late').waitFor();
      await page.keyboard.type('8 then');
      assert.equal(await op.id('action-note-text').inputValue(), '138 then');
      await op.shoot('shift-form-late');
      await page.keyboard.press('Enter');
      assert.equal(await op.id('form-note').count(), 1, 'it was sent');
      await page.keyboard.press('Escape');
      await op.id('form-note').waitFor({ state: 'detached' });
      await unmoved(page);
    },
    skip,
  );

  step(
    'the shift is handed over: one signs it, the other takes it',
    async () => {
      await page.goto(`${url}/handover`);
      await op.id('handover-notes').fill(NOTES);
      await op.id('handover-sign').click();
      await op.id('handover-sign').click();
      await page.waitForURL(/\/handover\/\d+$/);
      await page.locator('[data-testid=handover-state][data-state=offered]').waitFor();
      const number = new URL(page.url()).pathname.split('/').at(-1);
      await desk().goto(`${url}/handover/${number}`);
      assert.ok((await admin.id('handover-paper').textContent()).includes(NOTES));
      await admin.id('handover-remark').fill('read');
      await admin.id('handover-accept').click();
      await desk().locator('[data-testid=handover-state][data-state=accepted]').waitFor();
      const handed = (await op.api('GET', `/handovers/${number}`)).body;
      assert.deepEqual([handed.outgoing, handed.incoming, handed.state], [OPERATOR, user, 'accepted']);
      assert.equal(handed.position, home ?? handed.position, 'another position was handed over than the operator is for');
      await page.reload();
      await page.locator('[data-testid=handover-state][data-state=accepted]').waitFor();
      await op.shoot('handover-accepted');
    },
    skip,
  );

  /** What the flood is made of, all of it. */
  const flood = async () => (await admin.api('GET', '/alerts?state=all&limit=200&channel=e2e-shift-flood')).body.alerts;
  step(
    'a flood is said at the position that has it, few lines stand for many rows, and what is critical stands apart',
    async () => {
      const of = async () => (await admin.api('GET', '/positions')).body.positions.find((p) => p.areas.includes(flooded)) ?? (await admin.api('GET', '/positions')).body.positions[0];
      const before = await of();
      await desk().goto(`${url}/?position=${before.id}`);
      await live(desk());
      await mark(desk());
      if (flooded) assert.equal(await admin.id('flood').count(), 0, 'it was flooded before');
      const critical = (await happen('flood', [...Array(MANY).fill('medium'), 'critical'], { area: flooded, folded: true })).at(-1);
      await admin.id('flood').waitFor();
      const stack = admin.id('row-stack').first();
      await stack.waitFor();
      await desk().locator(row(critical.id)).waitFor();
      const lines = () => admin.id('alert-row').count();
      if (flooded) {
        await admin.until('two lines', 10_000, async () => (await lines()) === 2);
        const sent = await flood();
        const shown = sent.filter((a) => a.showing.how === 'row').length;
        assert.ok(sent.length > MANY && shown > LIMIT && shown < sent.length, `${shown} of ${sent.length} are rows`);
        // Itself and what is critical are not behind it.
        assert.match(await stack.textContent(), new RegExp(`\\+${shown - 2}\\b`));
        const pages = [['flood', `/?position=${before.id}`, '[data-testid=flood]']];
        await Promise.all([look(pages, 'zh-CN', 'dark'), look(pages, 'en', 'light')]);
      }
      assert.equal(await desk().locator(`${row(critical.id)} [data-testid=row-stack]`).count(), 0, 'what is critical takes others');
      await admin.shoot('flood');
      // G shows what stands behind a row, and hides it again.
      const few = await lines();
      const lead = await desk().locator('[data-testid=alert-row]', { has: admin.id('row-stack') }).first().getAttribute('data-alert-id');
      await desk().locator(row(lead)).click();
      await desk().keyboard.press('g');
      await admin.until('all of them', 10_000, async () => (await lines()) > few + 3);
      await admin.shoot('flood-open');
      await desk().keyboard.press('g');
      await admin.until('few again', 10_000, async () => (await lines()) === few);
      await admin.id('flood-collapse').uncheck();
      await admin.until('a queue that is not collapsed', 10_000, async () => (await lines()) > few + 3);
      await admin.id('flood-collapse').check();
      const told = (await of()).flood;
      assert.ok(told, 'the position is not told to be flooded');
      if (flooded) assert.equal(told.rows + told.collapsed, (await flood()).length - LIMIT);
      await unmoved(desk());
    },
    skip,
  );

  step(
    'the flood is over by itself, and its digest says in numbers what came',
    async () => {
      await admin.id('digest').waitFor({ timeout: (floodS + 20) * 1000 });
      await admin.id('flood').waitFor({ state: 'detached' });
      const position = (await admin.api('GET', '/positions')).body.positions.find((p) => p.areas.includes(flooded));
      const { digest } = position;
      assert.equal(position.flood, null);
      // What was sent is what it counted: all beyond the rows that made it one, as they stand now.
      const sent = await flood();
      const folded = sent.filter((a) => a.showing.because === 'flood');
      assert.ok(folded.length > 0, 'nothing was folded');
      assert.deepEqual([digest.rows, digest.collapsed], [sent.length - LIMIT - folded.length, folded.length]);
      assert.deepEqual(digest.came, [{ type: 'presence', count: sent.length - LIMIT }]);
      assert.equal(digest.leads.reduce((n, l) => n + l.under, 0), folded.length);
      const seconds = (Date.parse(digest.until) - Date.parse(digest.since)) / 1000;
      assert.ok(seconds >= floodS - 5 && seconds <= floodS + 15, `it lasted for ${seconds} s`);
      // And what the page says of it, in its own words.
      const head = await admin.id('digest').locator('.digest-head .num').textContent();
      assert.deepEqual(head.match(/\d+/g).map(Number), [digest.rows, digest.collapsed], head);
      await admin.id('digest').locator('summary').click();
      const came = await admin.id('digest').locator('.digest-came li').allTextContents();
      assert.equal(came.length, 1);
      assert.match(came[0], new RegExp(` ${sent.length - LIMIT}$`));
      const leads = await admin.id('digest').locator('.digest-leads li b').allTextContents();
      assert.deepEqual(leads, digest.leads.map((l) => `+${l.under}`));
      const [first] = digest.leads;
      const { history } = await alertOf(first.alert);
      assert.equal(history.filter((h) => h.action === 'digest').length, 1, 'the row that took others says nothing of it');
      // The queue has all of its lines again.
      await admin.until('a queue of single rows', 10_000, async () => (await admin.id('alert-row').count()) > LIMIT / 2);
      assert.equal(await admin.id('row-stack').count(), 0, 'rows still stand behind others');
      await admin.shoot('digest');
      await unmoved(desk());
      await admin.id('digest').locator('.digest-leads a').first().click();
      await desk().locator(`[data-testid=alert-detail][data-alert-id="${first.alert}"]`).waitFor();
      await admin.id('digest-dismiss').click();
      await admin.id('digest').waitFor({ state: 'detached' });
      await desk().evaluate(() => localStorage.removeItem('skyeye.position'));
    },
    skip || (flooded && floodS ? false : 'SKYEYE_FLOOD_S is not set'),
  );

  step(
    'what was put aside is back in the queue when its minute is over, by itself',
    async () => {
      await page.getByTestId('nav-alerts').click();
      await page.locator('.queue-rows, .queue .blank').first().waitFor();
      await mark(page);
      if (Date.now() < until - 3000) assert.equal(await page.locator(row(aside.id)).count(), 0, 'it is back too early');
      await page.locator(`${row(aside.id)}[data-state=new]`).waitFor({ timeout: Math.max(0, until - Date.now()) + 15_000 });
      assert.ok(Date.now() >= until - 1000, 'it came back too early');
      await choose(page, aside.id);
      await op.id('alert-history').getByText('Back from the shelf').first().waitFor();
      const { alert, history } = await alertOf(aside.id);
      assert.equal(alert.shelved ?? null, null);
      assert.equal(history.find((h) => h.action === 'unshelve').author ?? null, null, 'nobody took it from the shelf');
      await unmoved(page);
    },
    skip,
  );

  step(
    'who logs out while the gateway cannot be reached is logged out when it can, and not logged in again',
    async () => {
      await network(false);
      await page.getByTestId('logout').click();
      await page.locator('.form-error[role=alert]').waitFor();
      await op.shoot('shift-leaving');
      await network(true);
      await page.getByTestId('login-user').waitFor();
      await page.reload();
      await page.getByTestId('login-user').waitFor();
    },
    skip,
  );

  return {
    /** What was made goes again, and what it raised is brought to its end. */
    end: () =>
      step(
        'what the shift made goes again',
        async () => {
          await page?.context().close();
          for (const id of made.rules) done(await admin.api('DELETE', `/rules/${id}`), 204);
          for (const id of made.channels) {
            const { alerts } = (await admin.api('GET', `/alerts?state=open&channel=${id}`)).body;
            for (const a of alerts) {
              const onward = { new: ['acknowledge', 'resolve', 'close'], acknowledged: ['resolve', 'close'], dispatched: ['resolve', 'close'], resolved: ['close'] }[a.state];
              for (const action of onward) {
                const { alert } = await alertOf(a.id);
                done(await admin.api('POST', `/alerts/${a.id}/${action}`, { rev: alert.rev }), 200);
              }
            }
            done(await admin.api('DELETE', `/channels/${id}`), 204);
          }
          done(await admin.api('DELETE', `/users/${OPERATOR}`), 204);
        },
        skip,
      ),
  };
}

/** Pages of the shift, of logins and of what was, with what is there once each is drawn. */
export const PEOPLE_PAGES = [
  ['history', '/history', '[data-testid=history-row]'],
  ['people', '/people', '[data-testid=user]'],
  ['tokens', '/people/tokens', '[data-testid=token-add]'],
  ['audit', '/audit', '[data-testid=deed]'],
  ['not-found', '/no-such-page', '.blank a'],
];
