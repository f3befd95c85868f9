/*
 * What is done with many channels at once. Before anything is sent, the dialog says what will change and what cannot:
 * channels of the file are changed in the file. What the gateway refuses is listed with its reason, and what was done
 * can be taken back from here.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Channel } from '../api/channel';
import { configure, type BulkSet } from '../api/configure';
import { words, type BulkResult } from '../api/inventory';
import { bulkPreview, changeable } from '../lib/bulkpreview';
import { transportText, TRANSPORTS, valueWord } from '../lib/configwords';
import { errorText } from '../lib/words';
import type { AreaTree } from '../state/areas';
import { refreshInventory, useCredentials } from '../state/inventory';
import { notify } from '../state/notices';
import type { Picking } from '../state/selection';
import { AreaSelect } from './areaselect';
import { Dialog } from './dialog';
import { Field, Problem } from './form';
import { Icon, type IconName } from './icons';
import { Said } from './said';

const DEEDS = ['enable', 'disable', 'area', 'credential', 'transport', 'tags', 'remove'] as const;
type Deed = (typeof DEEDS)[number];
const ICONS: Record<Deed, IconName> = { enable: 'running', disable: 'disabled', area: 'area', credential: 'key', transport: 'link', tags: 'tag', remove: 'bin' };
/** Names that the dialog lists; the rest is counted. */
const LISTED = 100;

export function BulkBar({ chosen, shown, picking, tree }: { chosen: readonly Channel[]; shown: number; picking: Picking; tree: AreaTree }) {
  const { t } = useTranslation();
  // What was chosen when the dialog opened: it stays the same below it, and its result stays when nothing is chosen any more.
  const [open, setOpen] = useState<{ deed: Deed; chosen: readonly Channel[] } | null>(null);
  const hidden = chosen.length - shown;
  return (
    <>
      {chosen.length > 0 && (
        <div className="bulk-bar" role="region" aria-label={t('bulk.label')} data-testid="bulk-bar">
          <span className="bulk-count" role="status">
            <b className="num">{t('bulk.chosen', { count: chosen.length })}</b>
            {hidden > 0 && <span className="warn-text">{t('bulk.hidden', { count: hidden })}</span>}
          </span>
          {DEEDS.map((d) => (
            <button key={d} type="button" className={`button small ${d === 'remove' ? 'danger' : ''}`} data-testid={`bulk-${d}`} onClick={() => setOpen({ deed: d, chosen })}>
              <Icon name={ICONS[d]} />
              {t(`bulk.deed.${d}`)}
            </button>
          ))}
          <button type="button" className="button quiet small" data-testid="bulk-none" onClick={picking.none}>
            {t('bulk.none')}
          </button>
        </div>
      )}
      {open && <BulkDialog deed={open.deed} chosen={open.chosen} tree={tree} picking={picking} onClose={() => setOpen(null)} />}
    </>
  );
}

function BulkDialog({
  deed,
  chosen,
  tree,
  picking,
  onClose,
}: {
  deed: Deed;
  chosen: readonly Channel[];
  tree: AreaTree;
  picking: Picking;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [area, setArea] = useState('');
  const [credential, setCredential] = useState('');
  const [transport, setTransport] = useState<string>('tcp');
  const [add, setAdd] = useState('');
  const [drop, setDrop] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [result, setResult] = useState<BulkResult | null>(null);
  const credentials = useCredentials(deed === 'credential');

  const set = useMemo((): BulkSet | 'remove' | null => {
    if (deed === 'remove') return 'remove';
    if (deed === 'enable' || deed === 'disable') return { enabled: deed === 'enable' };
    if (deed === 'area') return area === '' ? null : { area };
    if (deed === 'credential') return credential === '' ? null : { credential };
    if (deed === 'transport') return { transport };
    const [more, less] = [words(add), words(drop)];
    if (more.length === 0 && less.length === 0) return null;
    return { ...(more.length > 0 ? { add_tags: more } : {}), ...(less.length > 0 ? { remove_tags: less } : {}) };
  }, [deed, area, credential, transport, add, drop]);
  const { free, fixed } = useMemo(() => changeable(chosen), [chosen]);
  const preview = useMemo(() => (set === null ? null : bulkPreview(free, set)), [free, set]);
  const count = preview?.changing.length ?? 0;

  const run = async (): Promise<void> => {
    if (set === null || !preview) return;
    setBusy(true);
    setError(null);
    try {
      setResult(await configure.bulk(preview.changing.map((c) => c.id), set));
      refreshInventory(queries);
      if (deed === 'remove') picking.none();
    } catch (e) {
      setError(errorText(t, e));
    }
    setBusy(false);
  };
  const takeBack = async (rev: number): Promise<void> => {
    setBusy(true);
    try {
      await configure.undo(rev);
      refreshInventory(queries);
      notify('good', t('changes.undone', { rev }));
      onClose();
    } catch (e) {
      setError(errorText(t, e));
    }
    setBusy(false);
  };
  const names = new Map(chosen.map((c) => [c.id, c.name]));

  if (result) {
    return (
      <Dialog title={t('bulk.doneTitle')} onClose={onClose} testid="bulk-result">
        <p className="good-line">
          <Icon name="check" />
          {t('bulk.done', { count: result.changed, rev: result.rev })}
        </p>
        {result.refused.length > 0 && (
          <>
            <h3>{t('bulk.refused', { count: result.refused.length })}</h3>
            <ul className="scroll-list" tabIndex={0}>
              {result.refused.map((r) => (
                <li key={r.id}>
                  <b>{names.get(r.id) ?? r.id}</b> <Said className="dim break" text={r.reason} />
                </li>
              ))}
            </ul>
          </>
        )}
        {error && <Problem>{error}</Problem>}
        <div className="dialog-foot">
          {result.rev > 0 && result.changed > 0 && (
            <button type="button" className="button" disabled={busy} data-testid="bulk-undo" onClick={() => void takeBack(result.rev)}>
              <Icon name="undo" />
              {t('changes.undo')}
            </button>
          )}
          <button type="button" className="button primary" autoFocus onClick={onClose}>
            {t('bulk.close')}
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={t(`bulk.title.${deed}`, { count: chosen.length })} onClose={onClose} testid="bulk-dialog">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          void run();
        }}
      >
        {deed === 'area' && (
          <Field label={t('field.area')}>{(ids) => <AreaSelect {...ids} tree={tree} value={area} onChange={setArea} empty={t('bulk.pick')} />}</Field>
        )}
        {deed === 'credential' && (
          <Field label={t('field.credential')} problem={credentials.isError ? errorText(t, credentials.error) : undefined}>
            {(ids) => (
              <select {...ids} value={credential} data-testid="bulk-value" onChange={(e) => setCredential(e.target.value)}>
                <option value="">{t('bulk.pick')}</option>
                {(credentials.data ?? []).map((c) => (
                  <option key={c.id} value={c.id}>
                    {c.id} · {c.username}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {deed === 'transport' && (
          <Field label={t('field.transport')} hint={t('bulk.transportHint')}>
            {(ids) => (
              <select {...ids} value={transport} data-testid="bulk-value" onChange={(e) => setTransport(e.target.value)}>
                {TRANSPORTS.map((x) => (
                  <option key={x} value={x}>
                    {transportText(t, x)}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {deed === 'tags' && (
          <>
            <Field label={t('bulk.addTags')} hint={t('edit.tagsHint')}>
              {(ids) => <input {...ids} value={add} data-testid="bulk-value" onChange={(e) => setAdd(e.target.value)} />}
            </Field>
            <Field label={t('bulk.removeTags')}>{(ids) => <input {...ids} value={drop} onChange={(e) => setDrop(e.target.value)} />}</Field>
          </>
        )}
        {deed === 'remove' && <p>{t('bulk.removeHint')}</p>}
        {deed === 'disable' && <p>{t('bulk.disableHint')}</p>}

        {preview && (
          <div className="preview" data-testid="bulk-preview">
            <p>
              <b>{t('bulk.will', { count })}</b>
              {preview.same > 0 && <span className="dim"> {t('bulk.same', { count: preview.same })}</span>}
            </p>
            {preview.before.length > 0 && (
              <ul className="from-to">
                {preview.before.map((b) => (
                  <li key={b.value}>
                    <span className="num">{b.count} ×</span> <s>{valueWord(t, preview.field, b.value)}</s> <Icon name="next" />{' '}
                    <b>{preview.field === 'area' ? (tree.byId.get(preview.after)?.name ?? preview.after) : valueWord(t, preview.field, preview.after)}</b>
                  </li>
                ))}
              </ul>
            )}
            {count > 0 && (
              <details>
                <summary>{t('bulk.which')}</summary>
                <ul className="scroll-list" tabIndex={0}>
                  {preview.changing.slice(0, LISTED).map((c) => (
                    <li key={c.id}>
                      {c.name} <span className="dim mono">{c.id}</span>
                    </li>
                  ))}
                  {count > LISTED && <li className="dim">{t('bulk.more', { count: count - LISTED })}</li>}
                </ul>
              </details>
            )}
          </div>
        )}
        {fixed.length > 0 && (
          <p className="warn-line">
            <Icon name="file" />
            {t('bulk.fixed', { count: fixed.length })}
          </p>
        )}
        {error && <Problem>{error}</Problem>}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className={`button ${deed === 'remove' ? 'sure' : 'primary'}`} disabled={busy || count === 0} data-testid="bulk-apply">
            {busy ? t('action.busy') : deed === 'remove' ? t('bulk.remove', { count }) : t('bulk.apply', { count })}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
