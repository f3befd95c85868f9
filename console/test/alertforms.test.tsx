/* Forms of an alert: what happens to what is being written while the alert, the login or the rights change under it. */
import i18next from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import { AlertForm } from '../src/ui/alertform';
import { alertJson } from './fixtures';

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
});

const alert = (part: Record<string, unknown> = {}): Alert => readAlert(alertJson(part)) as Alert;
const show = (page: React.ReactElement): string => renderToStaticMarkup(<QueryClientProvider client={new QueryClient()}>{page}</QueryClientProvider>);

describe('an open form', () => {
  const form = (possible: boolean): string => show(<AlertForm alert={alert({ state: 'dispatched' })} what="dispatch" result={null} possible={possible} onClose={() => undefined} />);

  it('stays when somebody else was faster, says so, and sends nothing', () => {
    const html = form(false);
    expect(html).toContain('data-testid="action-to"');
    expect(html).toContain('data-testid="form-late"');
    expect(html).toContain('Dispatch is not possible any more');
    expect(html).toMatch(/data-testid="form-send"[^>]*aria-disabled="true"|aria-disabled="true"[^>]*data-testid="form-send"/);
  });

  it('says nothing of the kind while it can be sent', () => {
    expect(form(true)).not.toContain('form-late');
  });
});
