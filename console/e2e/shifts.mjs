/* Numbers and handing over in the browser, against the real gateway: what is signed, what one login alone cannot do. */
import assert from 'node:assert/strict';
import { tools } from './tools.mjs';

const NOTES = '东门道闸维修到周五 & <b>two</b> cameras are away';

/** `step` runs one test in the order of the file; `desk()` is the logged-in page. */
export function shiftSteps({ step, desk, url, shots, skip }) {
  const { page, id, shoot, api } = tools({ desk, shots });

  step(
    'numbers stand beside their targets, in words',
    async () => {
      await page().goto(`${url}/numbers`);
      await id('numbers-overall').waitFor();
      const verdicts = await page().locator('[data-testid^=figure-] [data-verdict]').allTextContents();
      assert.equal(verdicts.length, 8);
      assert.ok(verdicts.every((v) => v.trim() !== ''), verdicts.join());
      await id('numbers-span-168').click();
      await page().locator('[data-testid=numbers-span-168][aria-pressed=true]').waitFor();
      const { body } = await api('GET', '/numbers');
      assert.equal(body.priorities.length, 4);
      await shoot('numbers');
    },
    skip,
  );

  step(
    'a shift is written, signed, and not accepted by who signed it',
    async () => {
      await page().goto(`${url}/handover`);
      await id('handover-notes').fill(NOTES);
      await id('handover-draft').click();
      await page().locator('[data-testid=handover-line][data-state=draft]').first().waitFor();
      await page().reload();
      assert.equal(await id('handover-notes').inputValue(), NOTES, 'the draft is kept');
      await id('handover-sign').click();
      await id('handover-sign').click();
      await page().waitForURL(/\/handover\/\d+$/);
      await page().locator('[data-testid=handover-state][data-state=offered]').waitFor();
      assert.ok((await id('handover-paper').textContent()).includes(NOTES));
      assert.equal(await id('handover-accept').count(), 0, 'nobody accepts his own');
      const number = new URL(page().url()).pathname.split('/').at(-1);
      const own = await api('POST', `/handovers/${number}/accept`, {});
      assert.equal(own.status, 409, own.text);
      await shoot('handover-offered');

      // On paper there is the handover and nothing round it.
      await page().emulateMedia({ media: 'print' });
      assert.equal(await page().locator('nav.rail').isVisible(), false);
      assert.equal(await id('handover-paper').isVisible(), true);
      await page().emulateMedia({ media: null });

      await id('handover-withdraw').click();
      await id('handover-withdraw').click();
      await page().locator('[data-testid=handover-state][data-state=withdrawn]').waitFor();
    },
    skip,
  );
}

export const SHIFT_PAGES = [
  ['numbers', '/numbers', '[data-testid=numbers-overall]'],
  ['handover', '/handover', '[data-testid=handover-notes]'],
];
