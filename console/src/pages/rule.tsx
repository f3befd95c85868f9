/* One rule: what it says, trying it, where it is armed, and who changed it. */
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { rulesApi, type DryRun, type RuleDetail } from '../api/rules';
import { useTitle } from '../lib/hooks';
import { fieldsOf, formOf, GROUPS } from '../lib/rulefields';
import { ruleKindText, scopeText } from '../lib/rulewords';
import { decimal, labelText, listText } from '../lib/words';
import { useAreas } from '../state/inventory';
import { useMayConfigure } from '../state/rights';
import { useRule, useTimetables } from '../state/rules';
import { NotThere } from '../ui/failed';
import { Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { Fact, Loading, SeverityWord } from '../ui/parts';
import { RemoveButton, useRemoval } from '../ui/remove';
import { RuleChannels } from '../ui/rules/channels';
import { DryRunCard } from '../ui/rules/dryrun';
import { ObjectHistory } from '../ui/rules/history';
import { Said } from '../ui/said';
import { RulesNav } from '../ui/subnav';
import { ArmedSign } from './rules';

const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;

export default function RulePage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useRule(id);
  useTitle(`${t('nav.rules')} ${id}`);
  let content: ReactNode;
  if (query.data) content = <RuleCards key={id} detail={query.data} />;
  else if (query.isPending) content = <Loading text={t('app.loading')} />;
  else content = <NotThere error={query.error} missing={t('rules.notFound')} failed={t('rules.failed')} retry={query.refetch} back={{ to: '/rules', text: t('rules.back') }} />;
  return (
    <div className="page rule-page" data-testid="rule-page">
      <RulesNav />
      {content}
    </div>
  );
}

function RuleCards({ detail }: { detail: RuleDetail }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const may = useMayConfigure();
  const [run, setRun] = useState<DryRun | null>(null);
  const [chosen, setChosen] = useState<string[]>([]);
  const { rule } = detail;
  const own = may && detail.origin === 'inventory';
  const removal = useRemoval();
  const remove = async (): Promise<void> => {
    if (await removal.run(() => rulesApi.remove(rule.id), t('rules.removed', { id: rule.id }))) await go('/rules');
  };
  return (
    <>
      <header className="page-head">
        <Link className="ghost back" to="/rules" aria-label={t('rules.back')}>
          <Icon name="back" />
        </Link>
        <div>
          <h1>{ruleKindText(t, rule.type)}</h1>
          <p className="dim">
            <span className="mono">{rule.id}</span>
            {detail.origin === 'file' && ` · ${t('edit.originFile')}`}
          </p>
        </div>
        <span className="grow" />
        <ArmedSign view={detail} />
        {own && (
          <>
            <Link className="button" to={`/rules/${encodeURIComponent(rule.id)}/edit`} data-testid="rule-edit">
              <Icon name="edit" />
              {t('edit.open')}
            </Link>
            <RemoveButton testid="rule-remove" onRemove={() => void remove()} />
          </>
        )}
      </header>
      {removal.error && <Problem>{removal.error}</Problem>}
      {detail.warning !== '' && (
        <div className="banner warn" role="status">
          <Icon name="misconfigured" />
          <Said text={detail.warning} />
        </div>
      )}
      <div className="rule-cards">
        <div className="rule-main">
          {may && <DryRunCard ask={{ id: rule.id }} channels={chosen} onDone={setRun} />}
          <RuleChannels detail={detail} run={run} chosen={chosen} setChosen={setChosen} may={may} />
        </div>
        <div className="rule-side">
          <Facts detail={detail} />
          {may && (
            <section className="card">
              <h2>{t('config.changes')}</h2>
              {detail.origin === 'file' ? <p className="dim">{t('rules.inFile')}</p> : <ObjectHistory kind="rule" id={rule.id} rev={detail.rev} />}
            </section>
          )}
        </div>
      </div>
    </>
  );
}

function Facts({ detail }: { detail: RuleDetail }) {
  const { t, i18n } = useTranslation();
  const areas = useAreas();
  const tables = useTimetables();
  const { rule, looks } = detail;
  const form = formOf(rule);
  const severity = SEVERITIES.find((s) => s === rule.severity);
  const table = tables.data?.find((x) => x.id === rule.timetable);
  const said = GROUPS.flatMap((g) => fieldsOf(rule.type, g)).filter((f) => !['', '0'].includes(form.typed[f.key] ?? '') && !f.more);
  return (
    <section className="card">
      <h2>{t('rules.says')}</h2>
      <dl className="facts">
        <Fact name={t('ruleField.severity')}>{severity ? <SeverityWord severity={severity} /> : rule.severity}</Fact>
        <Fact name={t('rules.where')}>{scopeText(t, rule, (id) => areas.data?.find((a) => a.id === id)?.name ?? id)}</Fact>
        {rule.except.length > 0 && <Fact name={t('ruleField.except')}>{rule.except.join(', ')}</Fact>}
        <Fact name={t('rules.places')}>{[...rule.zones, ...rule.lines].join(', ') || t('rules.wholePicture')}</Fact>
        {form.lines.length > 0 && <Fact name={t('ruleField.direction')}>{t(`direction.${form.direction as 'any'}`)}</Fact>}
        <Fact name={t('ruleField.labels')}>{rule.labels.length > 0 ? listText(i18n.language, rule.labels.map((l) => labelText(t, l))) : t('rules.anyLabel')}</Fact>
        <Fact name={t('rules.when')}>
          {rule.timetable === null ? t('rules.always') : <Link to="/timetables">{table?.name || rule.timetable}</Link>}
          {table?.on != null && ` · ${t(table.on ? 'timetables.onNow' : 'timetables.offNow')}`}
        </Fact>
        {said.map((f) => (
          <Fact key={f.key} name={t(`ruleField.${f.key as 'min_score'}`)}>
            <span className="num">
              {form.typed[f.key]} {f.unit !== 'share' && f.unit !== 'count' && <span className="dim">{t(`ruleUnit.${f.unit}`)}</span>}
            </span>
          </Fact>
        ))}
        <Fact name={t('rules.looks')}>
          <span className="num">{t('rules.looksOf', { needed: looks.needed, got: decimal(looks.got, 1), s: decimal(looks.inViewS, 1) })}</span>
        </Fact>
        {looks.focusHz > 0 && (
          <Fact name={t('ruleField.focus_hz')}>
            <span className="num">{t('unit.perSecond', { n: decimal(looks.focusHz, 1) })}</span>
          </Fact>
        )}
      </dl>
      {rule.for.filter((e) => Object.keys(e).some((k) => k !== 'channel' && k !== 'enabled')).map((e) => (
        <p key={e.channel} className="small-text">
          <b className="mono">{e.channel}</b>{' '}
          {Object.entries(e)
            .filter(([k]) => k !== 'channel' && k !== 'enabled')
            .map(([k, v]) => `${k} = ${JSON.stringify(v)}`)
            .join(', ')}
        </p>
      ))}
    </section>
  );
}
