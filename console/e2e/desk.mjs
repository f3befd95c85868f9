/*
 * The part of the end-to-end run that looks at an alert: its pictures by key, the moving picture while it is on screen and
 * not beyond, the steps of its procedure where one is configured, and which position the desk is for.
 */
import assert from 'node:assert/strict';
import { tools } from './tools.mjs';

export function deskSteps({ step, desk, url, shots, alert }) {
  const { page, id, shoot, api, until } = tools({ desk, shots });

  step('the pictures of an alert are told apart and turned by key', async () => {
    await page().goto(`${url}/alerts/${alert()}`);
    await id('shot').first().waitFor();
    const which = await id('shot').evaluateAll((all) => all.map((s) => s.dataset.which));
    const told = which.join(' ').split(' ');
    for (const w of ['first', 'best', 'latest']) assert.equal(told.filter((x) => x === w).length, 1, `${w} in ${which}`);
    const pressed = () => page().locator('[data-testid=shot][aria-pressed=true]').getAttribute('data-which');
    assert.match(await pressed(), /latest/);
    for (let i = 1; i < which.length; i += 1) await page().keyboard.press('ArrowLeft');
    await page().locator(`[data-testid=shot][data-which="${which[0]}"][aria-pressed=true]`).waitFor();
    await page().locator('[data-testid=alert-picture][data-ready=true]').waitFor();
  });

  step('the moving picture is asked for while it can be seen, and no longer', async () => {
    let asked = 0;
    const count = (request) => {
      if (new URL(request.url()).pathname.endsWith('/picture')) asked += 1;
    };
    page().on('request', count);
    await page().keyboard.press('l');
    await page().locator('[data-testid=alert-live] [data-testid=channel-picture][data-loaded=true]').first().waitFor({ timeout: 30_000 });
    await until('three pictures', 15_000, () => asked >= 3);
    await shoot('alert-live');
    await page().keyboard.press('l');
    await id('alert-picture').waitFor();
    await page().waitForTimeout(1500);
    asked = 0;
    await page().waitForTimeout(3000);
    page().off('request', count);
    assert.equal(asked, 0, 'pictures are asked for that nobody sees');
  });

  step('a step that is ticked stands in the history', async () => {
    const { procedures } = (await api('GET', `/procedures?alert=${alert()}`)).body;
    const steps = id('procedure-step');
    assert.equal(await id('procedure').count(), procedures.length);
    if (procedures.length === 0) return;
    await steps.first().check();
    await id('alert-history').getByText(procedures[0].steps[0]).first().waitFor();
    assert.ok(await steps.first().evaluate((box) => box === document.activeElement), 'a step that is ticked loses the focus');
    await steps.first().uncheck();
    await until('two lines of history', 10_000, async () => (await id('alert-history').getByText(procedures[0].steps[0]).count()) === 2);
  });

  step('the desk is for the position of its address, and of last time', async () => {
    const { positions } = (await api('GET', '/positions')).body;
    assert.ok(positions.length > 0 && positions.every((p) => typeof p.rows.waiting === 'number'));
    const [one] = positions;
    await page().goto(`${url}/?position=${one.id}`);
    await page().locator('.queue-rows, .queue .blank').first().waitFor();
    await until('it is remembered', 5000, () => page().evaluate((p) => localStorage.getItem('skyeye.position') === p, one.id));
    if (positions.length > 1) assert.equal(await id('filter-position').inputValue(), one.id);
    await page().evaluate(() => localStorage.removeItem('skyeye.position'));
    await page().goto(`${url}/alerts/${alert()}`);
    await page().locator(`[data-testid=alert-detail][data-alert-id="${alert()}"]`).waitFor();
  });
}
