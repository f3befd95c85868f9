/* Hostile texts in what arrives are shown as text, whatever they try. */
import i18next from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { MemoryRouter } from 'react-router';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh-CN.json';
import { AlertFacts } from '../src/ui/alertfacts';
import { AlertFlags } from '../src/ui/alertflags';
import { AlertRow } from '../src/ui/alertrow';
import { Boxes } from '../src/ui/overlay';
import { alertJson, mediaJson, person } from './fixtures';

/** What positions are called, as far as it is known. */
const names = vi.hoisted(() => new Map<string, string>());
vi.mock('../src/state/positionnames', async (original) => ({ ...(await original<object>()), usePositionName: (id: string) => names.get(id) ?? id }));

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en }, 'zh-CN': { translation: zh } }, interpolation: { escapeValue: false } });
});

const EVIL = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', '{{constructor}}', '$t(app.tagline)', '\u202egnp.exe', ''];

describe('the picture in a row', () => {
  const row = (part: Record<string, unknown>): string =>
    renderToStaticMarkup(<AlertRow alert={readAlert(alertJson(part)) as Alert} />);
  it('carries its own boxes and not the alert\'s later ones', () => {
    const later = { ...person, bbox: { ...person.bbox, x: 0.5 } };
    const html = row({ objects: [later, later] });
    expect(html.match(/data-x="0\.1"/g)).toHaveLength(1);
    expect(html).not.toContain('data-x="0.5"');
  });
  it('has none where the picture tells none', () => {
    expect(row({ media: [{ ...mediaJson(), objects: undefined }] })).not.toContain('data-x');
  });
});

describe('what is known of an alert', () => {
  afterEach(async () => {
    names.clear();
    await i18next.changeLanguage('en');
  });
  const alert = readAlert(
    alertJson({
      position: 'gates',
      escalated: { level: 1, to: 'duty', at: '2026-11-22T08:16:30Z' },
      health: { scope: 'channel', what: 'down', reason: 'cannot be reached (connection refused); check address, port and network' },
    }),
  ) as Alert;
  const html = (): string =>
    renderToStaticMarkup(
      <QueryClientProvider client={new QueryClient()}>
        <MemoryRouter>
          <AlertFlags alert={alert} />
          <AlertFacts alert={alert} fact={null} />
        </MemoryRouter>
      </QueryClientProvider>,
    );

  it('calls positions by their names, and by their ids while those are not known', () => {
    expect(html()).toContain('Escalated to duty');
    names.set('duty', 'Duty officer').set('gates', 'Gates & doors');
    expect(html()).toContain('Escalated to Duty officer');
    expect(html()).toContain('Gates &amp; doors');
    expect(html()).not.toMatch(/>gates</);
  });

  it('says of which day a time is that is not today', () => {
    const shelved = (inHours: number): string => {
      const until = new Date(Date.now() + inHours * 3_600_000).toISOString();
      return renderToStaticMarkup(<AlertFlags alert={readAlert(alertJson({ shelved: { by: 'li', reason: 'wind', until } })) as Alert} />);
    };
    expect(shelved(0)).toMatch(/Shelved until \d\d:\d\d</);
    expect(shelved(6 * 24)).toMatch(/Shelved until \d+\/\d+(\/\d+)?, \d\d:\d\d</);
  });

  it('says in the language of the console what is wrong', async () => {
    expect(html()).toContain('cannot be reached (connection refused)');
    await i18next.changeLanguage('zh-CN');
    expect(html()).toContain('无法连接（连接被拒绝）；请检查地址、端口和网络</span>');
    expect(html()).not.toMatch(/>cannot be reached/);
  });
});

describe('what comes from outside', () => {
  it.each(EVIL)('%j stays text in a row of the queue', (text) => {
    const alert = readAlert(
      alertJson({ channel_name: text, area: [text], type: text, owner: text, state: 'acknowledged', objects: [{ ...person, label: text }, person] }),
    ) as Alert;
    const html = renderToStaticMarkup(<AlertRow alert={alert} />);
    expect(html).not.toMatch(/<script|<img src=x|onerror=[^&]*"/i);
    if (text.includes('<')) expect(html).toContain('&lt;');
    // Nor is it taken for a message of ours.
    if (text.includes('$t')) expect(html.split('$t(app.tagline)').length).toBeGreaterThan(4);
  });

  it('cannot name an attribute or a style by a box', () => {
    const html = renderToStaticMarkup(<Boxes labels objects={[{ ...person, label: '"onload="x' }]} testid="alert-box" />);
    expect(html).toContain('data-x="0.1"');
    expect(html).toContain('&quot;onload=&quot;x');
  });
});
