/*
 * Channels or areas out of a spreadsheet: choose a file, see how it was read and what it would do, put the mapping
 * right, apply, take back. Every look is a dry run at the gateway; applying names the revision that was looked at, so
 * that nobody else's change in between is run over.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState, type DragEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ApiError } from '../api/client';
import { configure, type ImportAsk } from '../api/configure';
import type { Plan } from '../api/inventory';
import { useTitle } from '../lib/hooks';
import { obstacle, refusedRows, sizeProblem } from '../lib/planwords';
import { bytesText, errorText, listText } from '../lib/words';
import { refreshInventory } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { MappingTable, PlanTabs } from '../ui/importplan';
import { Blank, Loading } from '../ui/parts';
import { Said } from '../ui/said';
import { ConfigNav } from '../ui/subnav';

type Options = Pick<ImportAsk, 'kind' | 'removeMissing' | 'skipRefused' | 'map' | 'coordinates'>;
const FIRST: Options = { kind: 'channels', removeMissing: false, skipRefused: false, map: {}, coordinates: 'wgs84' };
const FORMATS = ['csv', 'json', 'toml'] as const;

export default function ImportPage() {
  const { t } = useTranslation();
  const may = useMayConfigure();
  useTitle(t('config.import'));
  return (
    <div className="page import-page">
      <ConfigNav />
      {may ? <Import /> : <Blank icon="auth_failed" title={t('config.forbidden')} />}
    </div>
  );
}

function Import() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [options, setOptions] = useState(FIRST);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [busy, setBusy] = useState<'look' | 'apply' | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  /** Only the answer to the newest question counts. */
  const asked = useRef(0);

  const ask = async (f: File, o: Options, apply: number | null): Promise<void> => {
    const n = ++asked.current;
    setBusy(apply === null ? 'look' : 'apply');
    setError(null);
    try {
      const found = await configure.importFile(f, { ...o, filename: f.name, apply: apply !== null, expectRev: apply });
      if (n !== asked.current) return;
      setPlan(found);
      if (apply !== null && !found.applied) setError(t('import.refusedWhole'));
      if (found.applied) {
        refreshInventory(queries);
        notify('good', t('import.applied', { rev: found.rev ?? 0 }));
      }
    } catch (e) {
      if (n !== asked.current) return;
      // A file that is not readable any more looks like a network fault; it was changed on disk since it was chosen.
      setError(e instanceof ApiError && e.kind === 'network' ? t('import.unread') : errorText(t, e));
      if (apply === null) setPlan(null);
    }
    setBusy(null);
  };
  const choose = (f: File | undefined): void => {
    if (!f) return;
    setFile(f);
    setPlan(null);
    const fresh = { ...options, map: {} };
    setOptions(fresh);
    if (sizeProblem(f.size)) setError(t('import.tooLarge', { size: bytesText(f.size) }));
    else void ask(f, fresh, null);
  };
  const change = (part: Partial<Options>): void => {
    const next = { ...options, ...part };
    setOptions(next);
    if (file && !sizeProblem(file.size)) void ask(file, next, null);
  };
  const drop = (e: DragEvent): void => {
    e.preventDefault();
    setOver(false);
    choose(e.dataTransfer.files[0]);
  };
  const restart = (): void => {
    setFile(null);
    setPlan(null);
    setError(null);
    setOptions({ ...FIRST, kind: options.kind });
    if (picker.current) picker.current.value = '';
  };

  return (
    <div className="import-body">
      <header className="page-head">
        <h1>{t('import.title')}</h1>
        <div className="segments" role="group" aria-label={t('import.kind')}>
          {(['channels', 'areas'] as const).map((k) => (
            <button key={k} type="button" aria-pressed={options.kind === k} data-testid={`import-${k}`} disabled={plan?.applied} onClick={() => change({ kind: k, map: {} })}>
              {t(k === 'channels' ? 'nav.channels' : 'config.areas')}
            </button>
          ))}
        </div>
        <span className="grow" />
        <div className="exports" role="group" aria-label={t('import.export')}>
          <span className="dim">{t('import.export')}</span>
          {FORMATS.map((f) => (
            <a key={f} className="button small" href={configure.exportUrl(options.kind, f)} download={`${options.kind}.${f}`} data-testid={`export-${f}`}>
              <Icon name="download" />
              {f.toUpperCase()}
            </a>
          ))}
        </div>
      </header>

      {!plan?.applied && (
        <label
          className={`drop-zone ${over ? 'over' : ''} ${file ? 'small' : ''}`}
          onDragOver={(e) => {
            e.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <input
            ref={picker}
            type="file"
            className="visually-hidden"
            accept=".csv,.tsv,.txt,.json,.toml,text/csv,application/json"
            data-testid="import-file"
            onChange={(e) => choose(e.target.files?.[0])}
          />
          <Icon name="upload" />
          {file ? (
            <span>
              <b>{file.name}</b> <span className="dim num">{bytesText(file.size)}</span>
              <span className="dim"> {t('import.another')}</span>
            </span>
          ) : (
            <span>
              <b>{t('import.drop')}</b>
              <span className="dim">{t('import.dropHint')}</span>
            </span>
          )}
        </label>
      )}

      {file && !plan?.applied && (
        <div className="import-options">
          <label className="check">
            <input type="checkbox" checked={options.removeMissing} data-testid="remove-missing" onChange={(e) => change({ removeMissing: e.target.checked })} />
            {t('import.removeMissing')}
          </label>
          <label className="check">
            <input
              type="checkbox"
              checked={options.coordinates === 'gcj02'}
              onChange={(e) => change({ coordinates: e.target.checked ? 'gcj02' : 'wgs84' })}
            />
            {t('import.gcj02')}
          </label>
        </div>
      )}
      {error && <Problem>{error}</Problem>}
      {busy === 'look' && !plan && <Loading text={t('import.looking')} />}
      {plan && (
        <div className={`plan ${busy === 'look' ? 'stale' : ''}`} data-testid="plan" data-applied={plan.applied} data-rev={plan.rev ?? undefined}>
          <Summary plan={plan} />
          {plan.applied ? (
            <Applied plan={plan} onAgain={restart} />
          ) : (
            <>
              {plan.mapping.length > 0 && (
                <MappingTable
                  plan={plan}
                  own={options.map}
                  onMap={(heading, field) => change({ map: { ...options.map, [heading]: field } })}
                />
              )}
              <Apply
                plan={plan}
                skip={options.skipRefused}
                removing={options.removeMissing}
                busy={busy !== null}
                applying={busy === 'apply'}
                onSkip={(skipRefused) => setOptions({ ...options, skipRefused })}
                onApply={() => file && void ask(file, options, plan.baseRev)}
              />
            </>
          )}
          <PlanTabs plan={plan} />
        </div>
      )}
    </div>
  );
}

function Summary({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const facts = [
    plan.format.toUpperCase(),
    plan.encoding.toUpperCase(),
    plan.format === 'csv' && plan.delimiter !== '' ? t('import.delimiter', { sign: plan.delimiter === '\t' ? '⇥' : plan.delimiter }) : '',
  ].filter((x) => x !== '');
  return (
    <p className="plan-facts num" data-testid="plan-facts">
      {facts.map((f) => (
        <span key={f} className="tag">
          {f}
        </span>
      ))}
      <span>{t('import.rows', { count: plan.rows })}</span>
      <span className="dim">{t('import.unchanged', { count: plan.unchanged })}</span>
      {plan.missing > 0 && <span className="dim">{t('import.missing', { count: plan.missing })}</span>}
      {plan.notes.map((n) => (
        <span key={n} className="plan-note break">
          <Icon name="note" /> <Said text={n} />
        </span>
      ))}
    </p>
  );
}

function Apply({
  plan,
  skip,
  removing,
  busy,
  applying,
  onSkip,
  onApply,
}: {
  plan: Plan;
  skip: boolean;
  removing: boolean;
  busy: boolean;
  applying: boolean;
  onSkip: (skip: boolean) => void;
  onApply: () => void;
}) {
  const { t, i18n } = useTranslation();
  const why = obstacle(plan, skip);
  const rows = refusedRows(plan);
  const parts = [
    plan.areasAdded.length > 0 ? t('import.willAreas', { count: plan.areasAdded.length }) : '',
    plan.credentialsAdded.length > 0 ? t('import.willLogins', { count: plan.credentialsAdded.length }) : '',
    plan.added.length > 0 ? t('import.willAdd', { count: plan.added.length }) : '',
    plan.changed.length > 0 ? t('import.willChange', { count: plan.changed.length }) : '',
    plan.removed.length > 0 ? t('import.willRemove', { count: plan.removed.length }) : '',
  ].filter((x) => x !== '');
  return (
    <div className={`apply-bar ${why === 'refused' ? 'bad' : ''}`}>
      <div>
        {rows > 0 && (
          <p className="warn-text">
            <Icon name="misconfigured" /> {t('import.refusedRows', { count: rows })}
          </p>
        )}
        {rows > 0 && (
          <label className="check">
            <input type="checkbox" checked={skip} data-testid="skip-refused" onChange={(e) => onSkip(e.target.checked)} />
            {t('import.skip')}
          </label>
        )}
        <p data-testid="plan-sentence">{why === 'nothing' ? t('import.nothing') : t('import.will', { what: listText(i18n.language, parts) })}</p>
        {removing && plan.removed.length > 0 && <p className="dim">{t('bulk.removeHint')}</p>}
      </div>
      <button type="button" className={`button ${plan.removed.length > 0 ? 'sure' : 'primary'}`} disabled={busy || why !== null} data-testid="import-apply" onClick={onApply}>
        {applying ? t('import.applying') : t('import.apply')}
      </button>
    </div>
  );
}

function Applied({ plan, onAgain }: { plan: Plan; onAgain: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [state, setState] = useState<'done' | 'busy' | 'back'>('done');
  const [error, setError] = useState<string | null>(null);
  const rev = plan.rev;
  const undo = async (): Promise<void> => {
    if (rev === null) return;
    setState('busy');
    try {
      await configure.undo(rev);
      refreshInventory(queries);
      setState('back');
      setError(null);
    } catch (e) {
      setError(errorText(t, e));
      setState('done');
    }
  };
  return (
    <div className="apply-bar good" role="status">
      <div>
        <p className="good-line">
          <Icon name={state === 'back' ? 'undo' : 'check'} />
          <b>{state === 'back' ? t('changes.undone', { rev: rev ?? 0 }) : t('import.applied', { rev: rev ?? 0 })}</b>
        </p>
        {error && <Problem>{error}</Problem>}
        <p>
          <Link to="/channels">{t('import.toChannels')}</Link>
          {rev !== null && (
            <>
              {' · '}
              <Link to={`/changes/${rev}`}>{t('import.toRevision')}</Link>
            </>
          )}
        </p>
      </div>
      {rev !== null && state !== 'back' && (
        <button type="button" className="button" disabled={state === 'busy'} data-testid="import-undo" onClick={() => void undo()}>
          <Icon name="undo" />
          {t('changes.undo')}
        </button>
      )}
      <button type="button" className="button" data-testid="import-again" onClick={onAgain}>
        {t('import.again')}
      </button>
    </div>
  );
}
