/* Trying a rule on the looks of the last hours: the question, and the answer in numbers, on a line of time, and in words. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { rulesApi, type DryRun } from '../../api/rules';
import { useTimes } from '../../lib/hooks';
import { rateOfDay } from '../../lib/rulewords';
import { saidInline } from '../../lib/said';
import { errorText } from '../../lib/words';
import { Field, Problem } from '../form';
import { Icon } from '../icons';
import { EventTable, Timeline } from './timeline';

const HOURS = [1, 6, 24, 72] as const;

export function DryRunCard({
  ask,
  channels,
  onDone,
}: {
  /** The rule: by id, or its fields; null while it cannot be asked. */
  ask: { id?: string; rule?: Record<string, unknown> } | null;
  /** Only these; empty: all that it is for. */
  channels: readonly string[];
  onDone?: (run: DryRun) => void;
}) {
  const { t } = useTranslation();
  const [hours, setHours] = useState<number>(24);
  const [busy, setBusy] = useState(false);
  const [run, setRun] = useState<DryRun | null>(null);
  const [error, setError] = useState<string | null>(null);
  const go = async (): Promise<void> => {
    if (!ask) return;
    setBusy(true);
    setError(null);
    try {
      const found = await rulesApi.dryRun({ ...ask, hours, ...(channels.length > 0 ? { channels: [...channels] } : {}) });
      setRun(found);
      onDone?.(found);
    } catch (e) {
      setError(errorText(t, e));
    }
    setBusy(false);
  };
  return (
    <section className="card dry-run" data-testid="dry-run" data-done={run !== null}>
      <h2>{t('dry.title')}</h2>
      <p className="hint-text">{t('dry.hint')}</p>
      <div className="dry-ask">
        <Field label={t('dry.back')}>
          {(ids) => (
            <select {...ids} value={hours} data-testid="dry-hours" onChange={(e) => setHours(Number(e.target.value))}>
              {HOURS.map((h) => (
                <option key={h} value={h}>
                  {t('draw.hours', { count: h })}
                </option>
              ))}
            </select>
          )}
        </Field>
        <button type="button" className="button primary" disabled={busy || ask === null} data-testid="dry-go" onClick={() => void go()}>
          <Icon name="try" />
          {busy ? t('dry.busy') : channels.length > 0 ? t('dry.goChosen', { count: channels.length }) : t('dry.go')}
        </button>
      </div>
      {error && <Problem>{error}</Problem>}
      <div aria-live="polite">{run && <Answer run={run} />}</div>
      {run && <Timeline run={run} />}
      {run && <EventTable run={run} />}
    </section>
  );
}

function Answer({ run }: { run: DryRun }) {
  const { t } = useTranslation();
  const times = useTimes();
  const silent = run.channels.filter((c) => c.problem !== '');
  if (run.looks === 0) {
    return (
      <p className="dry-none" data-testid="dry-none">
        {run.channels.length === 0 ? t('dry.noChannel') : (silent[0] ? saidInline(t, silent[0].problem) : t('dry.noLooks'))}
      </p>
    );
  }
  return (
    <>
      <dl className="dry-numbers">
        <div>
          <dt>{t('dry.perDay')}</dt>
          <dd className="num big" data-testid="dry-per-day">
            {run.alertsPerDay === null ? '–' : rateOfDay(run.alertsPerDay)}
          </dd>
        </div>
        <div>
          <dt>{t('dry.alerts')}</dt>
          <dd className="num" data-testid="dry-alerts">
            {run.alertsTotal}
          </dd>
        </div>
        <div>
          <dt>{t('dry.events')}</dt>
          <dd className="num" data-testid="dry-events">
            {run.eventsTotal}
          </dd>
        </div>
        <div>
          <dt>{t('dry.looks')}</dt>
          <dd className="num">{run.looks}</dd>
        </div>
      </dl>
      <p className="dim small-text">
        {t('dry.span', { from: times.moment(run.from, 'full'), to: times.moment(run.to, 'full'), count: run.channels.length })}
        {run.alertsPerDay === null && ` ${t('dry.tooShort')}`}
        {run.leftOut > 0 && ` ${t('dry.leftOut', { count: run.leftOut })}`}
        {silent.length > 0 && ` ${t('dry.silent', { count: silent.length })}`}
      </p>
    </>
  );
}
