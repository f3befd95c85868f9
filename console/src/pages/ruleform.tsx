/*
 * Making a rule, or changing one. The form shows what the kind knows and nothing else; a new rule is armed nowhere, so
 * that it can be tried first. Trying works on what stands in the form, before anything is saved.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import type { Channel } from '../api/channel';
import { ApiError } from '../api/client';
import { words } from '../api/inventory';
import { RULE_KINDS, rulesApi, type RuleDetail, type RuleKind } from '../api/rules';
import { useTitle } from '../lib/hooks';
import { composing } from '../lib/keys';
import { badKeys, blankForm, changesOf, DIRECTIONS, fieldsOf, FOCUS_WHENS, formOf, GROUPS, keyIn, newRule, takesLines, takesZones, type Group, type RuleForm } from '../lib/rulefields';
import { ruleKindText } from '../lib/rulewords';
import { saidAtField } from '../lib/said';
import { idProblem } from '../lib/wizard';
import { conflictText, errorText, labelText } from '../lib/words';
import { buildTree } from '../state/areas';
import { useChannels } from '../state/channels';
import { refreshInventory, useAreas } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { useRule, useTimetables } from '../state/rules';
import { AreaSelect } from '../ui/areaselect';
import { Chips } from '../ui/chips';
import { Choice } from '../ui/choice';
import { Field, Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';
import { DryRunCard } from '../ui/rules/dryrun';
import { RulesNav } from '../ui/subnav';

const LABELS = ['person', 'bicycle', 'motorcycle', 'car', 'bus', 'truck', 'dog', 'backpack', 'handbag', 'suitcase'] as const;
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
const SCOPES = ['named', 'template', 'all'] as const;

export default function RuleFormPage() {
  const { t } = useTranslation();
  const { id } = useParams();
  const may = useMayConfigure();
  useTitle(t(id === undefined ? 'rules.add' : 'rules.edit'));
  return (
    <div className="page rule-form-page">
      <RulesNav />
      {!may ? <Blank icon="auth_failed" title={t('config.forbidden')} /> : id === undefined ? <NewRule /> : <OldRule id={id} />}
    </div>
  );
}

/** With a channel and its zone or line, as the editor hands them over. */
function NewRule() {
  const [params] = useSearchParams();
  const { channel, zone, line } = Object.fromEntries(['channel', 'zone', 'line'].map((k) => [k, params.get(k) ?? ''])) as Record<'channel' | 'zone' | 'line', string>;
  const start: RuleForm = { ...blankForm(line !== '' ? 'line' : 'intrusion'), channels: channel === '' ? [] : [channel], zones: zone === '' ? [] : [zone], lines: line === '' ? [] : [line] };
  return <Form start={start} detail={null} />;
}

function OldRule({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useRule(id);
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (!query.data || query.data.origin === 'file') {
    return (
      <Blank icon="search" title={t(query.data ? 'rules.inFile' : 'rules.notFound')} tone="bad">
        <Link className="button" to="/rules">
          {t('rules.back')}
        </Link>
      </Blank>
    );
  }
  return <Form key={id} start={formOf(query.data.rule)} detail={query.data} />;
}

type Set = (part: Partial<RuleForm>) => void;

function Form({ start, detail }: { start: RuleForm; detail: RuleDetail | null }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const queries = useQueryClient();
  const channels = useChannels();
  const [form, setForm] = useState(start);
  const [rev, setRev] = useState(detail?.rev ?? 0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ text: string; key: string | null } | null>(null);
  const [refusals, setRefusals] = useState(0);
  const page = useRef<HTMLFormElement>(null);
  const set: Set = (part) => setForm((f) => ({ ...f, ...part }));
  const bad = badKeys(form);
  const changes = changesOf(start, form);
  const idBad = detail === null && form.id.trim() !== '' && idProblem(form.id.trim());
  const nowhere = form.scope === 'named' ? form.channels.length === 0 : form.scope === 'template' && form.tags.length + form.areas.length === 0;
  const whole = bad.length === 0 && !idBad && !nowhere;
  const problem = (key: string): string | undefined => (bad.includes(key) ? t('rules.noNumber') : error?.key === key ? error.text : undefined);
  const atField = error !== null && error.key !== null && hasField(form, error.key);
  useEffect(() => {
    if (refusals > 0 && page.current) toFirstWrong(page.current);
  }, [refusals]);
  const save = async (): Promise<void> => {
    if (!whole) {
      setRefusals((n) => n + 1);
      return;
    }
    setBusy(true);
    setError(null);
    try {
      const done = detail ? await rulesApi.change(detail.rule.id, { ...changes, expect_rev: rev }) : await rulesApi.add(newRule(form));
      refreshInventory(queries);
      notify('good', t('edit.saved'));
      await go(`/rules/${encodeURIComponent(done.rule.id)}`);
    } catch (e) {
      if (e instanceof ApiError && e.status === 409 && detail) {
        const fresh = await rulesApi.rule(detail.rule.id).catch(() => null);
        if (fresh) setRev(fresh.rev);
        setError({ text: conflictText(t, e, t('rules.conflictForm')), key: null });
      } else {
        const key = e instanceof ApiError ? keyIn(e.message) : null;
        setError({ text: key !== null && e instanceof ApiError ? saidAtField(t, e.message) : errorText(t, e), key });
      }
      setBusy(false);
      setRefusals((n) => n + 1);
    }
  };
  const ask = whole ? (detail ? { id: detail.rule.id, rule: changes } : { rule: newRule(form) }) : null;
  return (
    <>
      <header className="page-head">
        <Link className="ghost back" to={detail ? `/rules/${encodeURIComponent(detail.rule.id)}` : '/rules'} aria-label={t('rules.back')}>
          <Icon name="back" />
        </Link>
        <h1>
          {detail ? t('rules.edit') : t('rules.add')} {detail && <span className="mono dim">{detail.rule.id}</span>}
        </h1>
      </header>
      <div className="rule-cards">
        <form
          ref={page}
          className="form rule-main"
          data-testid="rule-form"
          onSubmit={(e) => {
            e.preventDefault();
            void save();
          }}
        >
          {error && (!atField || error.key === 'id') && <Problem>{error.text}</Problem>}
          <What form={form} set={set} detail={detail} problem={problem} idBad={idBad} />
          <Where form={form} set={set} channels={channels.data ?? []} problem={problem} nowhere={nowhere && refusals > 0} />
          {GROUPS.map((group) => (
            <Numbers key={group} group={group} form={form} set={set} problem={problem} />
          ))}
          <div className="form-foot">
            {detail === null && <p className="hint-text">{t('rules.newHint')}</p>}
            <span className="grow" />
            {refusals > 0 && !busy && (error !== null || !whole) && (
              <p className="form-error" role="status" data-testid="rule-not-saved">
                {t(!whole || atField ? 'rules.notSaved' : 'rules.notSavedAbove')}
              </p>
            )}
            <Link className="button" to={detail ? `/rules/${encodeURIComponent(detail.rule.id)}` : '/rules'}>
              {t('edit.cancel')}
            </Link>
            <button type="submit" className="button primary" disabled={busy || (detail !== null && Object.keys(changes).length === 0)} aria-disabled={!whole} data-testid="rule-save">
              {busy ? t('action.busy') : t('edit.save')}
            </button>
          </div>
        </form>
        <div className="rule-side wide">
          <DryRunCard ask={ask} channels={[]} />
        </div>
      </div>
    </>
  );
}

/** Whether the form shows a field for it, as it stands. */
function hasField(form: RuleForm, key: string): boolean {
  if (key === 'lines') return takesLines(form.type);
  if (key === 'direction') return takesLines(form.type) && form.lines.length > 0;
  if (key === 'zones') return takesZones(form.type);
  if (['channels', 'tags', 'areas', 'except'].includes(key)) return form.scope !== 'all';
  return ['id', 'labels', 'timetable'].includes(key) || GROUPS.some((g) => fieldsOf(form.type, g).some((f) => f.key === key));
}

/** What is wrong is far above the button that was pressed. */
function toFirstWrong(form: HTMLFormElement): void {
  const wrong = form.querySelector<HTMLElement>('[aria-invalid=true], .form-error, .problem');
  if (!wrong || wrong.closest('.form-foot')) return;
  const field = wrong.matches('[aria-invalid=true]') ? wrong : wrong.closest('fieldset.field')?.querySelector<HTMLElement>('input');
  field?.focus({ preventScroll: true });
  wrong.scrollIntoView({ block: 'center' });
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="card">
      <legend>
        <h2>{title}</h2>
      </legend>
      {children}
    </fieldset>
  );
}

function What({ form, set, detail, problem, idBad }: { form: RuleForm; set: Set; detail: RuleDetail | null; problem: (key: string) => string | undefined; idBad: boolean }) {
  const { t } = useTranslation();
  return (
    <Part title={t('rules.partWhat')}>
      <div className="fields-grid">
        <Field label={t('rules.kind')} hint={t(`ruleHint.${form.type}`)} wide>
          {(ids) => (
            <select {...ids} value={form.type} data-testid="rule-type" onChange={(e) => set({ type: e.target.value as RuleKind })}>
              {RULE_KINDS.map((k) => (
                <option key={k} value={k}>
                  {ruleKindText(t, k)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t('ruleField.severity')}>
          {(ids) => (
            <select {...ids} value={form.severity} onChange={(e) => set({ severity: e.target.value })}>
              {SEVERITIES.map((s) => (
                <option key={s} value={s}>
                  {t(`severity.${s}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        {detail === null && (
          <Field label={t('rules.id')} hint={t('rules.idHint')} problem={idBad ? t('credentials.idRule') : problem('id')}>
            {(ids) => <input {...ids} className="mono" maxLength={64} autoComplete="off" value={form.id} data-testid="rule-id" onChange={(e) => set({ id: e.target.value })} />}
          </Field>
        )}
        <Labels form={form} set={set} problem={problem('labels')} />
      </div>
    </Part>
  );
}

function Labels({ form, set, problem }: { form: RuleForm; set: Set; problem: string | undefined }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const known = [...LABELS, ...form.labels.filter((l) => !(LABELS as readonly string[]).includes(l))];
  const put = (label: string, on: boolean): void => set({ labels: on ? [...form.labels, label] : form.labels.filter((l) => l !== label) });
  const add = (): void => {
    const fresh = words(typed).filter((w) => !form.labels.includes(w));
    if (fresh.length > 0) set({ labels: [...form.labels, ...fresh] });
    setTyped('');
  };
  return (
    <fieldset className="field wide plain">
      <legend>{t('ruleField.labels')}</legend>
      <div className="check-list">
        {known.map((label) => (
          <label key={label} className="check">
            <input type="checkbox" checked={form.labels.includes(label)} data-testid={`label-${label}`} onChange={(e) => put(label, e.target.checked)} />
            {labelText(t, label)}
          </label>
        ))}
        <input
          className="mono"
          aria-label={t('rules.otherLabel')}
          placeholder={t('rules.otherLabel')}
          value={typed}
          maxLength={60}
          onChange={(e) => setTyped(e.target.value)}
          onBlur={add}
          onKeyDown={(e) => {
            if (e.key !== 'Enter' || composing(e)) return;
            e.preventDefault();
            add();
          }}
        />
      </div>
      <p className={problem ? 'form-error' : 'hint-text'}>{problem ?? t('rules.labelsHint')}</p>
    </fieldset>
  );
}

function Where({ form, set, channels, problem, nowhere }: { form: RuleForm; set: Set; channels: readonly Channel[]; problem: (key: string) => string | undefined; nowhere: boolean }) {
  const { t } = useTranslation();
  const areas = useAreas();
  const tables = useTimetables();
  const tree = useMemo(() => buildTree(areas.data ?? [], channels), [areas.data, channels]);
  const name = useMemo(() => {
    const names = new Map(channels.map((c) => [c.id, c.name]));
    return (id: string): string => names.get(id) ?? id;
  }, [channels]);
  const offers = useMemo(() => channels.map((c) => ({ value: c.id, text: c.name, note: c.id })), [channels]);
  const near = useMemo(() => under(form, channels), [form, channels]);
  const error = problem('channels') ?? problem('tags') ?? problem('areas') ?? problem('except') ?? (nowhere ? t('rules.noScope') : undefined);
  return (
    <Part title={t('rules.partWhere')}>
      <div className="choices" role="radiogroup" aria-label={t('rules.where')}>
        {SCOPES.map((s) => (
          <label key={s} className="check">
            <input type="radio" name="scope" value={s} checked={form.scope === s} data-testid={`scope-${s}`} onChange={() => set({ scope: s })} />
            {t(`scope.${s}`)}
          </label>
        ))}
      </div>
      <div className="fields-grid">
        {form.scope === 'named' && (
          <Field label={t('rules.addChannel')} problem={error} wide>
            {(ids) => <Choice {...ids} choices={offers.filter((o) => !form.channels.includes(o.value))} value="" empty={t('rules.pickChannel')} testid="rule-channel-add" onChange={(id) => id !== '' && set({ channels: [...form.channels, id] })} />}
          </Field>
        )}
        {form.scope === 'named' && <Chips list={form.channels} text={name} onChange={(list) => set({ channels: list })} testid="rule-channels-chosen" />}
        {form.scope === 'template' && (
          <>
            <Field label={t('rules.addArea')} hint={t('rules.templateHint')} problem={error}>
              {(ids) => <AreaSelect {...ids} tree={tree} value="" empty={t('rules.pickArea')} onChange={(id) => id !== '' && !form.areas.includes(id) && set({ areas: [...form.areas, id] })} />}
            </Field>
            <Field label={t('field.tags')} hint={t('rules.tagsHint')}>
              {(ids) => <input {...ids} defaultValue={form.tags.join(' ')} data-testid="rule-tags" onChange={(e) => set({ tags: words(e.target.value) })} />}
            </Field>
            <Chips list={form.areas} text={(id) => tree.byId.get(id)?.name ?? id} onChange={(list) => set({ areas: list })} />
          </>
        )}
        {form.scope !== 'named' && (
          <>
            <Field label={t('ruleField.except')} wide>
              {(ids) => <Choice {...ids} choices={offers.filter((o) => !form.except.includes(o.value))} value="" empty={t('rules.pickChannel')} onChange={(id) => id !== '' && set({ except: [...form.except, id] })} />}
            </Field>
            <Chips list={form.except} text={name} onChange={(list) => set({ except: list })} />
          </>
        )}
        {takesZones(form.type) && <Places title={t('ruleField.zones')} hint={t('rules.zonesHint')} found={near.zones} chosen={form.zones} onChange={(zones) => set({ zones })} problem={problem('zones')} testid="zone" />}
        {takesLines(form.type) && <Places title={t('ruleField.lines')} hint={t('rules.linesHint')} found={near.lines} chosen={form.lines} onChange={(lines) => set({ lines })} problem={problem('lines')} testid="line" />}
        {takesLines(form.type) && form.lines.length > 0 && (
          <Field label={t('ruleField.direction')} hint={t('rules.directionHint')} problem={problem('direction')}>
            {(ids) => (
              <select {...ids} value={form.direction} data-testid="rule-direction" onChange={(e) => set({ direction: e.target.value })}>
                {DIRECTIONS.map((d) => (
                  <option key={d} value={d}>
                    {t(`direction.${d}`)}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <Field label={t('rules.when')} problem={problem('timetable')}>
          {(ids) => (
            <select {...ids} value={form.timetable} data-testid="rule-timetable" onChange={(e) => set({ timetable: e.target.value })}>
              <option value="">{t('rules.always')}</option>
              {(tables.data ?? []).map((x) => (
                <option key={x.id} value={x.id}>
                  {x.name || x.id}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
    </Part>
  );
}

interface Found {
  id: string;
  name: string;
  channels: number;
}

/** Zones and lines that are drawn on the channels that the form is for, by id. */
function under(form: RuleForm, channels: readonly Channel[]): { zones: Found[]; lines: Found[] } {
  const is = (c: Channel): boolean => {
    if (form.scope === 'named') return form.channels.includes(c.id);
    if (form.except.includes(c.id)) return false;
    const tag = form.tags.length === 0 || form.tags.some((x) => c.tags.includes(x));
    const area = form.areas.length === 0 || form.areas.some((a) => c.area.includes(a));
    return form.scope === 'all' || (tag && area);
  };
  const of = channels.filter(is);
  const count = (places: (c: Channel) => readonly { id: string; name: string }[]): Found[] => {
    const found = new Map<string, Found>();
    for (const p of of.flatMap((c) => [...places(c)])) {
      const known = found.get(p.id);
      if (known) known.channels += 1;
      else found.set(p.id, { id: p.id, name: p.name, channels: 1 });
    }
    return [...found.values()].sort((a, b) => b.channels - a.channels).slice(0, 40);
  };
  return { zones: count((c) => c.zones), lines: count((c) => c.lines) };
}

function Places({ title, hint, found, chosen, onChange, problem, testid }: { title: string; hint: string; found: readonly Found[]; chosen: readonly string[]; onChange: (ids: string[]) => void; problem: string | undefined; testid: string }) {
  const { t } = useTranslation();
  const all = [...found, ...chosen.filter((id) => !found.some((f) => f.id === id)).map((id) => ({ id, name: id, channels: 0 }))];
  return (
    <fieldset className="field wide plain">
      <legend>{title}</legend>
      <div className="check-list">
        {all.map((f) => (
          <label key={f.id} className="check">
            <input type="checkbox" checked={chosen.includes(f.id)} data-testid={`${testid}-${f.id}`} onChange={(e) => onChange(e.target.checked ? [...chosen, f.id] : chosen.filter((x) => x !== f.id))} />
            <span>
              {f.name} {f.name !== f.id && <span className="mono dim">{f.id}</span>}{' '}
              <span className="dim">{f.channels === 0 ? t('rules.drawnNowhere') : t('rules.drawnOn', { count: f.channels })}</span>
            </span>
          </label>
        ))}
      </div>
      <p className={problem ? 'form-error' : 'hint-text'}>{problem ?? (all.length === 0 ? `${hint} ${t('rules.noPlaces')}` : hint)}</p>
    </fieldset>
  );
}

function Numbers({ group, form, set, problem }: { group: Group; form: RuleForm; set: Set; problem: (key: string) => string | undefined }) {
  const { t } = useTranslation();
  const [more, setMore] = useState(false);
  const fields = fieldsOf(form.type, group);
  if (fields.length === 0) return null;
  // What is set, or wrong, is always to be seen.
  const shown = fields.filter((f) => !f.more || more || (form.typed[f.key] ?? '') !== '' || problem(f.key));
  const hidden = fields.length - shown.length;
  return (
    <Part title={t(`ruleGroup.${group}`)}>
      <div className="fields-grid">
        {shown.map((f) => (
          <Field key={f.key} label={`${t(`ruleField.${f.key as 'min_score'}`)} (${t(`ruleUnit.${f.unit}`)})`} hint={t(`ruleFieldHint.${f.key as 'min_score'}`)} problem={problem(f.key)}>
            {(ids) => (
              <input
                {...ids}
                inputMode="decimal"
                autoComplete="off"
                maxLength={12}
                placeholder={t('rules.usual')}
                value={form.typed[f.key] ?? ''}
                data-testid={`rule-${f.key}`}
                onChange={(e) => set({ typed: { ...form.typed, [f.key]: e.target.value } })}
              />
            )}
          </Field>
        ))}
        {group === 'rate' && (
          <Field label={t('ruleField.focus_when')}>
            {(ids) => (
              <select {...ids} value={form.focus_when} onChange={(e) => set({ focus_when: e.target.value })}>
                {FOCUS_WHENS.map((w) => (
                  <option key={w} value={w}>
                    {t(`focusWhen.${w}`)}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
      </div>
      {hidden > 0 && (
        <button type="button" className="button quiet small" onClick={() => setMore(true)}>
          {t('rules.more', { count: hidden })}
        </button>
      )}
    </Part>
  );
}
