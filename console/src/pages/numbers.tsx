/*
 * What a position is judged by, after ISA-18.2: one sentence on top, eight figures beside their targets, and below why:
 * when it was too much, which sources it came from (each one click from its rule), how fast it was taken, what it came to.
 */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Numbers, Took } from '../api/numbers';
import { useTimes, useTitle } from '../lib/hooks';
import { alertsPath, becauseText, FIGURES, shareTarget, shareText } from '../lib/numberwords';
import { typeText, windowText } from '../lib/words';
import { rightsText, useMay } from '../state/rights';
import { useRules } from '../state/rules';
import { useNumbers, usePositions } from '../state/shifts';
import { Failed } from '../ui/failed';
import { FigureTile, OverallVerdict, VerdictWord, WindowBars } from '../ui/figures';
import { Heads } from '../ui/heads';
import { Age, Blank, Loading, SeverityWord, StateChip } from '../ui/parts';

const SPANS = [null, 24, 168, 720] as const;
type Span = (typeof SPANS)[number];

export default function NumbersPage() {
  const { t } = useTranslation();
  if (!useMay('numbers')) {
    return (
      <Blank icon="auth_failed" title={t('error.forbidden')}>
        <p>{rightsText(t, 'numbers')}</p>
      </Blank>
    );
  }
  return <AllNumbers />;
}

function AllNumbers() {
  const { t } = useTranslation();
  const [picked, setPosition] = useState('');
  const [span, setSpan] = useState<Span>(null);
  const positions = usePositions().data ?? [];
  // Who has one position is asked for none, and its shift is known.
  const position = positions.length === 1 ? (positions[0]?.id ?? '') : picked;
  const query = useNumbers(position, span);
  useTitle(t('numbers.title'));
  return (
    <div className="page system-page numbers-page" data-testid="numbers-page">
      <header className="page-head">
        <h1>{t('numbers.title')}</h1>
        {positions.length > 1 && (
          <label className="select">
            <span className="visually-hidden">{t('detail.position')}</span>
            <select value={position} data-testid="numbers-position" onChange={(e) => setPosition(e.target.value)}>
              <option value="">{t('alerts.anyPosition')}</option>
              {positions.map((p) => (
                <option key={p.id} value={p.id}>
                  {p.name}
                </option>
              ))}
            </select>
          </label>
        )}
        <div className="segments" role="group" aria-label={t('numbers.span')}>
          {SPANS.map((s) => (
            <button key={s ?? 0} type="button" aria-pressed={span === s} data-testid={`numbers-span-${s ?? 'shift'}`} onClick={() => setSpan(s)}>
              {s === null ? t('numbers.spanShift') : s === 24 ? t('numbers.spanDay') : s === 168 ? t('numbers.spanWeek') : t('numbers.spanMonth')}
            </button>
          ))}
        </div>
      </header>
      {query.isPending ? (
        <Loading text={t('app.loading')} />
      ) : query.data ? (
        <NumbersBody numbers={query.data} />
      ) : (
        <Failed title={t('numbers.failed')} error={query.error} retry={query.refetch} />
      )}
    </div>
  );
}

export function NumbersBody({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const times = useTimes();
  const when = { from: times.moment(numbers.from, 'short'), to: times.moment(numbers.to, 'short') };
  return (
    <>
      <p className="dim num numbers-when" data-testid="numbers-when">
        {t(`numbers.chosen.${numbers.chosen}`, when)} {t('numbers.counted', { count: numbers.rows })}
        {numbers.positions > 1 && ` ${t('numbers.shared', { count: numbers.positions })}`}
      </p>
      <div className="system-grid">
        <OverallVerdict numbers={numbers} />
        {FIGURES.map((name) => (
          <FigureTile key={name} name={name} numbers={numbers} />
        ))}
        <section className="card wide">
          <h2>{t('numbers.windows', { window: windowText(t, numbers.windows.seconds) })}</h2>
          <WindowBars numbers={numbers} />
        </section>
        <BadActors numbers={numbers} />
        <Mix numbers={numbers} />
        <Times numbers={numbers} />
        <Rules numbers={numbers} />
        <Aside numbers={numbers} />
        <Stale numbers={numbers} />
        <Chattering numbers={numbers} />
      </div>
    </>
  );
}

/** To the rule's form where it is one that can be changed here, else to the rule; the gateway's own has no page. */
function RuleLink({ id, text }: { id: string; text?: string }) {
  const { t } = useTranslation();
  const rules = useRules();
  const view = rules.data?.find((r) => r.rule.id === id);
  if (!view) return <span className="mono">{text ?? id}</span>;
  if (view.origin !== 'inventory') {
    return (
      <Link to={`/rules/${encodeURIComponent(id)}`} title={t('numbers.ruleOfFile')}>
        {text ?? id}
      </Link>
    );
  }
  return (
    <Link to={`/rules/${encodeURIComponent(id)}/edit`} data-testid="edit-rule" aria-label={t('numbers.editRule', { rule: id })}>
      {text ?? id}
    </Link>
  );
}

function ChannelLink({ id, name }: { id: string; name: string }) {
  return <Link to={`/channels/${encodeURIComponent(id)}`}>{name}</Link>;
}

/** A part of a whole: of the results, how many were false. */
function FalseOf({ judged, wrong }: { judged: number; wrong: number }) {
  const { t } = useTranslation();
  return judged === 0 ? <span className="dim">{t('numbers.noResult')}</span> : <>{t('numbers.falseOf', { share: shareText(wrong / judged), wrong, judged })}</>;
}

function BadActors({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const { sources } = numbers.top;
  const most = Math.max(1e-9, ...sources.map((s) => s.share));
  return (
    <section className="card wide" data-testid="bad-actors">
      <div className="card-head">
        <h2>{t('numbers.badActors')}</h2>
        {sources.length > 0 && <span className="dim num">{t('numbers.badActorsShare', { share: shareText(numbers.top.share.value) })}</span>}
      </div>
      {sources.length === 0 ? (
        <p className="dim">{t('numbers.none')}</p>
      ) : (
        <>
          <p className="dim">{t('numbers.badActorsHint')}</p>
          <table className="figures actors">
            <Heads
              of={[
                { text: t('numbers.col.source') },
                { text: t('numbers.col.rule') },
                { text: t('numbers.col.rows'), right: true },
                { text: t('numbers.col.share'), className: 'wide-only' },
                { text: t('numbers.col.false'), right: true },
                { text: t('numbers.col.alerts'), right: true },
              ]}
            />
            <tbody>
              {sources.map((s) => (
                <tr key={`${s.channel} ${s.rule}`} data-testid="bad-actor">
                  <th scope="row">
                    {s.channelName}
                    <span className="dim under">{typeText(t, s.kind)}</span>
                  </th>
                  <td>
                    <RuleLink id={s.rule} />
                  </td>
                  <td className="right num">{s.rows}</td>
                  <td className="wide-only share-col">
                    <div className="meter" aria-hidden="true">
                      <i style={{ width: `${(s.share / most) * 100}%` }} />
                    </div>
                    <span className="num">{shareText(s.share)}</span>
                  </td>
                  <td className="right num">
                    <FalseOf judged={s.judged} wrong={s.wrong} />
                  </td>
                  <td className="right">
                    <Link to={alertsPath(s)} aria-label={t('numbers.alertsOf', { channel: s.channelName })}>
                      {t('numbers.show')}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}

function Mix({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  return (
    <section className="card half" data-testid="priority-mix">
      <h2>{t('numbers.mix')}</h2>
      <table className="figures">
        <Heads
          of={[
            { text: t('numbers.col.priority') },
            { text: t('numbers.col.rows'), right: true },
            { text: t('numbers.col.share'), right: true },
            { text: t('numbers.col.target'), right: true },
            { text: t('numbers.col.verdict'), right: true },
          ]}
        />
        <tbody>
          {[...numbers.priorities].reverse().map((p) => (
            <tr key={p.priority}>
              <th scope="row">
                <SeverityWord severity={p.priority} />
              </th>
              <td className="right num">{p.rows}</td>
              <td className="right num">{shareText(numbers.rows === 0 ? 0 : p.rows / numbers.rows)}</td>
              <td className="right num dim">{shareTarget(t, p.share)}</td>
              <td className="right">
                <VerdictWord of={p.share.verdict} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="dim small-text">{t('numbers.mixHint')}</p>
    </section>
  );
}

function Times({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const times = useTimes();
  const { acknowledge, resolve, due, inTime } = numbers.times;
  const line = (name: string, took: Took) => (
    <tr>
      <th scope="row">{name}</th>
      <td className="right num">{took.rows}</td>
      {[took.p50, took.p90, took.max].map((ms, i) => (
        <td key={i} className="right num">
          {took.rows === 0 ? '–' : ms < 1000 ? t('numbers.underSecond') : times.age(ms)}
        </td>
      ))}
    </tr>
  );
  return (
    <section className="card half" data-testid="numbers-times">
      <h2>{t('numbers.times')}</h2>
      <table className="figures">
        <Heads
          of={[
            { text: t('numbers.col.step') },
            { text: t('numbers.col.rows'), right: true },
            { text: t('numbers.col.p50'), right: true },
            { text: t('numbers.col.p90'), right: true },
            { text: t('numbers.col.max'), right: true },
          ]}
        />
        <tbody>
          {line(t('numbers.acknowledge'), acknowledge)}
          {line(t('numbers.resolve'), resolve)}
        </tbody>
      </table>
      <p className="num">{due === 0 ? t('numbers.dueNone') : t('numbers.dueOf', { inTime, due })}</p>
    </section>
  );
}

function Rules({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const { rules, judged, wrong, nuisance } = numbers.wrong;
  return (
    <section className="card half" data-testid="numbers-rules">
      <h2>{t('numbers.falseByRule')}</h2>
      <p className="dim num">{judged === 0 ? t('numbers.noResults') : t('numbers.results', { judged, wrong, nuisance })}</p>
      {rules.length > 0 && (
        <table className="figures">
          <Heads of={[{ text: t('numbers.col.rule') }, { text: t('numbers.col.rows'), right: true }, { text: t('numbers.col.false'), right: true }]} />
          <tbody>
            {rules.map((r) => (
              <tr key={r.rule}>
                <th scope="row">
                  <RuleLink id={r.rule} />
                </th>
                <td className="right num">{r.rows}</td>
                <td className="right num">
                  <FalseOf judged={r.judged} wrong={r.wrong} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Aside({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const { groups, held, under, brief, heldBack } = numbers.aside;
  const how = (word: string): string => (word === 'held' || word === 'under' || word === 'brief' ? t(`how.${word}`) : word);
  return (
    <section className="card half" data-testid="numbers-aside">
      <h2>{t('numbers.aside')}</h2>
      <p className="num">{t('numbers.asideSum', { count: held + under + brief })}</p>
      {groups.length > 0 && (
        <table className="figures">
          <Heads of={[{ text: t('numbers.col.how') }, { text: t('numbers.col.why') }, { text: t('numbers.col.alerts'), right: true }]} />
          <tbody>
            {groups.map((g) => (
              <tr key={`${g.how} ${g.because}`}>
                <th scope="row">{how(g.how)}</th>
                <td>{becauseText(t, g.because) ?? '–'}</td>
                <td className="right num">{g.alerts}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="dim num">{t('numbers.heldBack', { count: heldBack })}</p>
    </section>
  );
}

function Stale({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const { rows, count } = numbers.stale;
  const more = count.value - rows.length;
  return (
    <section className="card half stale-list" data-testid="numbers-stale">
      <h2>{t('numbers.staleList')}</h2>
      {rows.length === 0 ? (
        <p className="dim">{t('numbers.staleNone')}</p>
      ) : (
        <div className="scroll" role="region" tabIndex={0} aria-label={t('numbers.staleList')}>
          <table className="figures">
            <Heads of={[{ text: t('numbers.col.alert') }, { text: t('numbers.col.priority') }, { text: t('numbers.col.state') }, { text: t('numbers.col.since'), right: true }]} />
            <tbody>
              {rows.map((r) => (
                <tr key={r.id}>
                  <th scope="row">
                    <Link to={`/alerts/${encodeURIComponent(r.id)}`}>{typeText(t, r.kind)}</Link>
                    <span className="dim under">
                      {r.channelName}
                      {r.owner !== null && ` · ${t('alerts.owner', { user: r.owner })}`}
                    </span>
                  </th>
                  <td>
                    <SeverityWord severity={r.priority} />
                  </td>
                  <td>
                    <StateChip state={r.state} />
                  </td>
                  <td className="right">
                    <Age at={r.since} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more > 0 && <p className="dim num">{t('numbers.more', { count: more })}</p>}
    </section>
  );
}

function Chattering({ numbers }: { numbers: Numbers }) {
  const { t } = useTranslation();
  const { sources, count } = numbers.chattering;
  const more = count.value - sources.length;
  return (
    <section className="card half" data-testid="numbers-chattering">
      <h2>{t('numbers.chatteringList')}</h2>
      {sources.length === 0 ? (
        <p className="dim">{t('numbers.chatteringNone')}</p>
      ) : (
        <table className="figures">
          <Heads of={[{ text: t('numbers.col.source') }, { text: t('numbers.col.rule') }, { text: t('numbers.col.alerts'), right: true }]} />
          <tbody>
            {sources.map((s) => (
              <tr key={`${s.channel} ${s.rule}`}>
                <th scope="row">
                  <ChannelLink id={s.channel} name={s.channelName} />
                </th>
                <td>
                  <RuleLink id={s.rule} />
                </td>
                <td className="right num">{s.alerts}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {more > 0 && <p className="dim num">{t('numbers.more', { count: more })}</p>}
    </section>
  );
}
