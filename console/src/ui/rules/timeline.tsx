/*
 * What a rule would have made, on a line of time: one lane a channel, a bar an event. The picture is for the eye; the
 * table below says the same in words.
 */
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DryRun, DryRunEvent } from '../../api/rules';
import { useTimes } from '../../lib/hooks';
import { labelText, objectCounts } from '../../lib/words';
import { Heads } from '../heads';

const W = 1000;
const LANE = 22;
const MAX_LANES = 40;
const FIRST = 12;

/** Round hours or minutes, at most eight of them. */
export function ticks(from: number, to: number): number[] {
  const minute = 60_000;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880].map((m) => m * minute).find((s) => (to - from) / s <= 8) ?? 7 * 1440 * minute;
  const out: number[] = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) out.push(at);
  return out;
}

export function Timeline({ run }: { run: DryRun }) {
  const { t } = useTranslation();
  const times = useTimes();
  const { from, to } = run;
  const long = Math.max(1, to - from);
  const lanes = useMemo(() => {
    const busy = run.channels.filter((c) => c.events > 0);
    return busy.slice(0, MAX_LANES).map((c) => ({ channel: c, events: run.events.filter((e) => e.channel === c.id) }));
  }, [run]);
  if (lanes.length === 0 || !Number.isFinite(from)) return null;
  const x = (at: number): number => (Math.min(Math.max(at - from, 0), long) / long) * W;
  const marks = ticks(from, to);
  return (
    <div className="timeline" data-testid="timeline" data-lanes={lanes.length}>
      <div className="timeline-lanes">
        {lanes.map(({ channel, events }) => (
          <div key={channel.id} className="timeline-lane">
            <span className="timeline-name" title={channel.id}>
              {channel.name}
            </span>
            <svg viewBox={`0 0 ${W} ${LANE}`} preserveAspectRatio="none" aria-hidden="true">
              {marks.map((m) => (
                <line key={m} className="tick" x1={x(m)} x2={x(m)} y1={0} y2={LANE} />
              ))}
              {Number.isFinite(channel.from) && <rect className="seen" x={x(channel.from)} width={Math.max(1, x(channel.to) - x(channel.from))} y={LANE - 3} height={2} />}
              {events.map((e, i) => (
                <rect key={i} className={`bar ${e.joined ? 'joined' : ''}`} data-testid="timeline-event" x={x(e.start)} width={Math.max(3, x(e.end ?? to) - x(e.start))} y={4} height={LANE - 9} rx={1} />
              ))}
            </svg>
          </div>
        ))}
      </div>
      <div className="timeline-lane axis" aria-hidden="true">
        <span className="timeline-name" />
        <div className="timeline-axis">
          {marks.map((m) => (
            <span key={m} className="num" style={{ left: `${x(m) / (W / 100)}%` }}>
              {times.moment(m, 'minute')}
            </span>
          ))}
        </div>
      </div>
      <p className="legend dim small-text">
        <i className="bar-key" aria-hidden="true" /> {t('dry.keyAlert')} <i className="bar-key joined" aria-hidden="true" /> {t('dry.keyJoined')}
      </p>
    </div>
  );
}

export function EventTable({ run }: { run: DryRun }) {
  const { t } = useTranslation();
  const times = useTimes();
  const [all, setAll] = useState(false);
  const names = useMemo(() => new Map(run.channels.map((c) => [c.id, c.name])), [run]);
  if (run.events.length === 0) return null;
  const what = (e: DryRunEvent): string =>
    objectCounts(e.objects)
      .map((o) => (o.count > 1 ? `${o.count} × ${labelText(t, o.label)}` : labelText(t, o.label)))
      .join(', ');
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={t('dry.events')}>
      <table className="figures dry-events">
        <Heads
          of={[
            { text: t('dry.start') },
            { text: t('dry.channel') },
            { text: t('dry.place') },
            { text: t('dry.what') },
            { text: t('dry.long'), right: true },
            { text: t('dry.alert') },
          ]}
        />
        <tbody>
          {run.events.slice(0, all ? undefined : FIRST).map((e, i) => (
            <tr key={i} data-testid="dry-event">
              <th scope="row" className="num" title={times.moment(e.start, 'full')}>
                {times.moment(e.start, 'short')}
              </th>
              <td>{names.get(e.channel) ?? e.channel}</td>
              <td>
                <span className="mono">{e.zone ?? e.line ?? '–'}</span> {e.direction && t(`direction.${e.direction}`)}
              </td>
              <td>{what(e)}</td>
              <td className="right num">{e.end === null ? t('dry.goesOn') : times.age(e.end - e.start)}</td>
              <td>{t(e.joined ? 'dry.joins' : 'dry.new')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {run.events.length > FIRST && !all && (
        <button type="button" className="button quiet" onClick={() => setAll(true)}>
          {t('dry.more', { count: run.events.length - FIRST })}
        </button>
      )}
    </div>
  );
}
