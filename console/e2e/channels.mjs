/*
 * The part of the end-to-end run that changes what the gateway looks at: finding and choosing channels, an import, edits
 * and their conflicts, bulk actions, taking back, areas, credentials, and the wizard. Everything that it adds is called
 * `e2e-…`, is switched off or on loopback, and is removed again at the end.
 */
import assert from 'node:assert/strict';
import { tools } from './tools.mjs';

const CSV = 'text/csv';
const head = 'id,name,url,external_id,tags,enabled,remark\n';
const GOOD = [1, 2, 3].map((n) => `e2e-${n},E2E 门 ${n},rtsp://127.0.0.1:9/e2e/${n},3301060000132e2e000${n},e2e,false,x`).join('\n');
const BAD = 'e2e-4,=HYPERLINK("http://x"),rtsp://127.0.0.1:9/e2e/4,,,false,\ne2e-5,E2E 5,rtsp://user:canary@127.0.0.1:9/e2e/5,,,false,\n';
const PASSWORD = 'canary-of-the-end-to-end-test';

/** `desk()` is the logged-in page; `step` and `shots` are those of `run.mjs`. */
export function channelSteps({ step, desk, url, shots, skip }) {
  const { page, id, shoot, api } = tools({ desk, shots });
  const file = (text, name = 'e2e.csv') => ({ name, mimeType: CSV, buffer: Buffer.from(text, 'utf8') });
  const rows = () => page().locator('[data-testid=channel-list] [data-testid=channel-card]');
  const shown = async (n) => page().locator(`[data-testid=shown-count][data-count="${n}"]`).waitFor({ state: 'attached' });
  const list = async (query = '') => {
    await page().goto(`${url}/channels${query}`);
    await id('view-list').click();
    await rows().first().waitFor();
  };

  step(
    'channels are found by search and filter, and going back finds the filter again',
    async () => {
      await list();
      const all = (await api('GET', '/channels')).body.channels;
      const one = all[0];
      await id('channel-search').fill(one.id);
      const hits = all.filter((c) => [c.id, c.name, c.external_id, c.host, ...c.tags, ...c.area_names].join('\n').toLowerCase().includes(one.id)).length;
      await shown(hits);
      await page().waitForURL(/q=/);
      await rows().first().click();
      await id('channel-page').waitFor();
      await id('channel-log').waitFor();
      await shoot('channel-log');
      await page().goBack();
      await shown(hits);
      assert.equal(await id('channel-search').inputValue(), one.id);
      await id('filter-reset').click();
      await shown(all.length);
    },
    skip,
  );

  step(
    'an import is looked at before anything is changed, and bad rows hold it up',
    async () => {
      const before = (await api('GET', '/channels')).body.channels.length;
      await page().goto(`${url}/import`);
      await id('import-file').setInputFiles(file(`${head}${GOOD}\n${BAD}`));
      await page().locator('[data-testid=plan-refused][data-count="2"]').waitFor();
      assert.ok(!(await page().content()).includes('canary@'), 'a password is shown');
      assert.ok(await id('import-apply').isDisabled(), 'a plan with refused rows can be applied');
      await shoot('import-refused');
      await id('skip-refused').check();
      await page().waitForFunction(() => !document.querySelector('[data-testid=import-apply]').disabled);
      assert.equal((await api('GET', '/channels')).body.channels.length, before, 'a dry run changed something');
      // The remark's column is left out; the name can be taken from nowhere, and back.
      const name = page().locator('[data-testid=map-select][data-heading=name]');
      await name.selectOption('');
      await page().waitForFunction(() => document.querySelector('[data-testid=map-select][data-heading=name]').value === '');
      await name.selectOption('name');

      await id('import-file').setInputFiles(file(`\ufeff${head}${GOOD}\n`));
      await page().locator('[data-testid=plan-refused][data-count="0"]').waitFor();
      await page().locator('[data-testid=plan-added][data-count="3"]').waitFor();
      await shoot('import-plan');
      await id('import-apply').click();
      await page().locator('[data-testid=plan][data-applied=true]').waitFor();
      await list('?q=e2e-');
      await shown(3);
    },
    skip,
  );

  step(
    'a channel is edited, a bad value is named at its field, and who was slower keeps what he typed',
    async () => {
      await page().goto(`${url}/channels/e2e-1`);
      await id('edit-channel').click();
      await id('edit-url').fill('rtsp://user:canary@127.0.0.1:9/e2e/1');
      await id('edit-save').click();
      await page().locator('[data-testid=edit-url][aria-invalid=true]').waitFor();
      await shoot('edit-refused');
      await id('edit-url').fill('rtsp://127.0.0.1:9/e2e/1');
      await id('edit-name').fill('E2E 大门');
      const other = await api('PATCH', '/channels/e2e-1', { tags: ['e2e', 'theirs'] });
      assert.equal(other.status, 200, other.text);
      await id('edit-save').click();
      await page().getByRole('dialog').getByRole('alert').waitFor();
      assert.equal(await id('edit-name').inputValue(), 'E2E 大门');
      await id('edit-save').click();
      await id('channel-form').waitFor({ state: 'detached' });
      await page().getByRole('heading', { level: 1, name: 'E2E 大门' }).waitFor();
      const now = (await api('GET', '/channels/e2e-1')).body;
      assert.deepEqual([now.name, now.tags.includes('theirs')], ['E2E 大门', true]);
      await id('log-revision').first().waitFor();
    },
    skip,
  );

  step(
    'many are chosen by keyboard, changed at once, and taken back',
    async () => {
      await list('?q=e2e-');
      await shown(3);
      await id('channel-list').focus();
      for (const key of ['ArrowDown', 'Shift+ArrowDown', 'Shift+ArrowDown']) await page().keyboard.press(key);
      await id('bulk-bar').waitFor();
      assert.equal(await page().locator('[data-testid=channel-card][aria-selected=true]').count(), 3);
      await id('bulk-tags').click();
      await id('bulk-value').fill('night 夜间');
      await page().locator('[data-testid=bulk-apply]:enabled').waitFor();
      await shoot('bulk');
      await id('bulk-apply').click();
      await id('bulk-result').waitFor();
      const tags = async () => (await api('GET', '/channels')).body.channels.filter((c) => c.tags.includes('夜间')).length;
      assert.equal(await tags(), 3);
      await id('bulk-undo').click();
      await id('bulk-result').waitFor({ state: 'detached' });
      assert.equal(await tags(), 0);
    },
    skip,
  );

  step(
    'what was changed is told field by field; what was changed since cannot be taken back',
    async () => {
      await page().goto(`${url}/changes`);
      await id('revision').first().waitFor();
      const { revisions } = (await api('GET', '/inventory/revisions?limit=50')).body;
      const imported = revisions.find((r) => r.source === 'import');
      await page().locator(`[data-testid=revision][data-rev="${imported.rev}"]`).click();
      await page().locator(`[data-testid=revision-detail][data-rev="${imported.rev}"]`).waitFor();
      await page().getByText('3301060000132e2e0001').first().waitFor();
      await id('undo').click();
      await id('undo').click();
      await id('revision-detail').getByRole('alert').waitFor();
      await shoot('change-conflict');
    },
    skip,
  );

  step(
    'an area is made with its people, and goes again',
    async () => {
      await page().goto(`${url}/areas`);
      await id('area-add').click();
      await id('area-name').fill('E2E 社区');
      await id('person-add').click();
      await page().locator('.person input').first().fill('王建国');
      await shoot('area-form');
      await id('area-save').click();
      await id('area-card').getByText('王建国').waitFor();
      const made = await id('area-card').getAttribute('data-area-id');
      await id('area-remove').click();
      await id('area-remove').click();
      await page().waitForFunction((gone) => !document.querySelector(`[data-area-id="${gone}"]`), made);
    },
    skip,
  );

  step(
    'a credential is stored and never shown again',
    async () => {
      await page().goto(`${url}/credentials`);
      await id('credential-add').click();
      await id('credential-id').fill('e2e-login');
      await id('credential-user').fill('viewer');
      await id('credential-password').fill(PASSWORD);
      await id('credential-save').click();
      const row = page().locator('[data-testid=credential][data-credential=e2e-login]');
      await row.waitFor();
      for (const path of ['/credentials', '/inventory/revisions?limit=5', '/channels', '/inventory/export?kind=channels&format=json']) {
        assert.ok(!(await api('GET', path)).text.includes(PASSWORD), `${path} tells the password`);
      }
      await row.getByTestId('credential-remove').click();
      await row.getByTestId('credential-remove').click();
      await row.waitFor({ state: 'detached' });
    },
    skip,
  );

  step(
    'the wizard asks a stream, shows its picture, and saves only at the end',
    async () => {
      const all = (await api('GET', '/channels')).body.channels;
      const running = all.find((c) => c.health.state === 'running');
      assert.ok(running, 'no channel runs');
      const { url: address, credential } = (await api('GET', `/channels/${running.id}`)).body.config;
      await page().goto(`${url}/add-channel`);
      await id('wizard-address').fill(address);
      await id('wizard-next').click();
      // With the login that the channel itself has.
      if (credential) {
        await id('login-stored').click();
        await id('wizard-credential').selectOption(credential);
      } else await id('login-none').click();
      await id('wizard-next').click();
      await page().locator('[data-testid=probe-steps][data-done=true]').waitFor({ timeout: 60_000 });
      await id('wizard-next').click();
      await page().locator('[data-testid=probe-picture][data-loaded=true]').waitFor({ timeout: 30_000 });
      await shoot('wizard-stream');
      await id('wizard-next').click();
      await id('wizard-name').fill('E2E wizard');
      await id('wizard-tags').fill('e2e');
      assert.equal((await api('GET', '/channels')).body.channels.length, all.length, 'something was saved too early');
      await id('wizard-save').click();
      await id('wizard-saved').waitFor();
      const made = (await api('GET', '/channels')).body.channels.filter((c) => c.name === 'E2E wizard');
      assert.equal(made.length, 1);
      // The same address stands in another channel: ids are made, never taken over.
      assert.notEqual(made[0].id, running.id);
    },
    skip,
  );

  step(
    'what is removed is gone from the list without loading anew',
    async () => {
      await list();
      await id('channel-search').fill('e2e');
      await page().waitForURL(/q=e2e/);
      await id('choose-all').click();
      await id('bulk-remove').click();
      await id('bulk-apply').click();
      await id('bulk-result').waitFor();
      await page().keyboard.press('Escape');
      await id('bulk-result').waitFor({ state: 'detached' });
      await page().waitForFunction(() => !document.querySelector('[data-channel-id^="e2e-"]'));
      const left = (await api('GET', '/channels')).body.channels.filter((c) => c.tags.includes('e2e'));
      assert.deepEqual(left, []);
    },
    skip,
  );
}

/** Pages with their addresses, and what is there once each is drawn. */
export const CHANNEL_PAGES = [
  ['areas', '/areas', '[data-testid=area-add]'],
  ['credentials', '/credentials', '[data-testid=credential-add]'],
  ['import', '/import', '[data-testid=export-csv]'],
  ['changes', '/changes', '.changes-split'],
  ['add-channel', '/add-channel', '[data-testid=wizard]'],
];
