/* Receivers over HTTP: how each stands, and what became of what was sent to it. */
import { useTranslation } from 'react-i18next';
import type { Hook } from '../api/gateway';
import { Moment } from './parts';
import { Said } from './said';

export function HookTable({ hooks }: { hooks: Hook[] }) {
  const { t } = useTranslation();
  return (
    <section className="card wide" data-testid="system-hooks">
      <h2>{t('system.hooks')}</h2>
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">{t('system.hook.id')}</th>
            <th scope="col">{t('system.hook.state')}</th>
            <th scope="col" className="right">
              {t('system.hook.delivered')}
            </th>
            <th scope="col" className="right">
              {t('system.hook.failed')}
            </th>
            <th scope="col" className="right">
              {t('system.hook.lost')}
            </th>
            <th scope="col" className="right">
              {t('system.hook.last')}
            </th>
          </tr>
        </thead>
        <tbody>
          {hooks.map((h) => (
            <tr key={h.id} data-state={h.state}>
              <th scope="row">
                <span className="mono">{h.id}</span>
                <span className="dim under break">{h.host}</span>
              </th>
              <td>
                {t(`system.hookState.${h.state}`)}
                {h.reason !== '' && <Said className="dim under break" text={h.reason} />}
              </td>
              <td className="right num">{h.delivered}</td>
              <td className="right num">{h.failed}</td>
              <td className="right num">{h.givenUp + h.missed}</td>
              <td className="right">{h.lastDelivered > 0 ? <Moment at={h.lastDelivered} /> : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="dim">{t('system.hooksHint')}</p>
    </section>
  );
}
