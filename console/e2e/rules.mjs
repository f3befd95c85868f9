/*
 * The part of the end-to-end run that makes rules: drawing by mouse and by keyboard, saving, trying a rule before it is
 * armed, arming it, taking that back, and a timetable. It works on a channel of its own, `e2e-draw`, which shows the
 * pictures of one that runs; channel, rule and timetable go again at the end.
 */
import assert from 'node:assert/strict';
import { tools } from './tools.mjs';

const CHANNEL = 'e2e-draw';
const RULE = 'e2e-rule';
const near = (a, b, by = 0.02) => Math.abs(a - b) < by;

export function ruleSteps({ step, desk, url, shots, skip }) {
  const { page, id, shoot, api, until } = tools({ desk, shots });
  const config = async () => (await api('GET', `/channels/${CHANNEL}`)).body.config;
  const key = async (...keys) => {
    for (const k of keys) await page().keyboard.press(k);
  };
  const places = () => id('draw-point').evaluateAll((all) => all.map((p) => [Number(p.dataset.x), Number(p.dataset.y)]));

  step(
    'a line is drawn by mouse, turned, taken back step by step, and saved',
    async () => {
      const all = (await api('GET', '/channels')).body.channels;
      const running = all.find((c) => c.health.state === 'running' && c.rules.length > 0) ?? all.find((c) => c.health.state === 'running');
      assert.ok(running, 'no channel runs');
      const like = (await api('GET', `/channels/${running.id}`)).body.config;
      const made = await api('POST', '/channels', { id: CHANNEL, name: 'E2E 绘图', url: like.url, credential: like.credential, transport: like.transport, area: like.area });
      assert.equal(made.status, 201, made.text);
      await page().goto(`${url}/channels/${CHANNEL}`);
      await id('draw-channel').click();
      await page().locator('[data-testid=channel-picture][data-loaded=true]').waitFor({ timeout: 60_000 });

      await id('tool-line').click();
      const box = await id('draw-stage').boundingBox();
      const at = (x, y) => [box.x + box.width * x, box.y + box.height * y];
      await page().mouse.click(...at(0.2, 0.7));
      await page().mouse.click(...at(0.8, 0.6));
      await page().mouse.click(...at(0.8, 0.6));
      await page().locator('[data-testid=shape-item][data-kind=line]').waitFor();
      let [first, last] = await places();
      assert.ok(near(first[0], 0.2) && near(first[1], 0.7) && near(last[0], 0.8), `${first} ${last}`);
      // One end is dragged; that is one step, however many places it went over.
      await page().mouse.move(...at(last[0], last[1]));
      await page().mouse.down();
      for (let i = 1; i <= 5; i += 1) await page().mouse.move(...at(0.8, 0.6 + i * 0.05));
      await page().mouse.up();
      [, last] = await places();
      assert.ok(near(last[1], 0.85), `${last}`);
      await id('draw-undo').click();
      [, last] = await places();
      assert.ok(near(last[1], 0.6), `${last}`);
      await id('draw-redo').click();
      await id('shape-turn').click();
      [first] = await places();
      assert.ok(near(first[1], 0.85), 'it was not turned');
      await id('shape-name').fill('大门');
      await shoot('draw-line');
      await id('draw-save').click();
      await page().locator('[data-testid=draw-page][data-clean=true]').waitFor();
      const { line } = await config();
      assert.deepEqual([line.length, line[0].id, line[0].name], [1, 'line-1', '大门']);
      assert.ok(near(line[0].points[0][1], 0.85) && near(line[0].points[1][0], 0.2), JSON.stringify(line));
    },
    skip,
  );

  step(
    'a zone and a mask are drawn by keyboard alone',
    async () => {
      await page().goto(`${url}/channels/${CHANNEL}/draw`);
      await id('tool-zone').focus();
      // From the middle: a square around most of the picture.
      await key('Enter');
      await page().waitForFunction(() => document.activeElement?.dataset.testid === 'draw-stage');
      const go = async (arrow, leaps) => key(...Array(leaps).fill(`Shift+${arrow}`));
      await go('ArrowLeft', 8);
      await go('ArrowUp', 6);
      await key('Enter');
      await go('ArrowRight', 16);
      await key('Enter');
      await go('ArrowDown', 15);
      await key('Enter');
      await go('ArrowLeft', 16);
      await key('Enter', 'Enter');
      // Finished, and the first point has the focus.
      await page().waitForFunction(() => document.activeElement?.dataset.testid === 'draw-point' && document.activeElement.dataset.index === '0');
      assert.deepEqual(await places(), [[0.1, 0.2], [0.9, 0.2], [0.9, 0.95], [0.1, 0.95]]);
      await key('Tab', 'ArrowDown', 'ArrowDown', 'ArrowDown');
      assert.deepEqual((await places())[1], [0.9, 0.23]);
      await key('Enter');
      await page().waitForFunction(() => document.activeElement?.dataset.index === '2');
      assert.equal((await places()).length, 5);
      await key('Delete');
      assert.equal((await places()).length, 4);
      await key('Control+z', 'Control+z', 'Control+z');
      assert.deepEqual(await places(), [[0.1, 0.2], [0.9, 0.2], [0.9, 0.95], [0.1, 0.95]]);
      await key('Escape');
      await id('draw-point').first().waitFor({ state: 'detached' });

      await id('tool-ignore').focus();
      await key('Enter');
      await page().waitForFunction(() => document.activeElement?.dataset.testid === 'draw-stage');
      await go('ArrowUp', 10);
      await go('ArrowLeft', 10);
      await key('Enter');
      await go('ArrowRight', 1);
      await key('Enter');
      await go('ArrowDown', 1);
      await key('Enter', 'Enter');
      await page().locator('[data-testid=shape-item][data-kind=ignore]').waitFor();
      await id('draw-save').focus();
      await key('Enter');
      await page().locator('[data-testid=draw-page][data-clean=true]').waitFor();
      const now = await config();
      assert.deepEqual([now.zone.map((z) => z.id), now.mask.map((m) => m.kind)], [['zone-1'], ['ignore']]);
      await shoot('draw-zone');
    },
    skip,
  );

  step(
    'a rule for the zone is made, armed nowhere, and then armed',
    async () => {
      await page().locator('[data-testid=shape-item][data-kind=zone]').click();
      await id('shape-rule').click();
      await id('rule-form').waitFor();
      await id('rule-type').selectOption('presence');
      await id('rule-id').fill(RULE);
      await page().locator('[data-testid=zone-zone-1]:checked').waitFor();
      await id('rule-min_score').fill('much');
      assert.ok(await id('rule-save').isDisabled(), 'what is no number can be saved');
      await id('rule-min_score').fill('0.2');
      await id('rule-save').click();
      // Below what goes on: the gateway says so, at the field.
      await page().locator('[data-testid=rule-keep_score][aria-invalid=true], [data-testid=rule-min_score][aria-invalid=true]').first().waitFor();
      await shoot('rule-refused');
      await id('rule-min_score').fill('0.4');
      await id('rule-save').click();
      await page().locator('[data-testid=rule-page] [data-testid=armed-sign][data-state=off]').waitFor();
      assert.equal((await api('GET', `/rules/${RULE}`)).body.armed, 0);
      await id('rule-channel-pick').check();
      await id('arm-chosen').click();
      await page().locator(`[data-testid=rule-channel][data-channel=${CHANNEL}][data-armed=true]`).waitFor();
      await id('object-history').locator('li').nth(1).waitFor();
    },
    skip,
  );

  step(
    'a dry run says what the rule would have made of the last looks',
    async () => {
      // Until somebody has come and gone: the looks of that are kept.
      const found = await until('an event in the dry run', 120_000, async () => {
        const run = (await api('POST', '/dry-run', { id: RULE, hours: 1 })).body;
        return run.events_total > 0 && run;
      });
      await page().goto(`${url}/rules/${RULE}`);
      await id('dry-hours').selectOption('1');
      await id('dry-go').click();
      await page().locator('[data-testid=dry-run][data-done=true]').waitFor();
      assert.ok(Number(await id('dry-events').textContent()) >= found.events_total);
      await id('timeline').locator('[data-testid=timeline-event]').first().waitFor({ state: 'attached' });
      await id('dry-event').first().waitFor();
      await shoot('dry-run');
      // Nobody's score is that high: the same looks, another rule, nothing saved.
      const strict = (await api('POST', '/dry-run', { id: RULE, rule: { min_score: 0.999, keep_score: 0.999 }, hours: 1 })).body;
      assert.equal(strict.events_total, 0);
      assert.equal((await api('GET', `/rules/${RULE}`)).body.min_score, 0.4);
    },
    skip,
  );

  step(
    'where people went is drawn under the pencil',
    async () => {
      const seen = async (channel) => (await api('GET', `/channels/${channel}/traces?hours=6`)).body;
      // Where people only come for a moment hardly a way is to be drawn: the camera is turned to where most of them walk.
      const others = (await api('GET', '/channels')).body.channels.filter((c) => c.id !== CHANNEL && c.health.state === 'running');
      const walked = await until('a path on any channel', 120_000, async () => {
        const counts = await Promise.all(others.map(async (c) => [c.id, (await seen(c.id)).paths.length]));
        const [best] = counts.sort((x, y) => y[1] - x[1]);
        return best && best[1] > 0 && best[0];
      });
      const { url: address, credential, transport } = (await api('GET', `/channels/${walked}`)).body.config;
      const turned = await api('PATCH', `/channels/${CHANNEL}`, { url: address, credential, transport });
      assert.equal(turned.status, 200, turned.text);
      const traces = await until('a path on the channel', 120_000, async () => {
        const now = await seen(CHANNEL);
        return now.paths.length > 0 && now;
      });
      assert.ok(traces.looks > 0 && traces.heat.cells.some((s) => s > 0), `no heat from ${traces.looks} looks`);
      await page().goto(`${url}/channels/${CHANNEL}/draw`);
      // Paths that can be seen: each has a length on the screen, and lies on the picture.
      await page().waitForFunction(() => {
        const stage = document.querySelector('[data-testid=draw-stage]')?.getBoundingClientRect();
        const drawn = [...document.querySelectorAll('[data-testid=ghosts] polyline')].map((p) => [p.getTotalLength(), p.getBoundingClientRect()]);
        return stage && drawn.length > 0 && drawn.some(([length]) => length > 0) && drawn.every(([, r]) => r.x >= stage.x - 3 && r.right <= stage.right + 3 && r.bottom <= stage.bottom + 3);
      });
      await id('under-paths').uncheck();
      await id('ghosts').waitFor({ state: 'detached' });
      await id('under-paths').check();
      await id('ghosts').waitFor({ state: 'attached' });
      await id('under-heat').check();
      await id('heat').waitFor({ state: 'attached' });
      await shoot('draw-ghosts');
    },
    skip,
  );

  step(
    'a rule goes by a timetable, and arming is taken back',
    async () => {
      await page().goto(`${url}/timetables`);
      await id('timetable-add').click();
      await id('timetable-name').fill('E2E hours');
      await id('timetable-weekly').fill('mon-sun 00:00-24:00');
      await id('timetable-save').click();
      const table = page().locator('[data-testid=timetable][data-timetable=e2e-hours]');
      await table.waitFor();
      await page().goto(`${url}/rules/${RULE}/edit`);
      await id('rule-timetable').selectOption('e2e-hours');
      await id('rule-save').click();
      await id('rule-page').waitFor();
      await page().locator('a[href="/timetables"]').first().waitFor();
      await id('disarm-all').click();
      await page().locator('[data-testid=rule-page] [data-testid=armed-sign][data-state=off]').waitFor();
      assert.equal((await api('GET', `/rules/${RULE}`)).body.armed, 0);
      await page().goto(`${url}/rules`);
      await page().locator(`[data-testid=rule-row][data-rule=${RULE}]`).waitFor();
      await shoot('rules');
    },
    skip,
  );
}

/** What was made goes again, by the pages. */
export function ruleEnd({ step, desk, url, skip }) {
  step(
    'rule, timetable and channel go again',
    async () => {
      const { page, id, api } = tools({ desk });
      await page().goto(`${url}/rules/${RULE}`);
      await id('rule-remove').click();
      await id('rule-remove').click();
      await page().waitForURL(/\/rules$/);
      await page().goto(`${url}/timetables`);
      const table = page().locator('[data-testid=timetable][data-timetable=e2e-hours]');
      await table.getByTestId('timetable-remove').click();
      await table.getByTestId('timetable-remove').click();
      await table.waitFor({ state: 'detached' });
      assert.equal((await api('DELETE', `/channels/${CHANNEL}`)).status, 204);
    },
    skip,
  );
}

/** Pages with their addresses, and what is there once each is drawn. */
export const RULE_PAGES = [
  ['rules', '/rules', '[data-testid=rule-row]'],
  ['rule', `/rules/${RULE}`, '[data-testid=rule-channels]'],
  ['add-rule', `/add-rule?channel=${CHANNEL}&zone=zone-1`, '[data-testid=rule-form]'],
  ['edit-rule', `/rules/${RULE}/edit`, '[data-testid=rule-form]'],
  ['timetables', '/timetables', '[data-testid=timetable]'],
  ['draw', `/channels/${CHANNEL}/draw`, '[data-testid=shape-list]'],
];
