/*
 * What is to be done about the alert, step by step. A tick is a note of the alert: everybody at the desk sees it, and the
 * history says who did what and when.
 */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deskApi, type Procedure } from '../api/desk';
import type { Alert, HistoryEntry } from '../api/types';
import { addNote, withheld } from '../lib/actions';
import { useTimes } from '../lib/hooks';
import { ticksOf, tickNote } from '../lib/procedure';
import { errorText } from '../lib/words';
import { notify } from '../state/notices';

export function ProcedureCards({ alert, history }: { alert: Alert; history: readonly HistoryEntry[] | null }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: ['procedures', alert.id], queryFn: () => deskApi.procedures(alert.id), staleTime: 60_000 });
  if (query.isError) return <p className="form-error">{t('procedure.failed')} {errorText(t, query.error)}</p>;
  // What is ticked is known with the history only.
  if (!query.data || history === null) return null;
  return (
    <>
      {query.data.map((p, i) => (
        <ProcedureCard key={p.id} procedure={p} alert={alert} history={history} open={i === 0} />
      ))}
    </>
  );
}

function ProcedureCard({ procedure, alert, history, open }: { procedure: Procedure; alert: Alert; history: readonly HistoryEntry[]; open: boolean }) {
  const { t } = useTranslation();
  const times = useTimes();
  const [busy, setBusy] = useState(false);
  /** What was just clicked, until the history tells of it. */
  const [clicked, setClicked] = useState<{ step: number; on: boolean } | null>(null);
  useEffect(() => setClicked(null), [history]);
  const ticks = ticksOf(procedure.id, history);
  const done = procedure.steps.reduce((n, _, i) => n + (ticks.has(i + 1) ? 1 : 0), 0);
  const closed = alert.state === 'closed';
  const why = withheld(t, alert, 'note');
  const tick = async (step: number, on: boolean): Promise<void> => {
    if (busy) return;
    if (why !== null) {
      notify('bad', why);
      return;
    }
    setBusy(true);
    setClicked({ step, on });
    const done = await addNote(t, alert.id, tickNote(procedure.id, step, on, procedure.steps[step - 1] ?? ''));
    if (!done) setClicked(null);
    setBusy(false);
  };
  return (
    <details className="card procedure" open={open} data-testid="procedure">
      <summary>
        <h3>{procedure.title}</h3>
        <span className={`num ${done === procedure.steps.length ? 'procedure-all' : 'dim'}`}>
          {t('procedure.done', { done, of: procedure.steps.length })}
        </span>
      </summary>
      <ol aria-label={t('procedure.label')}>
        {procedure.steps.map((step, i) => {
          const at = ticks.get(i + 1);
          return (
            <li key={`${procedure.id} ${i}`} className={at ? 'is-done' : ''}>
              <label>
                <input
                  type="checkbox"
                  checked={clicked?.step === i + 1 ? clicked.on : at !== undefined}
                  disabled={closed}
                  // Not disabled: what is disabled loses the focus, and why it cannot be would not be reached.
                  aria-disabled={busy || why !== null}
                  title={why ?? undefined}
                  data-testid="procedure-step"
                  onChange={(e) => void tick(i + 1, e.target.checked)}
                />
                <span>
                  <span className="num dim">{i + 1}.</span> {step}
                  {at && (
                    <span className="dim procedure-who">
                      {' '}
                      {at.by ? t('procedure.by', { user: at.by, time: times.moment(at.at, 'time') }) : times.moment(at.at, 'time')}
                    </span>
                  )}
                </span>
              </label>
            </li>
          );
        })}
      </ol>
    </details>
  );
}
