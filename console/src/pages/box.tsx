/*
 * The box as it breathes, for the ops engineer: one sentence on top, then why. Nothing here is colour alone, every
 * drop says what to do about it, and what the gateway does not know is shown as unknown.
 */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ACTIVITIES, type Box, type BoxBudget } from '../api/box';
import { CHANNEL_STATES } from '../api/channel';
import { away, dropText, FULL, interval, LATE_MS, msText, percent } from '../lib/boxwords';
import { useTitle } from '../lib/hooks';
import { bytesText, codecText, decimal } from '../lib/words';
import { useBox } from '../state/box';
import { BoxVerdict } from '../ui/boxverdict';
import { Curve } from '../ui/curve';
import { Failed } from '../ui/failed';
import { Heads } from '../ui/heads';
import { Icon } from '../ui/icons';
import { Fact, Loading } from '../ui/parts';

export default function BoxPage() {
  const { t } = useTranslation();
  const query = useBox();
  useTitle(t('box.title'));
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (!query.data) {
    return <Failed title={t('box.failed')} error={query.error} retry={query.refetch} />;
  }
  return <BoxBody box={query.data} stale={query.isError} />;
}

export function BoxBody({ box, stale }: { box: Box; stale: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="page system-page box-page" data-testid="box-page">
      <header className="page-head">
        <h1>{t('box.title')}</h1>
      </header>
      <div className="system-grid">
        <BoxVerdict box={box} stale={stale} />
        <Tiles box={box} />
        <Curves box={box} />
        <Ages box={box} />
        <Tiers box={box} />
        <Floors box={box} />
        <Drops box={box} />
        <Channels box={box} />
        <Budgets box={box} />
        <Engine box={box} />
      </div>
    </div>
  );
}

/** A share as a bar; the number stands beside it in words. */
function Bar({ share, name }: { share: number; name: string }) {
  const part = Math.min(1, Math.max(0, share));
  const tone = share >= FULL ? 'full' : share >= 0.75 ? 'high' : 'fine';
  return (
    <div className={`meter ${tone}`} role="img" aria-label={`${name}: ${percent(share)}`}>
      <i style={{ width: `${part * 100}%` }} />
    </div>
  );
}

function Tiles({ box }: { box: Box }) {
  const { t } = useTranslation();
  const { load } = box;
  return (
    <>
      <section className="card quarter tile">
        <h2>{t('box.workers')}</h2>
        <p className="figure num">{percent(load.workersBusy)}</p>
        <Bar share={load.workersBusy} name={t('box.workers')} />
        <p className="dim">{t('box.workersOf', { count: load.workers })}</p>
      </section>
      <section className="card quarter tile">
        <h2>{t('box.looks')}</h2>
        <p className="figure num">{decimal(load.looksPerS, load.looksPerS < 10 ? 2 : 0)}</p>
        {load.capacity !== null && <Bar share={load.looksPerS / load.capacity} name={t('box.looks')} />}
        <p className="dim">
          {load.capacity === null ? t('box.capacityUnknown') : t('box.capacity', { n: decimal(load.capacity, load.capacity < 10 ? 1 : 0) })}
        </p>
      </section>
      <section className="card quarter tile">
        <h2>{t('box.cpu')}</h2>
        <p className="figure num">{decimal(load.processCores, load.processCores < 10 ? 2 : 1)}</p>
        <Bar share={load.machineBusy} name={t('box.cpu')} />
        <p className="dim">{t('box.cpuOf', { n: load.cores, busy: percent(load.machineBusy) })}</p>
      </section>
      <section className="card quarter tile">
        <h2>{t('box.waiting')}</h2>
        <p className="figure num">{load.pending}</p>
        <p className="dim">{t('box.waitingHint')}</p>
      </section>
    </>
  );
}

const SPANS = [5, 15] as const;

function Curves({ box }: { box: Box }) {
  const { t } = useTranslation();
  const [minutes, setMinutes] = useState<(typeof SPANS)[number]>(5);
  const h = box.history;
  const given = { stepS: h.stepS, minutes };
  const small = (v: number): string => decimal(v, v < 10 ? 1 : 0);
  return (
    <section className="card wide">
      <div className="card-head">
        <h2>{t('box.curves')}</h2>
        <div className="segments" role="group" aria-label={t('box.span')}>
          {SPANS.map((m) => (
            <button key={m} type="button" aria-pressed={minutes === m} data-testid={`box-span-${m}`} onClick={() => setMinutes(m)}>
              {m === 5 ? t('box.span5') : t('box.span15')}
            </button>
          ))}
        </div>
      </div>
      <div className="curves">
        <Curve
          {...given}
          testid="curve-looks"
          name={t('box.curve.looks')}
          show={small}
          lines={[
            { points: h.patrol, tone: 'main', name: t('box.patrolLine') },
            { points: h.focus, tone: 'second', name: t('box.focusLine') },
          ]}
        />
        <Curve {...given} testid="curve-age" name={t('box.curve.age')} show={(v) => msText(t, v)} lines={[{ points: h.ageP99, tone: 'main' }]} />
        <Curve {...given} testid="curve-busy" name={t('box.curve.busy')} show={percent} top={1} lines={[{ points: h.busy, tone: 'main' }]} />
        <Curve {...given} testid="curve-dropped" name={t('box.curve.dropped')} show={small} lines={[{ points: h.dropped, tone: 'main' }]} />
        <Curve {...given} testid="curve-cores" name={t('box.curve.cores')} show={(v) => decimal(v, 2)} top={box.load.cores} lines={[{ points: h.cores, tone: 'main' }]} />
      </div>
    </section>
  );
}

function Ages({ box }: { box: Box }) {
  const { t } = useTranslation();
  const rows = box.stages;
  const longest = Math.max(1, ...rows.map((s) => s.ageP99 ?? 0));
  const any = rows.some((s) => s.count > 0);
  return (
    <section className="card wide">
      <h2>{t('box.ages')}</h2>
      <p className="dim">{any ? t('box.agesHint') : t('box.agesNone')}</p>
      {any && (
        <table className="figures waterfall" data-testid="box-ages">
          <Heads
            of={[
              { text: t('box.col.stage') },
              { text: t('box.col.age'), className: 'wide-only' },
              { text: t('box.col.p50'), right: true },
              { text: t('box.col.p99'), right: true },
              { text: t('box.col.service'), right: true },
            ]}
          />
          <tbody>
            {rows.map((s) => (
              <tr key={s.stage}>
                <th scope="row">{t(`box.stage.${s.stage}`)}</th>
                <td className="wide-only">
                  <div className={`fall ${(s.ageP99 ?? 0) > LATE_MS ? 'late' : ''}`} aria-hidden="true">
                    <i className="to-p99" style={{ width: `${((s.ageP99 ?? 0) / longest) * 100}%` }} />
                    <i className="to-p50" style={{ width: `${((s.ageP50 ?? 0) / longest) * 100}%` }} />
                  </div>
                </td>
                <td className="right num">{msText(t, s.ageP50)}</td>
                <td className="right num">{msText(t, s.ageP99)}</td>
                <td className="right num dim">{msText(t, s.serviceMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Tiers({ box }: { box: Box }) {
  const { t } = useTranslation();
  const { focus } = box;
  const shares = { share: percent(focus.share), bound: percent(focus.shareBound) };
  return (
    <section className="card half">
      <h2>{t('box.tiers')}</h2>
      <table className="figures">
        <Heads
          of={[
            { text: t('box.col.tier') },
            { text: t('box.col.rate'), right: true },
            { text: t('box.col.cost'), right: true },
          ]}
        />
        <tbody>
          {box.tiers.map((r) => (
            <tr key={r.tier}>
              <th scope="row">
                {t(`box.tier.${r.tier}`)} <span className="dim under">{t(`box.tierHint.${r.tier}`)}</span>
              </th>
              <td className="right num">{decimal(r.looksPerS, r.looksPerS < 10 ? 2 : 0)}</td>
              <td className="right num">{msText(t, r.serviceMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="dim num">
        {focus.wanted === 0
          ? t('box.focusNone', shares)
          : t('box.focusUse', { inUse: focus.inUse, wanted: focus.wanted, budget: focus.budget, ...shares })}
      </p>
    </section>
  );
}

function Floors({ box }: { box: Box }) {
  const { t } = useTranslation();
  const { floors } = box;
  const more = floors.late - floors.latest.length;
  return (
    <section className="card half" data-testid="box-floors">
      <h2>{t('box.floors')}</h2>
      <p>{floors.late === 0 ? t('box.floorsKept') : t('box.floorsLate', { count: floors.late })}</p>
      {floors.stretch > 1.05 && (
        <p className="num">
          {t('box.floorsStretch', { needed: decimal(floors.needed, 1), available: decimal(floors.available, 1), n: decimal(floors.stretch, 1) })}
        </p>
      )}
      {floors.silent > 0 && <p className="dim">{t('box.floorsSilent', { count: floors.silent })}</p>}
      {floors.latest.length > 0 && (
        <div className="scroll" role="region" tabIndex={0} aria-label={t('box.floors')}>
          <table className="figures">
            <Heads
              of={[
                { text: t('box.col.channel') },
                { text: t('box.col.since'), right: true },
                { text: t('box.col.floor'), right: true },
              ]}
            />
            <tbody>
              {floors.latest.map((l) => (
                <tr key={l.channel}>
                  <th scope="row">
                    <Link to={`/channels/${encodeURIComponent(l.channel)}`}>{l.name}</Link>
                  </th>
                  <td className="right num">{interval(t, l.ageS)}</td>
                  <td className="right num">
                    {t('box.floorOf', { floor: interval(t, l.floorS) })}
                    {l.stretchedS > l.floorS * 1.05 && <span className="dim under">{t('box.floorNow', { stretched: interval(t, l.stretchedS) })}</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more > 0 && <p className="dim num">{t('box.floorsMore', { count: more })}</p>}
    </section>
  );
}

function Drops({ box }: { box: Box }) {
  const { t } = useTranslation();
  return (
    <section className="card wide" data-testid="box-drops">
      <h2>{t('box.drops')}</h2>
      {box.drops.length === 0 ? (
        <p>{t('box.dropsNone')}</p>
      ) : (
        <table className="figures">
          <Heads
            of={[
              { text: t('box.col.why') },
              { text: t('box.col.minute'), right: true },
              { text: t('box.col.total'), right: true },
            ]}
          />
          <tbody>
            {box.drops.map((d) => {
              const words = dropText(t, d);
              return (
                <tr key={`${d.stage}.${d.reason}`} className={d.lastMinute === 0 ? 'past' : ''}>
                  <th scope="row">
                    {words.why}
                    {!words.known && <span className="mono dim"> {d.reason}</span>}
                    <span className="dim under">{words.advice}</span>
                  </th>
                  <td className="right num">{d.lastMinute}</td>
                  <td className="right num dim">{d.total}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Channels({ box }: { box: Box }) {
  const { t } = useTranslation();
  const states = CHANNEL_STATES.filter((s) => (box.channels[s] ?? 0) > 0);
  const told = ACTIVITIES.filter((s) => (box.activity[s] ?? 0) > 0);
  return (
    <section className="card wide">
      <div className="card-head">
        <h2>{t('box.channels')}</h2>
        {away(box) > 0 && <Link to="/channels">{t('box.showChannels')}</Link>}
      </div>
      <div className="bar-stack" aria-hidden="true">
        {states.map((s) => (
          <i key={s} className={`ch-${s}`} style={{ flexGrow: box.channels[s] ?? 0 }} />
        ))}
      </div>
      <ul className="legend">
        {states.map((s) => (
          <li key={s} className={`ch-${s}`}>
            <Icon name={s} /> {t(`channelState.${s}`)} <b className="num">{box.channels[s]}</b>
          </li>
        ))}
      </ul>
      {told.length > 0 && (
        <>
          <h3>{t('box.activityTitle')}</h3>
          <ul className="legend plain">
            {told.map((s) => (
              <li key={s}>
                {t(`box.activity.${s}`)} <b className="num">{box.activity[s]}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function amount(b: BoxBudget, value: number): string {
  if (b.unit === 'bytes') return bytesText(value);
  return b.unit === 'ratio' ? percent(value) : String(value);
}

function Budgets({ box }: { box: Box }) {
  const { t } = useTranslation();
  return (
    <section className="card half">
      <h2>{t('box.budgets')}</h2>
      <ul className="budgets">
        {box.budgets.map((b) => {
          const share = b.bound > 0 ? b.used / b.bound : 0;
          const name = t(`box.budget.${b.name}`);
          return (
            <li key={b.name}>
              <span>{name}</span>
              <span className="num dim">
                {b.unit === 'ratio' ? percent(share) : t('box.budgetOf', { used: amount(b, b.used), bound: amount(b, b.bound) })}
              </span>
              <Bar share={share} name={name} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Engine({ box }: { box: Box }) {
  const { t } = useTranslation();
  const { broker, engine } = box;
  return (
    <section className="card half">
      <h2>{t('box.engine')}</h2>
      <dl className="facts">
        <Fact name={t('box.model')}>
          <span className="mono">{engine.model}</span>
        </Fact>
        <Fact name={t('box.provider')}>
          <span className="mono">{engine.provider}</span>
        </Fact>
        {engine.decoders.map(([codec, element]) => (
          <Fact key={codec} name={t('box.decoder', { codec: codecText(codec) ?? codec })}>
            <span className="mono">{element}</span>
          </Fact>
        ))}
        <Fact name={t('box.broker')}>
          {broker.connected ? t('box.brokerUp') : t('box.brokerDown')}{' '}
          <span className="dim">{broker.kind === 'external' ? t('box.brokerKind.external') : t('box.brokerKind.embedded')}</span>
          <br />
          <span className="dim num">{t('box.brokerWaits', { waiting: broker.waiting, inflight: broker.inflight })}</span>
        </Fact>
      </dl>
    </section>
  );
}
