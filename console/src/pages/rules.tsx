/* All rules: what each looks for, where, whether it is armed, and what it raised. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { RULE_KINDS, type RuleView } from '../api/rules';
import { useTitle } from '../lib/hooks';
import { armedState, ruleKindText, scopeText, type ArmedState } from '../lib/rulewords';
import { saidInline } from '../lib/said';
import { errorText } from '../lib/words';
import { useAreas } from '../state/inventory';
import { useRules, useTimetables } from '../state/rules';
import { Problem } from '../ui/form';
import { Heads } from '../ui/heads';
import { Icon } from '../ui/icons';
import { Blank, Loading, SeverityWord } from '../ui/parts';
import { RulesNav } from '../ui/subnav';

const STATES: readonly ArmedState[] = ['armed', 'partly', 'off', 'nowhere'];
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;

export default function RulesPage() {
  const { t } = useTranslation();
  useTitle(t('nav.rules'));
  return (
    <div className="page rules-page">
      <RulesNav />
      <h1 className="visually-hidden">{t('nav.rules')}</h1>
      <Rules />
    </div>
  );
}

function Rules() {
  const { t } = useTranslation();
  const query = useRules();
  const areas = useAreas();
  const tables = useTimetables();
  const [params, setParams] = useSearchParams();
  const [kind, state, q, sort] = ['type', 'state', 'q', 'sort'].map((k) => params.get(k) ?? '') as [string, string, string, string];
  const set = (key: string, value: string): void =>
    setParams(
      (before) => {
        if (value === '') before.delete(key);
        else before.set(key, value);
        return before;
      },
      { replace: true },
    );
  const areaName = useMemo(() => {
    const names = new Map((areas.data ?? []).map((a) => [a.id, a.name]));
    return (id: string): string => names.get(id) ?? id;
  }, [areas.data]);
  const tableName = (id: string): string => tables.data?.find((x) => x.id === id)?.name || id;
  const all = query.data ?? [];
  const shown = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter((w) => w !== '');
    const text = (v: RuleView): string => [v.rule.id, ruleKindText(t, v.rule.type), scopeText(t, v.rule, areaName), ...v.rule.zones, ...v.rule.lines, ...v.rule.labels].join('\n').toLowerCase();
    const found = all.filter((v) => (kind === '' || v.rule.type === kind) && (state === '' || armedState(v) === state) && words.every((w) => text(v).includes(w)));
    return sort === 'alerts' ? [...found].sort((a, b) => b.raised24h - a.raised24h) : found;
  }, [all, kind, state, q, sort, t, areaName]);

  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (query.isError) return <Problem>{errorText(t, query.error)}</Problem>;
  if (all.length === 0) {
    return (
      <Blank icon="eye" title={t('rules.none')}>
        <p>{t('rules.noneHint')}</p>
      </Blank>
    );
  }
  return (
    <>
      <div className="filter-row" role="search">
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('rules.search')}</span>
          <input type="search" value={q} placeholder={t('rules.search')} data-testid="rule-search" onChange={(e) => set('q', e.target.value)} />
        </label>
        <select aria-label={t('rules.kind')} value={kind} data-testid="rule-kind-filter" onChange={(e) => set('type', e.target.value)}>
          <option value="">{t('rules.anyKind')}</option>
          {RULE_KINDS.filter((k) => all.some((v) => v.rule.type === k)).map((k) => (
            <option key={k} value={k}>
              {t(`ruleKind.${k}`)}
            </option>
          ))}
        </select>
        <select aria-label={t('rules.state')} value={state} data-testid="rule-state-filter" onChange={(e) => set('state', e.target.value)}>
          <option value="">{t('rules.anyState')}</option>
          {STATES.map((s) => (
            <option key={s} value={s}>
              {t(`armed.${s}`)}
            </option>
          ))}
        </select>
        <label className="check">
          <input type="checkbox" checked={sort === 'alerts'} onChange={(e) => set('sort', e.target.checked ? 'alerts' : '')} />
          {t('rules.byAlerts')}
        </label>
        <span className="grow" />
        <span className="dim num" data-testid="rules-shown" data-count={shown.length}>
          {t('rules.shown', { n: shown.length, of: all.length })}
        </span>
      </div>
      <div className="card table-scroll" tabIndex={0} role="region" aria-label={t('nav.rules')}>
        <table className="figures rules-table">
          <Heads
            of={[
              { text: t('rules.rule') },
              { text: t('rules.where') },
              { text: t('rules.places') },
              { text: t('rules.when') },
              { text: t('rules.state') },
              { text: t('rules.raised'), right: true },
            ]}
          />
          <tbody>
            {shown.map((v) => (
              <Row key={v.rule.id} view={v} scope={scopeText(t, v.rule, areaName)} table={v.rule.timetable === null ? null : tableName(v.rule.timetable)} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p className="dim pad">{t('rules.noMatch')}</p>}
      </div>
    </>
  );
}

function Row({ view, scope, table }: { view: RuleView; scope: string; table: string | null }) {
  const { t } = useTranslation();
  const { rule } = view;
  const severity = SEVERITIES.find((s) => s === rule.severity);
  const places = [...rule.zones, ...rule.lines];
  return (
    <tr data-testid="rule-row" data-rule={rule.id}>
      <th scope="row">
        <Link to={`/rules/${encodeURIComponent(rule.id)}`} className="rule-link">
          <b>{ruleKindText(t, rule.type)}</b> <span className="mono dim">{rule.id}</span>
        </Link>
        <span className="rule-under">
          {severity && <SeverityWord severity={severity} />}
          {view.warning !== '' && (
            <span className="warn-text" title={saidInline(t, view.warning)}>
              <Icon name="misconfigured" />
              {t('rules.tooFew')}
            </span>
          )}
          {view.origin === 'file' && <span className="dim">{t('rules.fromFile')}</span>}
          <span className="dim narrow-only">{scope}</span>
        </span>
      </th>
      <td>{scope}</td>
      <td className="mono">{places.length > 0 ? places.join(', ') : <span className="dim">{t('rules.wholePicture')}</span>}</td>
      <td>{table ?? <span className="dim">{t('rules.always')}</span>}</td>
      <td>
        <ArmedSign view={view} />
      </td>
      <td className="right num">{view.raised24h}</td>
    </tr>
  );
}

export function ArmedSign({ view }: { view: Pick<RuleView, 'placed' | 'armed'> }) {
  const { t } = useTranslation();
  const state = armedState(view);
  return (
    <span className={`armed armed-${state}`} data-testid="armed-sign" data-state={state}>
      <i aria-hidden="true" />
      {t(`armed.${state}`)} <span className="num dim">{t('rules.armedOf', { n: view.armed, of: view.placed })}</span>
    </span>
  );
}
