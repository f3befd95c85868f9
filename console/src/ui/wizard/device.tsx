/* The first step: an address that is known, or a search for devices in the network or in a list of addresses. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { configure, type DiscoverAsk } from '../../api/configure';
import type { Brand, Found } from '../../api/discover';
import { brandPath, readAddress, type Device } from '../../lib/wizard';
import { errorText } from '../../lib/words';
import { Field, Problem } from '../form';
import { Icon } from '../icons';
import { Said } from '../said';

const POLL_MS = 700;
type How = 'address' | 'ws' | 'list';

export function DeviceStep({ device, onChange, onNext }: { device: Device; onChange: (d: Device) => void; onNext: (d: Device) => void }) {
  const { t } = useTranslation();
  const [how, setHow] = useState<How>('address');
  const [tried, setTried] = useState(false);
  const brands = useQuery({ queryKey: ['brands'], queryFn: configure.brands, staleTime: Number.POSITIVE_INFINITY, retry: false });
  const brand = brands.data?.find((b) => b.id === device.brand);
  const { problem, url } = readAddress(device.address);
  const next = (): void => {
    setTried(true);
    if (problem === null) onNext(device);
  };
  return (
    <div className="wizard-step">
      <div className="segments" role="group" aria-label={t('wizard.how')}>
        {(['address', 'ws', 'list'] as const).map((h) => (
          <button key={h} type="button" aria-pressed={how === h} data-testid={`how-${h}`} onClick={() => setHow(h)}>
            {t(`wizard.howTo.${h}`)}
          </button>
        ))}
      </div>
      {how === 'address' ? (
        <form
          className="form"
          onSubmit={(e) => {
            e.preventDefault();
            next();
          }}
        >
          <Field label={t('wizard.address')} hint={t('wizard.addressHint')} problem={tried && problem !== null ? t(`wizard.addressProblem.${problem}`) : undefined}>
            {(ids) => (
              <input
                {...ids}
                className="mono"
                autoFocus
                spellCheck={false}
                autoComplete="off"
                maxLength={2048}
                placeholder="10.1.2.3"
                value={device.address}
                data-testid="wizard-address"
                onChange={(e) => onChange({ ...device, address: e.target.value })}
              />
            )}
          </Field>
          {url === undefined && (
            <>
              <label className="check">
                <input type="checkbox" checked={device.onvif} onChange={(e) => onChange({ ...device, onvif: e.target.checked })} />
                {t('wizard.onvif')}
              </label>
              <div className="fields-grid">
                <Field label={t('wizard.brand')} hint={t('wizard.brandHint')} problem={brands.isError ? errorText(t, brands.error) : undefined}>
                  {(ids) => (
                    <select {...ids} value={device.brand} data-testid="wizard-brand" onChange={(e) => onChange({ ...device, brand: e.target.value })}>
                      <option value="">{t('wizard.brandUnknown')}</option>
                      {(brands.data ?? []).map((b) => (
                        <option key={b.id} value={b.id}>
                          {b.name}
                        </option>
                      ))}
                    </select>
                  )}
                </Field>
                <Field label={t('field.channel_no')} hint={t('wizard.channelHint')}>
                  {(ids) => (
                    <input {...ids} type="number" min={1} max={512} value={device.channelNo} onChange={(e) => onChange({ ...device, channelNo: e.target.value })} />
                  )}
                </Field>
              </div>
              {brand && <BrandNote brand={brand} channelNo={Math.max(1, Number(device.channelNo) || 1)} />}
            </>
          )}
          <div className="wizard-foot">
            <button type="submit" className="button primary" data-testid="wizard-next">
              {t('wizard.next')}
              <Icon name="next" />
            </button>
          </div>
        </form>
      ) : (
        <Search
          key={how}
          kind={how}
          onPick={(f) => {
            const bare = f.address.includes(':') && !f.address.startsWith('[') ? `[${f.address}]` : f.address;
            const picked = { ...device, address: f.onvif && f.port > 0 ? `${bare}:${f.port}` : bare, onvif: f.onvif };
            onChange(picked);
            onNext(picked);
          }}
        />
      )}
    </div>
  );
}

function BrandNote({ brand, channelNo }: { brand: Brand; channelNo: number }) {
  const { t } = useTranslation();
  return (
    <div className="brand-note">
      <p className="mono break">
        <span className="dim">{t('health.streamSub')}</span> {brandPath(brand, 'sub', channelNo)}
      </p>
      <p className="mono break">
        <span className="dim">{t('health.streamMain')}</span> {brandPath(brand, 'main', channelNo)}
      </p>
      {brand.note !== '' && <p className="dim">
          <Said text={brand.note} />
        </p>}
    </div>
  );
}

function Search({ kind, onPick }: { kind: 'ws' | 'list'; onPick: (found: Found) => void }) {
  const { t } = useTranslation();
  const [addresses, setAddresses] = useState('');
  const start = useMutation({ mutationFn: (ask: DiscoverAsk) => configure.discover(ask) });
  const id = start.data ?? null;
  const job = useQuery({
    queryKey: ['discover', id],
    queryFn: () => configure.discovered(id ?? ''),
    enabled: id !== null,
    refetchInterval: (q) => (q.state.data?.done || q.state.status === 'error' ? false : POLL_MS),
    retry: false,
  });
  const begin = (): void => start.mutate(kind === 'ws' ? { kind } : { kind, addresses: addresses.trim() });
  // The network is asked as soon as one looks for it; a list has to be typed.
  const { mutate } = start;
  useEffect(() => {
    if (kind === 'ws') mutate({ kind: 'ws' });
  }, [kind, mutate]);
  const view = job.data;
  const running = start.isPending || (id !== null && !view?.done && !job.isError);
  const error = start.error ?? job.error;
  return (
    <div className="discover">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (!running) begin();
        }}
      >
        {kind === 'list' ? (
          <Field label={t('wizard.addresses')} hint={t('wizard.addressesHint')}>
            {(ids) => (
              <input {...ids} className="mono" autoFocus value={addresses} placeholder="10.1.0.0/24, 10.2.0.5-9" maxLength={2000} data-testid="wizard-addresses" onChange={(e) => setAddresses(e.target.value)} />
            )}
          </Field>
        ) : (
          <p className="dim">{t('wizard.wsHint')}</p>
        )}
        <div className="wizard-foot start">
          <button type="submit" className="button" disabled={running || (kind === 'list' && addresses.trim() === '')} data-testid="discover-start">
            <Icon name="search" />
            {running ? t('wizard.searching') : t('wizard.search')}
          </button>
          {view && (
            <span className="dim num" role="status">
              {kind === 'list' ? t('wizard.asked', { asked: view.asked, of: view.of }) : ''} {t('wizard.found', { count: view.found.length })}
            </span>
          )}
        </div>
      </form>
      {running && (
        <div className={`meter ${kind === 'ws' || !view?.of ? 'going-on' : ''}`} aria-hidden="true">
          <i style={{ width: view?.of && kind === 'list' ? `${(view.asked / view.of) * 100}%` : '30%' }} />
        </div>
      )}
      {error && <Problem>{errorText(t, error)}</Problem>}
      {view?.error && (
        <Problem>
          <Said text={view.error} />
        </Problem>
      )}
      {view?.done && view.found.length === 0 && !view.error && <p>{t(kind === 'ws' ? 'wizard.wsNone' : 'wizard.listNone')}</p>}
      {view && view.found.length > 0 && (
        <ul className="found">
          {view.found.map((f) => (
            <li key={`${f.address}:${f.port}`}>
              <button type="button" className="found-device" data-testid="found-device" onClick={() => onPick(f)}>
                <span className="two">
                  <b>{[f.maker, f.model].filter((x) => x !== '').join(' ') || f.name || t('wizard.unnamed')}</b>
                  <span className="dim small-text">{[f.name, f.location].filter((x) => x !== '').join(' · ')}</span>
                </span>
                <span className="mono">
                  {f.address}
                  {f.port > 0 && `:${f.port}`}
                </span>
                <span className="tags">
                  <span className="tag">{f.onvif ? 'ONVIF' : 'RTSP'}</span>
                  {f.known.length > 0 && <span className="tag warn">{t('wizard.known', { count: f.known.length })}</span>}
                </span>
                <Icon name="next" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
