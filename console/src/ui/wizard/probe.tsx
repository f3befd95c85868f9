/* The third and fourth step: what the device tells while it is asked, and its streams with what they really send. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { configure } from '../../api/configure';
import type { Probe, ProbedStream } from '../../api/discover';
import { useTimes } from '../../lib/hooks';
import { loginRefused, probeSteps } from '../../lib/wizard';
import { bitrateText, codecText, decimal, errorText, rateText } from '../../lib/words';
import { Problem } from '../form';
import { Icon } from '../icons';
import { Fact } from '../parts';
import { Said } from '../said';

const POLL_MS = 700;
const SKEW_MS = 2000;

export function useProbe(id: string | null) {
  return useQuery({
    queryKey: ['probe', id],
    queryFn: () => configure.probed(id ?? ''),
    enabled: id !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchInterval: (q) => (q.state.data?.done || q.state.status === 'error' ? false : POLL_MS),
    retry: 2,
  });
}

export function ProbeStep({
  probe,
  error,
  onBack,
  onAgain,
  onNext,
}: {
  probe: Probe | undefined;
  error: unknown;
  onBack: () => void;
  onAgain: () => void;
  onNext: () => void;
}) {
  const { t } = useTranslation();
  const usable = probe?.streams.some((s) => s.url !== '') ?? false;
  const running = !probe?.done && !error;
  const refused = probe ? loginRefused(probe) : null;
  return (
    <div className="wizard-step">
      <ol className="probe-steps" aria-live="polite" data-testid="probe-steps" data-done={probe?.done ?? false}>
        {(probe ? probeSteps(probe) : []).map((s, i) => (
          <li key={i} className={s.failed ? 'failed' : ''}>
            <Icon name={s.failed ? 'cross' : 'check'} />
            <span className="break">
              <Said text={s.text} />
              {s.failed && <span className="visually-hidden"> {t('wizard.stepFailed')}</span>}
            </span>
          </li>
        ))}
        {running && (
          <li className="now">
            <Icon name="connecting" className="turn" />
            {probe?.step ? <Said text={probe.step} /> : <span>{t('wizard.asking')}</span>}
          </li>
        )}
      </ol>
      {error !== null && error !== undefined && <Problem>{errorText(t, error)}</Problem>}
      {probe?.done && probe.error !== '' && (
        <Problem>
          <p className="break">{refused === 'stream' ? t('wizard.wrongLogin') : <Said text={probe.error} />}</p>
          {probe.advice !== '' && (
            <p className="break">
              <b>{t('log.todo')}</b> <Said text={probe.advice} />
            </p>
          )}
        </Problem>
      )}
      {probe?.done && probe.error === '' && !usable && <Problem>{t('wizard.noStream')}</Problem>}
      <div className="wizard-foot">
        {!refused && (
          <button type="button" className="button" onClick={onBack}>
            <Icon name="back" />
            {t('wizard.back')}
          </button>
        )}
        <button type="button" className="button" disabled={running} data-testid="probe-again" onClick={onAgain}>
          {t('wizard.again')}
        </button>
        {refused && (
          <button type="button" className="button primary" autoFocus data-testid="wizard-correct-login" onClick={onBack}>
            {t('wizard.correctLogin')}
          </button>
        )}
        <button type="button" className={refused ? 'button' : 'button primary'} disabled={running || !usable} data-testid="wizard-next" onClick={onNext}>
          {t('wizard.toStreams')}
          <Icon name="next" />
        </button>
      </div>
    </div>
  );
}

export function StreamStep({
  probeId,
  probe,
  chosen,
  onChoose,
  onBack,
  onNext,
}: {
  probeId: string;
  probe: Probe;
  chosen: ProbedStream | null;
  onChoose: (index: number) => void;
  onBack: () => void;
  onNext: () => void;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  const d = probe.device;
  const skew = d?.clockSkewMs ?? null;
  const many = new Set(probe.streams.map((s) => s.channelNo)).size > 1;
  return (
    <div className="wizard-step">
      <div className="stream-step">
        <div>
          {d && (
            <dl className="facts device-facts">
              <Fact name={t('wizard.device')}>{[d.maker, d.model].filter((x) => x !== '').join(' ') || t('wizard.unnamed')}</Fact>
              {d.firmware !== '' && <Fact name={t('wizard.firmware')}>{d.firmware}</Fact>}
              {d.serial !== '' && (
                <Fact name={t('wizard.serial')}>
                  <span className="mono">{d.serial}</span>
                </Fact>
              )}
              <Fact name={t('health.skew')}>
                {skew === null ? (
                  t('health.skewNone')
                ) : Math.abs(skew) < SKEW_MS ? (
                  t('health.exact')
                ) : (
                  <span className="warn-text">
                    <Icon name="clock_skew" /> {t(skew > 0 ? 'health.ahead' : 'health.behind', { value: times.age(Math.abs(skew)) })}
                  </span>
                )}
              </Fact>
            </dl>
          )}
          <fieldset className="streams">
            <legend>{t('wizard.streams')}</legend>
            {probe.streams.map((s) => (
              <label key={s.index} className={`stream ${chosen?.index === s.index ? 'on' : ''} ${s.url === '' ? 'off' : ''}`} data-testid="stream">
                <input type="radio" name="stream" disabled={s.url === ''} checked={chosen?.index === s.index} onChange={() => onChoose(s.index)} />
                <span className="two">
                  <b>
                    {many && <span className="num">{t('wizard.channelNo', { n: s.channelNo })} · </span>}
                    {s.kind === 'main' ? t('health.streamMain') : s.kind === 'sub' ? t('health.streamSub') : s.name}
                    {s.kind !== '' && s.name !== '' && <span className="dim"> {s.name}</span>}
                  </b>
                  <span className="num">
                    {[
                      codecText(s.codec),
                      s.width > 0 ? `${s.width}×${s.height}` : null,
                      s.fps > 0 ? rateText(t, s.fps) : null,
                      s.kbitS > 0 ? bitrateText(t, s.kbitS) : null,
                      s.keyIntervalS > 0 ? `${t('health.key')} ${t('unit.seconds', { n: decimal(s.keyIntervalS, 1) })}` : null,
                    ]
                      .filter((x) => x !== null)
                      .join(' · ') || t('wizard.notLooked')}
                  </span>
                  <span className="mono small-text dim break">{s.url || t('wizard.noUrl')}</span>
                  {s.error !== '' && <Said className="form-error break" text={s.error} />}
                </span>
                {s.picture && (
                  <span className="tag">
                    <Icon name="picture" />
                    {t('wizard.hasPicture')}
                  </span>
                )}
              </label>
            ))}
          </fieldset>
          <p className="dim">{t('wizard.subHint')}</p>
        </div>
        {chosen && <ProbePicture probeId={probeId} stream={chosen} />}
      </div>
      <div className="wizard-foot">
        <button type="button" className="button" onClick={onBack}>
          <Icon name="back" />
          {t('wizard.back')}
        </button>
        <button type="button" className="button primary" disabled={!chosen} data-testid="wizard-next" onClick={onNext}>
          {t('wizard.next')}
          <Icon name="next" />
        </button>
      </div>
    </div>
  );
}

/** The picture of a probed stream, drawn like all pictures: on a canvas, no address of an object left behind. */
export function ProbePicture({ probeId, stream }: { probeId: string; stream: ProbedStream }) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<'waiting' | 'there' | 'none'>('waiting');
  const [ratio, setRatio] = useState('16 / 9');
  useEffect(() => {
    if (!stream.picture) {
      setState('none');
      return;
    }
    setState('waiting');
    const abort = new AbortController();
    void (async () => {
      try {
        const bitmap = await createImageBitmap(await configure.probePicture(probeId, stream.index, abort.signal));
        const c = canvas.current;
        if (c && !abort.signal.aborted) {
          c.width = bitmap.width;
          c.height = bitmap.height;
          c.getContext('2d')?.drawImage(bitmap, 0, 0);
          setRatio(`${bitmap.width} / ${bitmap.height}`);
          setState('there');
        }
        bitmap.close();
      } catch {
        if (!abort.signal.aborted) setState('none');
      }
    })();
    return () => abort.abort();
  }, [probeId, stream]);
  return (
    <div className="picture probe-picture" style={{ aspectRatio: ratio }}>
      <canvas
        ref={canvas}
        className={state === 'there' ? '' : 'empty'}
        role="img"
        aria-label={t('channels.pictureOf', { channel: stream.name || stream.url })}
        data-testid="probe-picture"
        data-loaded={state === 'there'}
      />
      {state !== 'there' && (
        <span className="picture-none">
          <Icon name="picture" />
          {t(state === 'none' ? 'wizard.noPicture' : 'channels.pictureWaits')}
        </span>
      )}
    </div>
  );
}
