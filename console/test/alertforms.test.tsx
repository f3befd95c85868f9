/* Forms of an alert: what happens to what is being written while the alert, the login or the rights change under it. */
import i18next from 'i18next';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAlert, type Alert } from '../src/api/types';
import en from '../src/i18n/en.json';
import { written } from '../src/state/desk';
import { drafts, forgetDrafts } from '../src/state/drafts';
import { clearSession, setSession } from '../src/state/session';
import { AlertActions } from '../src/ui/alertactions';
import { AlertForm } from '../src/ui/alertform';
import { ProcedureCards } from '../src/ui/alertprocedure';
import { alertJson } from './fixtures';

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
});

const alert = (part: Record<string, unknown> = {}): Alert => readAlert(alertJson(part)) as Alert;
const show = (page: React.ReactElement): string => renderToStaticMarkup(<QueryClientProvider client={new QueryClient()}>{page}</QueryClientProvider>);

describe('an open form', () => {
  const form = (possible: boolean): string => show(<AlertForm alert={alert({ state: 'dispatched' })} what="dispatch" result={null} possible={possible} onHide={() => undefined} onClose={() => undefined} />);

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

const login = (user: string, rights = ['see', 'feedback', 'act']): void =>
  setSession({ user, role: 'operator', rights, areas: null, csrf: '', mustChangePassword: false, site: 's', siteName: 'S', node: 'n', version: '1', timeZone: 'UTC' });
afterEach(() => {
  forgetDrafts();
  clearSession();
});

describe('the form of a result', () => {
  const resolve = (result: 'false' | null): string =>
    show(<AlertForm alert={alert({ state: 'acknowledged' })} what="resolve" result={result} possible onHide={() => undefined} onClose={() => undefined} />);
  const focused = (html: string): string[] => [...html.matchAll(/<input[^>]*autofocus[^>]*>/g)].map(([field]) => /data-testid="action-note-text"/.test(field) ? 'note' : (/value="(\w+)"/.exec(field)?.[1] ?? ''));

  it('has the keys in its note where the key said the result, else at the results', () => {
    expect(focused(resolve('false'))).toEqual(['note']);
    expect(focused(resolve(null))).toEqual(['true']);
  });

  it('can be sent off without a result, to be told that one is missing', () => {
    expect(/<button[^>]*data-testid="form-send"[^>]*>/.exec(resolve(null))?.[0]).not.toContain(' disabled=');
    expect(resolve(null)).not.toContain('form-unchosen');
  });
});

describe('what is written and not sent', () => {
  it('outlives a login that is lost, and is only the writer\'s', () => {
    const notes = drafts<string>('test');
    login('ann');
    notes.keep('1', 'half a sen');
    clearSession();
    expect(notes.of('1')).toBeNull();
    login('bob');
    expect(notes.of('1')).toBeNull();
    login('ann');
    expect(notes.of('1')).toBe('half a sen');
    expect(drafts<string>('other').of('1')).toBeNull();
    notes.drop('1');
    expect(notes.of('1')).toBeNull();
  });

  it('is bounded, the oldest goes first', () => {
    const notes = drafts<string>('test');
    for (let n = 0; n < 60; n += 1) notes.keep(String(n), 'x');
    notes.keep('59', 'newest');
    expect([notes.of('9'), notes.of('10'), notes.of('59')]).toEqual([null, 'x', 'newest']);
  });

  it('goes when it has arrived, but not what was written on the way', () => {
    const notes = drafts<string>('test');
    login('ann');
    notes.keep('1', 'the gate');
    notes.arrived('1', 'the gate');
    expect(notes.of('1')).toBeNull();
    notes.keep('1', 'the gate is broken');
    notes.arrived('1', 'the gate');
    expect(notes.of('1')).toBe('the gate is broken');
  });

  it('stands in its form again, which takes no keys', () => {
    login('ann');
    written.keep('a1', { what: 'shelve', note: 'the gate is <open>', to: '', result: null, minutes: 60 });
    const html = show(<AlertActions alert={alert()} />);
    expect(html).toContain('data-testid="form-shelve"');
    expect(html).toContain('value="the gate is &lt;open&gt;"');
    expect(html).toMatch(/<option value="60" selected="">/);
    expect(html).not.toContain('autofocus');
    expect(show(<AlertActions alert={alert({ id: 'a2' })} />)).not.toContain('<form');
    // Also where nothing can be done any more.
    expect(show(<AlertActions alert={alert({ state: 'closed' })} />)).toContain('the gate is &lt;open&gt;');
  });
});

describe('the steps of a procedure', () => {
  const steps = (): string => {
    const queries = new QueryClient();
    queries.setQueryData(['procedures', 'a1'], [{ id: 'p', title: 'P', steps: ['Call'] }]);
    return renderToStaticMarkup(
      <QueryClientProvider client={queries}>
        <ProcedureCards alert={alert()} history={[]} />
      </QueryClientProvider>,
    );
  };
  const step = (): string => /<input[^>]*data-testid="procedure-step"[^>]*>/.exec(steps())?.[0] ?? '';

  it('are ticked by who may write notes, and tell the others why not', () => {
    login('ann');
    expect(step()).toContain('aria-disabled="false"');
    expect(step()).not.toContain('title=');
    login('vera', ['see']);
    expect(step()).toContain('aria-disabled="true"');
    expect(step()).toContain(en.rights.operators);
  });
});
