/*
 * Where a rule is armed, channel by channel: arm it for a few first, compare what it raised with what the dry run said,
 * then widen it or take it back. Each step is a revision, and can be taken back as one.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { rulesApi, type DryRun, type RuleChannel, type RuleDetail } from '../../api/rules';
import { rateOfDay } from '../../lib/rulewords';
import { errorText } from '../../lib/words';
import { refreshInventory } from '../../state/inventory';
import { notify } from '../../state/notices';
import { Problem } from '../form';
import { Icon } from '../icons';

const FIRST = 60;

export function RuleChannels({
  detail,
  run,
  chosen,
  setChosen,
  may,
}: {
  detail: RuleDetail;
  run: DryRun | null;
  chosen: readonly string[];
  setChosen: (ids: string[]) => void;
  may: boolean;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [q, setQ] = useState('');
  const [all, setAll] = useState(false);
  const dry = useMemo(() => new Map((run?.channels ?? []).map((c) => [c.id, c])), [run]);
  const own = may && detail.origin === 'inventory';
  const words = q.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const shown = detail.of.filter((c) => words.every((w) => `${c.id} ${c.name} ${c.areaNames.join(' ')}`.toLowerCase().includes(w)));
  const picked = new Set(chosen);
  const pick = (id: string, on: boolean): void => setChosen(on ? [...chosen, id] : chosen.filter((x) => x !== id));
  const put = async (armed: boolean, channels: readonly string[], done: string): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await rulesApi.arm(detail.rule.id, armed, channels);
      notify('good', done);
      setChosen([]);
    } catch (e) {
      setError(errorText(t, e));
    }
    refreshInventory(queries);
    setBusy(false);
  };
  const someOff = detail.of.some((c) => c.placed && !c.armed);
  return (
    <section className="card rule-channels" data-testid="rule-channels">
      <h2>{t('rules.channels')}</h2>
      {own && <p className="hint-text">{t('rules.armHint')}</p>}
      {error && <Problem>{error}</Problem>}
      {own && (
        <div className="row-deeds arm-bar">
          <button type="button" className="button primary small" disabled={busy || chosen.length === 0} data-testid="arm-chosen" onClick={() => void put(true, chosen, t('rules.armedDone', { count: chosen.length }))}>
            {t('rules.armChosen', { count: chosen.length })}
          </button>
          <button type="button" className="button small" disabled={busy || chosen.length === 0} data-testid="disarm-chosen" onClick={() => void put(false, chosen, t('rules.disarmedDone', { count: chosen.length }))}>
            {t('rules.disarmChosen', { count: chosen.length })}
          </button>
          <span className="grow" />
          <button type="button" className="button small" disabled={busy || (detail.rule.enabled && !someOff)} data-testid="arm-all" onClick={() => void put(true, [], t('rules.armedAllDone'))}>
            {t('rules.armAll')}
          </button>
          <button type="button" className="button small" disabled={busy || (!detail.rule.enabled && detail.armed === 0)} data-testid="disarm-all" onClick={() => void put(false, [], t('rules.disarmedAllDone'))}>
            {t('rules.disarmAll')}
          </button>
        </div>
      )}
      {detail.of.length > 8 && (
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('rules.findChannel')}</span>
          <input type="search" value={q} placeholder={t('rules.findChannel')} onChange={(e) => setQ(e.target.value)} />
        </label>
      )}
      {detail.of.length === 0 ? (
        <p className="dim">{t('rules.noChannels')}</p>
      ) : (
        <div className="table-scroll" tabIndex={0} role="region" aria-label={t('rules.channels')}>
          <table className="figures rule-channel-table">
            <thead>
              <tr>
                {own && (
                  <th scope="col">
                    <input
                      type="checkbox"
                      aria-label={t('rules.chooseAll')}
                      checked={shown.length > 0 && shown.every((c) => picked.has(c.id))}
                      data-testid="rule-channel-all"
                      onChange={(e) => setChosen(e.target.checked ? shown.map((c) => c.id) : [])}
                    />
                  </th>
                )}
                <th scope="col">{t('dry.channel')}</th>
                <th scope="col">{t('rules.state')}</th>
                <th scope="col" className="right">
                  {t('rules.raisedDay')}
                </th>
                <th scope="col" className="right">
                  {t('rules.dryDay')}
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, all ? undefined : FIRST).map((c) => (
                <tr key={c.id} data-testid="rule-channel" data-channel={c.id} data-armed={c.armed}>
                  {own && (
                    <td>
                      <input type="checkbox" aria-label={t('rules.choose', { channel: c.name })} checked={picked.has(c.id)} data-testid="rule-channel-pick" onChange={(e) => pick(c.id, e.target.checked)} />
                    </td>
                  )}
                  <th scope="row">
                    <Link to={`/channels/${encodeURIComponent(c.id)}`}>{c.name}</Link>
                    <span className="dim small-text"> {c.areaNames.slice(-2).join(' / ')}</span>
                  </th>
                  <td>
                    <ChannelArmed channel={c} />
                  </td>
                  <td className="right num">{c.raised24h}</td>
                  <td className="right num" data-testid="rule-channel-dry">
                    {dryText(dry.get(c.id)) ?? <span className="dim">–</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {shown.length > FIRST && !all && (
            <button type="button" className="button quiet" onClick={() => setAll(true)}>
              {t('rules.allChannels', { count: shown.length })}
            </button>
          )}
        </div>
      )}
    </section>
  );
}

function dryText(c: DryRun['channels'][number] | undefined): string | null {
  return c && c.alertsPerDay !== null ? rateOfDay(c.alertsPerDay) : null;
}

function ChannelArmed({ channel }: { channel: RuleChannel }) {
  const { t } = useTranslation();
  const state = !channel.placed ? 'nowhere' : channel.armed ? 'armed' : 'off';
  return (
    <span className={`armed armed-${state}`}>
      <i aria-hidden="true" />
      {state === 'nowhere' ? (
        <Link to={`/channels/${encodeURIComponent(channel.id)}/draw`}>{t('rules.notDrawn')}</Link>
      ) : (
        t(state === 'armed' ? 'rules.isArmed' : 'rules.isOff')
      )}
    </span>
  );
}
