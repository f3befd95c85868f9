/*
 * The configuration of one channel, to be changed. The gateway judges what is right; its sentence stands at the field
 * that it speaks of. Where somebody else was faster, their values come in and what was changed here stays, to be looked
 * at once more and saved.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import type { Channel, ChannelConfig } from '../api/channel';
import { api, ApiError } from '../api/client';
import { configure } from '../api/configure';
import { badNumber, editOf, fieldIn, formOf, rebase, type ChannelForm as Form, type FormField } from '../lib/channelform';
import { transportText, TRANSPORTS } from '../lib/configwords';
import { fieldText } from '../lib/fieldwords';
import { saidAtField, saidInline } from '../lib/said';
import { errorText, listText } from '../lib/words';
import { buildTree } from '../state/areas';
import { useChannels } from '../state/channels';
import { refreshInventory, useAreas, useCredentials } from '../state/inventory';
import { notify } from '../state/notices';
import { AreaSelect } from './areaselect';
import { Dialog } from './dialog';
import { Field, Problem } from './form';
import { Icon } from './icons';

export function ChannelFormDialog({ channel, config, onClose }: { channel: Channel; config: ChannelConfig; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const go = useNavigate();
  const queries = useQueryClient();
  const [rev, setRev] = useState(config.rev);
  const [before, setBefore] = useState(() => formOf(channel, config));
  const [form, setForm] = useState(before);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ text: string; field: FormField | null; conflict: boolean } | null>(null);
  const [removing, setRemoving] = useState(false);
  const areas = useAreas();
  const channels = useChannels();
  const credentials = useCredentials();
  const tree = useMemo(() => buildTree(areas.data ?? [], channels.data ?? []), [areas.data, channels.data]);
  const edit = editOf(before, form);
  const changed = Object.keys(edit).length > 0;

  const put = (part: Partial<Form>): void => setForm((f) => ({ ...f, ...part }));
  const at = (field: FormField): string | undefined => (problem?.field === field ? problem.text : undefined);

  const fail = async (e: unknown): Promise<void> => {
    if (e instanceof ApiError && e.status === 409) {
      const now = await api.channel(channel.id).catch(() => null);
      if (now?.config) {
        const fresh = formOf(now, now.config);
        setForm((f) => rebase(before, f, fresh));
        setBefore(fresh);
        setRev(now.config.rev);
      }
      setProblem({ text: saidInline(t, e.message), field: null, conflict: now?.config != null });
    } else {
      const said = e instanceof ApiError ? e.message : '';
      const field = e instanceof ApiError && e.kind === 'invalid' ? fieldIn(said) : null;
      setProblem({ text: field ? saidAtField(t, said) : errorText(t, e), field, conflict: false });
    }
  };
  const save = async (): Promise<void> => {
    const bad = badNumber(form);
    if (bad) {
      setProblem({ text: t('edit.noNumber'), field: bad, conflict: false });
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await configure.changeChannel(channel.id, { ...edit, expect_rev: rev });
      refreshInventory(queries);
      notify('good', t('edit.saved'));
      onClose();
    } catch (e) {
      await fail(e);
    }
    setBusy(false);
  };
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await configure.removeChannel(channel.id);
      refreshInventory(queries);
      notify('good', t('edit.removed', { channel: channel.name }));
      await go('/channels');
    } catch (e) {
      await fail(e);
      setRemoving(false);
      setBusy(false);
    }
  };

  return (
    <Dialog title={t('edit.title', { channel: channel.name })} onClose={onClose} wide testid="channel-form">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        {problem && problem.field === null && (
          <Problem>
            {problem.conflict && <b>{t('edit.conflict')} </b>}
            <span className="break">{problem.text}</span>
            {problem.conflict && <p>{t('edit.conflictHint')}</p>}
          </Problem>
        )}
        <div className="fields-grid">
          <Field label={t('field.name')} problem={at('name')}>
            {(ids) => <input {...ids} value={form.name} maxLength={120} data-testid="edit-name" onChange={(e) => put({ name: e.target.value })} />}
          </Field>
          <Field label={t('field.area')} problem={at('area')}>
            {(ids) => <AreaSelect {...ids} tree={tree} value={form.area} onChange={(area) => put({ area })} empty={t('areas.loose')} />}
          </Field>
          <Field label={t('field.url')} hint={t('edit.urlHint')} problem={at('url')} wide>
            {(ids) => <input {...ids} className="mono" value={form.url} maxLength={2048} spellCheck={false} data-testid="edit-url" onChange={(e) => put({ url: e.target.value })} />}
          </Field>
          <Field label={t('field.main_url')} hint={t('edit.mainUrlHint')} problem={at('main_url')} wide>
            {(ids) => <input {...ids} className="mono" value={form.main_url} maxLength={2048} spellCheck={false} onChange={(e) => put({ main_url: e.target.value })} />}
          </Field>
          <Field label={t('field.credential')} problem={at('credential') ?? (credentials.isError ? errorText(t, credentials.error) : undefined)}>
            {(ids) => (
              <select {...ids} value={form.credential} onChange={(e) => put({ credential: e.target.value })}>
                <option value="">{t('edit.noCredential')}</option>
                {form.credential !== '' && !credentials.data?.some((c) => c.id === form.credential) && <option value={form.credential}>{form.credential}</option>}
                {(credentials.data ?? []).map((c) => (
                  <option key={c.id} value={c.id}>
                    {c.id} · {c.username}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={t('field.transport')} problem={at('transport')}>
            {(ids) => (
              <select {...ids} value={form.transport} onChange={(e) => put({ transport: e.target.value })}>
                {[...new Set([...TRANSPORTS, form.transport])].map((x) => (
                  <option key={x} value={x}>
                    {transportText(t, x)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={t('field.stream')} hint={t('edit.streamHint')} problem={at('stream')}>
            {(ids) => (
              <select {...ids} value={form.stream} onChange={(e) => put({ stream: e.target.value })}>
                <option value="sub">{t('health.streamSub')}</option>
                <option value="main">{t('health.streamMain')}</option>
              </select>
            )}
          </Field>
          <Field label={t('field.weight')} hint={t('edit.weightHint')} problem={at('weight')}>
            {(ids) => <input {...ids} inputMode="decimal" value={form.weight} onChange={(e) => put({ weight: e.target.value })} />}
          </Field>
          <Field label={t('field.external_id')} hint={t('edit.externalHint')} problem={at('external_id')}>
            {(ids) => <input {...ids} className="mono" value={form.external_id} maxLength={64} onChange={(e) => put({ external_id: e.target.value })} />}
          </Field>
          <Field label={t('field.tags')} hint={t('edit.tagsHint')} problem={at('tags')}>
            {(ids) => <input {...ids} value={form.tags} onChange={(e) => put({ tags: e.target.value })} />}
          </Field>
          <Field label={t('field.lat')} hint={t('edit.placeHint')} problem={at('lat')}>
            {(ids) => <input {...ids} inputMode="decimal" value={form.lat} onChange={(e) => put({ lat: e.target.value })} />}
          </Field>
          <Field label={t('field.lon')} problem={at('lon')}>
            {(ids) => <input {...ids} inputMode="decimal" value={form.lon} onChange={(e) => put({ lon: e.target.value })} />}
          </Field>
          <label className="check wide">
            <input type="checkbox" checked={form.enabled} onChange={(e) => put({ enabled: e.target.checked })} />
            {t('edit.enabled')}
          </label>
        </div>
        {changed && (
          <p className="dim" data-testid="edit-changes">
            {t('edit.changes', { fields: listText(i18n.language, Object.keys(edit).map((f) => fieldText(t, f))) })}
          </p>
        )}
        {removing && (
          <Problem>
            <p>{t('edit.removeSure', { channel: channel.name })}</p>
            <p>{t('bulk.removeHint')}</p>
            <div className="dialog-foot">
              <button type="button" className="button" autoFocus onClick={() => setRemoving(false)}>
                {t('edit.cancel')}
              </button>
              <button type="button" className="button sure" disabled={busy} data-testid="remove-sure" onClick={() => void remove()}>
                {t('edit.remove')}
              </button>
            </div>
          </Problem>
        )}
        <div className="dialog-foot">
          {!removing && (
            <button type="button" className="button danger" data-testid="remove-channel" onClick={() => setRemoving(true)}>
              <Icon name="bin" />
              {t('edit.remove')}
            </button>
          )}
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={busy || !changed} data-testid="edit-save">
            {busy ? t('action.busy') : t('edit.save')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
