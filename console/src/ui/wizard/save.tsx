/* The last step: what the channel is called and where it hangs, beside a fresh picture. Only here anything is saved. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../../api/channel';
import { ApiError } from '../../api/client';
import { configure } from '../../api/configure';
import type { ProbedStream } from '../../api/discover';
import { fieldIn, type FormField } from '../../lib/channelform';
import { transportText, TRANSPORTS } from '../../lib/configwords';
import { saidAtField, saidInline } from '../../lib/said';
import { channelOf, type Login, type Saving } from '../../lib/wizard';
import { errorText } from '../../lib/words';
import { buildTree } from '../../state/areas';
import { useChannels } from '../../state/channels';
import { refreshInventory, useAreas } from '../../state/inventory';
import { AreaSelect } from '../areaselect';
import { Field, Problem } from '../form';
import { Icon } from '../icons';
import { ProbePicture, useProbe } from './probe';

export function SaveStep({
  probeId,
  stream,
  main,
  login,
  saving,
  onChange,
  onBack,
  onSaved,
}: {
  probeId: string;
  stream: ProbedStream;
  main: ProbedStream | null;
  login: Login;
  saving: Saving;
  onChange: (s: Saving) => void;
  onBack: () => void;
  onSaved: (channel: Channel) => void;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const areas = useAreas();
  const channels = useChannels();
  const tree = useMemo(() => buildTree(areas.data ?? [], channels.data ?? []), [areas.data, channels.data]);
  const [transport, setTransport] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ text: string; field: FormField | null } | null>(null);
  const put = (part: Partial<Saving>): void => onChange({ ...saving, ...part });
  const at = (field: FormField): string | undefined => (problem?.field === field ? problem.text : undefined);
  const twin = channels.data?.find((c) => saving.name.trim() !== '' && c.name === saving.name.trim());

  // A fresh picture: the stream alone is asked once more.
  const again = useMutation({
    mutationFn: () =>
      configure.probe({
        url: stream.url,
        ...(login.kind === 'stored' ? { credential: login.credential } : {}),
        ...(login.kind === 'new' && login.username !== '' ? { username: login.username, password: login.password } : {}),
        ...(transport === '' ? {} : { transport }),
      }),
  });
  const fresh = useProbe(again.data ?? null);
  // Of a recorder only one channel was looked at; nothing is saved unseen if it can be helped.
  const begun = useRef(stream.picture);
  const { mutate } = again;
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    mutate();
  }, [mutate]);
  const freshStream = fresh.data?.done ? (fresh.data.streams.find((s) => s.picture) ?? null) : null;
  const looking = again.isPending || (again.data !== undefined && !fresh.data?.done && !fresh.isError);
  const lookError = fresh.data?.done && !freshStream ? (saidInline(t, fresh.data.error) || t('wizard.noPicture')) : (again.error ?? fresh.error);

  const save = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      if (login.kind === 'new' && login.username !== '') await configure.setCredential(login.id, login.username, login.password);
      const channel = await configure.addChannel(channelOf(stream, main, login, saving, transport));
      refreshInventory(queries);
      onSaved(channel);
    } catch (e) {
      const said = e instanceof ApiError && e.kind === 'invalid' ? e.message : '';
      const field = said === '' ? null : fieldIn(said);
      setProblem({ text: field ? saidAtField(t, said) : errorText(t, e), field });
      setBusy(false);
    }
  };

  return (
    <form
      className="form wizard-step"
      onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}
    >
      <div className="stream-step">
        <div className="form">
          {problem && !['name', 'area', 'tags', 'external_id', 'transport'].includes(problem.field ?? '') && (
            <Problem>
              <span className="break">{problem.text}</span>
            </Problem>
          )}
          <Field label={t('field.name')} problem={at('name')} hint={twin ? t('wizard.twin') : undefined}>
            {(ids) => <input {...ids} autoFocus required maxLength={120} value={saving.name} data-testid="wizard-name" onChange={(e) => put({ name: e.target.value })} />}
          </Field>
          <Field label={t('field.area')} problem={at('area')}>
            {(ids) => <AreaSelect {...ids} tree={tree} value={saving.area} onChange={(area) => put({ area })} empty={t('areas.loose')} />}
          </Field>
          <Field label={t('field.tags')} hint={t('edit.tagsHint')} problem={at('tags')}>
            {(ids) => <input {...ids} value={saving.tags} data-testid="wizard-tags" onChange={(e) => put({ tags: e.target.value })} />}
          </Field>
          <Field label={t('field.external_id')} hint={t('edit.externalHint')} problem={at('external_id')}>
            {(ids) => <input {...ids} className="mono" maxLength={64} value={saving.externalId} onChange={(e) => put({ externalId: e.target.value })} />}
          </Field>
          <Field label={t('field.transport')} problem={at('transport')}>
            {(ids) => (
              <select {...ids} value={transport} onChange={(e) => setTransport(e.target.value)}>
                <option value="">{t('wizard.asUsual')}</option>
                {TRANSPORTS.map((x) => (
                  <option key={x} value={x}>
                    {transportText(t, x)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {main && (
            <label className="check">
              <input type="checkbox" checked={saving.withMain} onChange={(e) => put({ withMain: e.target.checked })} />
              {t('wizard.withMain')}
            </label>
          )}
        </div>
        <div>
          <ProbePicture probeId={freshStream && again.data ? again.data : probeId} stream={freshStream ?? stream} />
          <p className="mono small-text dim break">{stream.url}</p>
          <button type="button" className="button small" disabled={looking} data-testid="look-again" onClick={() => again.mutate()}>
            <Icon name="eye" />
            {looking ? t('wizard.looking') : t('wizard.lookAgain')}
          </button>
          {lookError && !looking && <Problem>{typeof lookError === 'string' ? lookError : errorText(t, lookError)}</Problem>}
        </div>
      </div>
      <div className="wizard-foot">
        <button type="button" className="button" onClick={onBack}>
          <Icon name="back" />
          {t('wizard.back')}
        </button>
        <button type="submit" className="button primary" disabled={busy || saving.name.trim() === ''} data-testid="wizard-save">
          <Icon name="check" />
          {busy ? t('action.busy') : t('wizard.save')}
        </button>
      </div>
    </form>
  );
}

export function SavedStep({ channel, more, onMore, onAnew }: { channel: Channel; more: boolean; onMore: () => void; onAnew: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="wizard-step saved" role="status" data-testid="wizard-saved">
      <p className="good-line">
        <Icon name="check" />
        <b>{t('wizard.saved', { channel: channel.name })}</b> <span className="mono dim">{channel.id}</span>
      </p>
      <div className="wizard-foot start">
        <Link className="button primary" to={`/channels/${encodeURIComponent(channel.id)}`}>
          {t('wizard.toChannel')}
        </Link>
        {more && (
          <button type="button" className="button" onClick={onMore}>
            {t('wizard.more')}
          </button>
        )}
        <button type="button" className="button" onClick={onAnew}>
          {t('wizard.anew')}
        </button>
      </div>
    </div>
  );
}
