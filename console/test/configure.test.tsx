/* Forms, plans and the wizard: what is sent, what is held back, and that foreign text stays text. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import i18next from 'i18next';
import type { ReactElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { initReactI18next } from 'react-i18next';
import { MemoryRouter } from 'react-router';
import { beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL_STATES, CONDITIONS, type ChannelConfig } from '../src/api/channel';
import { readProbe, type Probe } from '../src/api/discover';
import { readPlan, type Plan } from '../src/api/inventory';
import en from '../src/i18n/en.json';
import { badNumber, editOf, fieldIn, formOf, rebase } from '../src/lib/channelform';
import { valueWord } from '../src/lib/configwords';
import { fieldText } from '../src/lib/fieldwords';
import { FIELDS, firstTab, obstacle, refusedRows, sizeProblem } from '../src/lib/planwords';
import { brandPath, channelOf, credentialId, firstLogin, firstName, hostOf, idProblem, loginRefused, mainBeside, NO_DEVICE, NO_LOGIN, preselect, probeAsk, probeSteps, readAddress } from '../src/lib/wizard';
import { ConditionChip, Tags } from '../src/ui/channelbits';
import { FieldChanges } from '../src/ui/fieldchanges';
import { MappingTable, PlanTabs } from '../src/ui/importplan';
import { ProbeStep, StreamStep } from '../src/ui/wizard/probe';
import { channel, planJson } from './channelfixtures';

beforeAll(async () => {
  await i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } });
  // A page asks how large its letters are.
  globalThis.getComputedStyle ??= (() => ({ fontSize: '16px' })) as unknown as typeof getComputedStyle;
  globalThis.document ??= { documentElement: {} } as unknown as Document;
});
const t = i18next.t.bind(i18next);
const html = (e: ReactElement): string =>
  renderToStaticMarkup(
    <QueryClientProvider client={new QueryClient()}>
      <MemoryRouter>{e}</MemoryRouter>
    </QueryClientProvider>,
  );

const config: ChannelConfig = {
  url: 'rtsp://10.0.0.1/2',
  mainUrl: '',
  credential: 'c',
  transport: 'tcp',
  stream: 'sub',
  enabled: true,
  weight: 1,
  area: 's',
  externalId: '',
  tags: ['a'],
  lat: 30.5,
  lon: 120.5,
  rev: 4,
};

describe('the form of a channel', () => {
  const before = formOf(channel('x', { name: 'Gate' }), config);
  it('sends only what was changed, and null where something was cleared', () => {
    expect(editOf(before, before)).toEqual({});
    expect(editOf(before, { ...before, name: ' New ', credential: '', tags: 'a  b', weight: '2,5' })).toEqual({ name: 'New', credential: null, tags: ['a', 'b'], weight: 2.5 });
    expect(editOf(before, { ...before, tags: 'a ' })).toEqual({});
    expect(editOf(before, { ...before, lat: '', lon: '' })).toEqual({ lat: null, lon: null });
    expect(editOf(before, { ...before, lat: '31' })).toEqual({ lat: 31, lon: 120.5 });
  });
  it('catches only what is no number', () => {
    expect(badNumber(before)).toBeNull();
    expect([badNumber({ ...before, lat: 'north' }), badNumber({ ...before, weight: '' }), badNumber({ ...before, lon: '1e3' })]).toEqual(['lat', 'weight', 'lon']);
  });
  it('takes in what others changed and keeps what was changed here', () => {
    const fresh = { ...before, name: 'Theirs', url: 'rtsp://theirs/' };
    expect(rebase(before, { ...before, name: 'Mine' }, fresh)).toMatchObject({ name: 'Mine', url: 'rtsp://theirs/' });
  });
  it('finds the field that a sentence speaks of', () => {
    expect(fieldIn("channel 'url-1', main_url: user and password do not belong here")).toBe('main_url');
    expect(fieldIn('weight: is of another type')).toBe('weight');
    expect(fieldIn('the name of the stream is odd')).toBeNull();
  });
});

const plan = (part: Record<string, unknown> = {}): Plan => readPlan(planJson(part)) as Plan;
const refusal = (row: number) => ({ row, column: 'url', value: 'v', reason: 'r' });

describe('a plan', () => {
  it('is applied only where nothing is refused, or what is refused is left out', () => {
    expect(obstacle(plan(), false)).toBeNull();
    expect(obstacle(plan({ refused: [refusal(3)] }), false)).toBe('refused');
    expect(obstacle(plan({ refused: [refusal(3)] }), true)).toBeNull();
    expect(obstacle(plan({ added: [] }), false)).toBe('nothing');
    expect(obstacle(plan({ added: [], areas_added: [{ id: 'a', name: 'A', parent: null }] }), false)).toBeNull();
  });
  it('counts rows, not reasons, and opens where it hurts', () => {
    expect(refusedRows(plan({ refused: [refusal(3), refusal(3), refusal(4)] }))).toBe(2);
    expect([firstTab(plan()), firstTab(plan({ refused: [refusal(3)] })), firstTab(plan({ added: [] }))]).toEqual(['added', 'refused', 'added']);
  });
  it('has a word for every field that a column may go to', () => {
    for (const field of [...FIELDS.channels, ...FIELDS.areas]) expect(fieldText(t, field), field).not.toBe(field);
    expect(fieldText(t, 'person_2')).toBe('Person 2');
    expect(fieldText(t, 'constructor')).toBe('constructor');
  });
  it('refuses a file that the gateway would not read', () => expect([sizeProblem(32 << 20), sizeProblem((32 << 20) + 1)]).toEqual([false, true]));
  it('shows its tabs with counts, and its columns', () => {
    const tabs = html(<PlanTabs plan={plan({ refused: [refusal(3)] })} />);
    expect(tabs).toContain('data-testid="plan-refused" data-count="1"');
    const table = html(<MappingTable plan={plan()} own={{}} onMap={() => {}} />);
    expect(table).toContain('1 column is left out.');
    expect(table.match(/<select/g)).toHaveLength(2);
  });
});

describe('words', () => {
  it('there are for every condition and every state that needs somebody', () => {
    for (const kind of CONDITIONS) for (const words of [en.condition, en.conditionHint, en.conditionAdvice]) expect(words[kind], kind).toBeTruthy();
    for (const state of CHANNEL_STATES) if (state !== 'running' && state !== 'connecting') expect(en.channelAdvice[state], state).toBeTruthy();
  });
  it('there are for values that are words', () => {
    expect([valueWord(t, 'enabled', 'true'), valueWord(t, 'transport', 'udp'), valueWord(t, 'transport', 'auto'), valueWord(t, 'kind', 'grid'), valueWord(t, 'tags', null)]).toEqual([
      'yes',
      'UDP',
      'automatic',
      'Grid',
      'nothing',
    ]);
  });
});

describe('an address', () => {
  it.each([
    ['10.1.2.3', { host: '10.1.2.3', problem: null }],
    ['nvr.example:8000', { host: 'nvr.example', port: 8000, problem: null }],
    ['[fd00::1]:80', { host: 'fd00::1', port: 80, problem: null }],
    ['fd00::1', { host: 'fd00::1', problem: null }],
    ['rtsp://10.1.2.3:554/a?b@c', { url: 'rtsp://10.1.2.3:554/a?b@c', problem: null }],
    ['', { problem: 'empty' }],
    ['rtsp://u:p@10.1.2.3/', { problem: 'credentials' }],
    ['u:p@10.1.2.3', { problem: 'credentials' }],
    ['http://10.1.2.3/', { problem: 'scheme' }],
    ['10.1.2.3:99999', { problem: 'odd' }],
    ['two words', { problem: 'odd' }],
    ['rtsp://', { problem: 'odd' }],
  ] as const)('%j is read', (typed, found) => expect(readAddress(typed)).toEqual(found));

  it('names a host and a first id for a login', () => {
    expect([hostOf('rtsp://10.1.2.3:554/x'), hostOf('nvr:80'), hostOf('')]).toEqual(['10.1.2.3', 'nvr', '']);
    expect([credentialId('10.1.2.3'), credentialId('NVR Hall'), credentialId('')]).toEqual(['login-10.1.2.3', 'login-nvr-hall', '']);
    expect([idProblem('a.b-c_1'), idProblem('A'), idProblem('')]).toEqual([false, true, true]);
  });
});

const probeJson = {
  done: true,
  step: '',
  steps: [{ text: '<b>one</b>' }],
  device: { manufacturer: 'Dahua', model: 'NVR', firmware: '$t(app.tagline)', serial: '', clock_skew_ms: -7000 },
  streams: [
    { name: 'm', kind: 'main', url: 'rtsp://h/1m', channel_no: 1, picture: true },
    { name: 's', kind: 'sub', url: 'rtsp://h/1s', channel_no: 1, picture: true },
    { name: 'm', kind: 'main', url: 'rtsp://h/2m', channel_no: 2 },
    { name: '<img src=x onerror=alert(1)>', kind: 'sub', url: '', channel_no: 2, error: '"><script>alert(1)</script>' },
  ],
  error: null,
  advice: null,
};
const probe = readProbe(probeJson) as Probe;

describe('the wizard', () => {
  it('asks by host with brand and channel, or by the address of a stream alone', () => {
    const login = { ...NO_LOGIN, username: 'admin', password: 'p' };
    expect(probeAsk({ ...NO_DEVICE, address: 'h:81', brand: 'x', channelNo: '3' }, login)).toEqual({ host: 'h', port: 81, onvif: true, brand: 'x', channel_no: 3, username: 'admin', password: 'p' });
    expect(probeAsk({ ...NO_DEVICE, address: 'rtsp://h/1', brand: 'x' }, { ...NO_LOGIN, kind: 'stored', credential: 'c' })).toEqual({ url: 'rtsp://h/1', credential: 'c' });
    expect(probeAsk({ ...NO_DEVICE, address: 'h', channelNo: 'x' }, { ...login, kind: 'none' })).toEqual({ host: 'h', onvif: true });
  });
  it('chooses the sub stream of the channel, else what there is', () => {
    expect(preselect(probe.streams, 1)).toBe(1);
    expect(preselect(probe.streams, 2)).toBe(2);
    expect(preselect(probe.streams, 9)).toBe(1);
    expect(preselect([], 1)).toBeNull();
  });
  it('keeps the main stream beside the sub stream', () => {
    const [main, sub, other] = probe.streams;
    if (!main || !sub || !other) throw new Error('no streams');
    expect(mainBeside(probe.streams, sub)?.url).toBe('rtsp://h/1m');
    expect(mainBeside(probe.streams, other)).toBeNull();
    expect(firstName(probe, other, 'h')).toBe('Dahua NVR 2');
    const saving = { name: ' Gate ', area: '', tags: 'a b', externalId: '', withMain: true };
    expect(channelOf(sub, main, { ...NO_LOGIN, username: 'u', id: 'login-h' }, saving, '')).toEqual({
      name: 'Gate',
      url: 'rtsp://h/1s',
      stream: 'sub',
      main_url: 'rtsp://h/1m',
      credential: 'login-h',
      tags: ['a', 'b'],
    });
  });
  it('begins with the login that is stored for the host', () => {
    expect(firstLogin('10.0.0.5', [{ id: 'login-10.0.0.5' }])).toEqual({ ...NO_LOGIN, kind: 'stored', credential: 'login-10.0.0.5', id: 'login-10.0.0.5' });
    expect(firstLogin('10.0.0.5', [{ id: 'login-10.0.0.50' }])).toEqual({ ...NO_LOGIN, id: 'login-10.0.0.5' });
  });
  it('says once that a login was refused, with a cross at what was tried, and leads back to it', () => {
    const why = "refuses user name or password; correct the channel's [[credential]] (tried again rarely, so that the camera does not lock the account)";
    const read = readProbe({
      done: true,
      step: '',
      steps: [{ text: 'takes the paths of Dahua' }, { text: 'looks at stream main' }, { text: `stream main: ${why}` }],
      device: null,
      streams: [{ name: 'main', kind: 'main', url: 'rtsp://h/1m', channel_no: 1, error: why }, { name: 'sub', kind: 'sub', url: 'rtsp://h/1s', channel_no: 1 }],
      error: `the stream ${why}`,
    }) as Probe;
    expect(loginRefused(read)).toBe('stream');
    expect(probeSteps(read)).toEqual([
      { text: 'takes the paths of Dahua', failed: false },
      { text: 'looks at stream main', failed: true },
    ]);
    const page = html(<ProbeStep probe={read} error={null} onBack={() => undefined} onAgain={() => undefined} onNext={() => undefined} />);
    expect(page).toContain(en.wizard.wrongLogin);
    expect(page).not.toContain('[[credential]]');
    expect(page.match(/button primary/g)).toHaveLength(1);
    expect(page).toMatch(/class="button primary"[^>]*data-testid="wizard-correct-login"/);
  });
  it('marks what failed, whatever it was', () => {
    const seen = (part: object): Probe => readProbe({ done: true, step: '', steps: [{ text: 'asks h at port 80 for ONVIF' }], streams: [], error: 'the device cannot be reached', ...part }) as Probe;
    expect(probeSteps(seen({}))).toEqual([{ text: 'asks h at port 80 for ONVIF', failed: true }]);
    expect(probeSteps(seen({ error: '' }))).toEqual([{ text: 'asks h at port 80 for ONVIF', failed: false }]);
    expect([loginRefused(seen({})), loginRefused(seen({ error: 'the device wants a user name and password for ONVIF' }))]).toEqual([null, 'onvif']);
  });
  it('shows the paths of a brand for a channel', () => {
    const brand = { id: 'b', name: 'B', main: '/c{channel:02}', sub: '/{channel}/{channel-1}', port: 554, note: '', defaultUser: '' };
    expect([brandPath(brand, 'main', 3), brandPath(brand, 'sub', 3)]).toEqual(['/c03', '/3/2']);
  });
  it('goes on only with a stream that has an address', () => {
    const step = (p: Probe): string => html(<ProbeStep probe={p} error={null} onBack={() => {}} onAgain={() => {}} onNext={() => {}} />);
    expect(step({ ...probe, streams: probe.streams.slice(3) })).toMatch(/named no stream/);
    expect(step({ ...probe, error: 'refused', advice: 'type it again' })).toContain('type it again');
  });
});

describe('what comes from devices, files and other users', () => {
  const EVIL = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', '{{constructor}}', '$t(app.tagline)'];
  const pure = (found: string): void => {
    expect(found).not.toMatch(/<script|<img src=x|onerror=[^&]*"/i);
    expect(found).not.toContain(en.app.tagline);
  };
  it('stays text in a probe', () => {
    pure(html(<StreamStep probeId="p" probe={probe} chosen={probe.streams[1] ?? null} onChoose={() => {}} onBack={() => {}} onNext={() => {}} />));
    pure(html(<ProbeStep probe={probe} error={null} onBack={() => {}} onAgain={() => {}} onNext={() => {}} />));
  });
  it.each(EVIL)('%j stays text in plans, changes and tags', (evil) => {
    pure(html(<MappingTable plan={plan({ mapping: [{ column: 1, heading: evil, field: evil, guessed: true }] })} own={{}} onMap={() => {}} />));
    pure(html(<FieldChanges change={{ op: 'change', fields: [{ field: evil, before: evil, after: evil, things: null }] }} />));
    pure(html(<Tags tags={[evil]} />));
    pure(html(<ConditionChip kind="dark" since={evil} />));
  });
});
