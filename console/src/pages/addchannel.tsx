/*
 * Adding a camera, step by step: where it is, with which login, what it says, which stream, how it looks, what it is
 * called. Nothing is saved before the last step; what is typed lives in this page only.
 */
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Channel } from '../api/channel';
import { configure, type ProbeAsk } from '../api/configure';
import { useTitle } from '../lib/hooks';
import { firstLogin, firstName, hostOf, mainBeside, NO_DEVICE, NO_LOGIN, preselect, probeAsk, STEPS, type Device, type Saving, type Step } from '../lib/wizard';
import { useCredentials } from '../state/inventory';
import { useMayConfigure } from '../state/rights';
import { Icon } from '../ui/icons';
import { Blank } from '../ui/parts';
import { ConfigNav } from '../ui/subnav';
import { DeviceStep } from '../ui/wizard/device';
import { LoginStep } from '../ui/wizard/login';
import { ProbeStep, StreamStep, useProbe } from '../ui/wizard/probe';
import { SavedStep, SaveStep } from '../ui/wizard/save';

const NOTHING: Saving = { name: '', area: '', tags: '', externalId: '', withMain: true };

export default function AddChannelPage() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  useTitle(t('config.add'));
  return (
    <div className="page wizard-page">
      <ConfigNav />
      {may ? <Wizard /> : <Blank icon="auth_failed" title={t('config.forbidden')} />}
    </div>
  );
}

function Wizard() {
  const { t } = useTranslation();
  const [step, setStep] = useState<Step>('device');
  const [device, setDevice] = useState(NO_DEVICE);
  const [login, setLogin] = useState(NO_LOGIN);
  const credentials = useCredentials();
  const [picked, setPicked] = useState<number | null>(null);
  const [saving, setSaving] = useState(NOTHING);
  const [saved, setSaved] = useState<Channel | null>(null);
  const start = useMutation({ mutationFn: (ask: ProbeAsk) => configure.probe(ask) });
  const id = start.data ?? null;
  const query = useProbe(id);
  const probe = query.data;
  const host = hostOf(device.address);
  const no = Math.max(1, Number(device.channelNo) || 1);
  const index = picked ?? (probe ? preselect(probe.streams, no) : null);
  const stream = probe?.streams.find((s) => s.index === index) ?? null;
  const at = STEPS.indexOf(step);

  const toLogin = (d: Device): void => {
    // What was typed for one address is kept, also when the address is corrected.
    const fresh = firstLogin(hostOf(d.address), credentials.data ?? []);
    setLogin((l) => (l.username === '' && l.password === '' && l.id !== fresh.id ? fresh : l));
    setStep('login');
  };
  const ask = (): void => {
    setPicked(null);
    start.reset();
    start.mutate(probeAsk(device, login));
    setStep('probe');
  };
  const toSave = (): void => {
    if (probe && stream) setSaving((s) => ({ ...s, name: s.name || firstName(probe, stream, host) }));
    setStep('save');
  };
  const anew = (): void => {
    start.reset();
    setDevice(NO_DEVICE);
    setLogin(NO_LOGIN);
    setPicked(null);
    setSaving(NOTHING);
    setSaved(null);
    setStep('device');
  };

  return (
    <div className="wizard" data-testid="wizard" data-step={saved ? 'saved' : step}>
      <h1>{t('config.add')}</h1>
      <ol className="wizard-way" aria-label={t('wizard.steps')}>
        {STEPS.map((s, i) => (
          <li key={s} aria-current={s === step && !saved ? 'step' : undefined} className={saved || i < at ? 'past' : i === at ? 'now' : ''}>
            <span className="wizard-no num" aria-hidden="true">
              {saved || i < at ? <Icon name="check" /> : i + 1}
            </span>
            {t(`wizard.step.${s}`)}
          </li>
        ))}
      </ol>
      {saved ? (
        <SavedStep
          channel={saved}
          more={(probe?.streams.length ?? 0) > 1}
          onMore={() => {
            // The login is stored now; the next channel of the device takes it from there.
            if (login.kind === 'new' && login.username !== '') setLogin({ ...NO_LOGIN, kind: 'stored', credential: login.id });
            setSaved(null);
            setSaving({ ...saving, name: '', externalId: '' });
            setStep('stream');
          }}
          onAnew={anew}
        />
      ) : step === 'device' ? (
        <DeviceStep device={device} onChange={setDevice} onNext={toLogin} />
      ) : step === 'login' ? (
        <LoginStep host={host} login={login} onChange={setLogin} onBack={() => setStep('device')} onNext={ask} />
      ) : step === 'probe' || !probe || id === null ? (
        <ProbeStep probe={probe} error={start.error ?? query.error} onBack={() => setStep('login')} onAgain={ask} onNext={() => setStep('stream')} />
      ) : step === 'stream' || !stream ? (
        <StreamStep probeId={id} probe={probe} chosen={stream} onChoose={setPicked} onBack={() => setStep('probe')} onNext={toSave} />
      ) : (
        <SaveStep
          key={stream.index}
          probeId={id}
          stream={stream}
          main={mainBeside(probe.streams, stream)}
          login={login}
          saving={saving}
          onChange={setSaving}
          onBack={() => setStep('stream')}
          onSaved={setSaved}
        />
      )}
    </div>
  );
}
