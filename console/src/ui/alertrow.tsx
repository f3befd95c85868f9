/* One alert in the queue. Everything in it that came from outside is text. */
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import type { By } from '../lib/collapse';
import { ends, kindText, labelText, objectCounts } from '../lib/words';
import { useAreaText } from '../state/channels';
import { useSession } from '../state/session';
import { AlertFlags } from './alertflags';
import { Icon, SeveritySign } from './icons';
import { Boxes } from './overlay';
import { Age, StateChip } from './parts';

export function Thumb({ alert }: { alert: Alert }) {
  const media = alert.media[0];
  const [failed, setFailed] = useState('');
  const ratio = media && media.width > 0 && media.height > 0 ? media.width / media.height : 16 / 9;
  return (
    <span className="thumb" aria-hidden="true">
      {media && failed !== media.url ? (
        <span className="thumb-fit" style={{ aspectRatio: `${ratio}` }}>
          <img src={media.url} alt="" loading="lazy" decoding="async" onError={() => setFailed(media.url)} />
          <Boxes objects={media.objects} ratio={ratio} />
        </span>
      ) : (
        <Icon name="picture" />
      )}
    </span>
  );
}

export const AlertRow = memo(function AlertRow({
  alert,
  behind = 0,
  by = null,
  open = false,
  onToggle,
}: {
  alert: Alert;
  /** Rows that stand behind it in a flood, and what they have in common with it. */
  behind?: number;
  by?: By | null;
  open?: boolean;
  onToggle?: (id: string) => void;
}) {
  const { t } = useTranslation();
  const me = useSession((s) => s.session?.user);
  // The last level tells most; the detail shows the whole path.
  const above = useAreaText(alert.area.slice(-2, -1));
  const last = useAreaText(alert.area.slice(-1));
  const counts = objectCounts(alert.objects);
  const [first] = counts;
  const more = counts.length > 1 || (first?.count ?? 0) > 1;
  const [start, end] = ends(alert.channelName);
  return (
    <>
      <span className={behind > 0 ? 'row-picture stacked' : 'row-picture'}>
        <Thumb alert={alert} />
        {behind > 0 && by && (
          // The key for it is the page's: a row is one stop of the keyboard and holds no other.
          <span
            className="row-stack num"
            data-testid="row-stack"
            onClick={(e) => {
              e.stopPropagation();
              onToggle?.(alert.id);
            }}
          >
            +{behind} <Icon name="down" className={open ? 'turned' : ''} />
            <span className="visually-hidden">{t(`flood.behind.${by}`, { count: behind })}</span>
          </span>
        )}
      </span>
      <span className="row-text">
        <span className="row-line">
          <span className="row-title">
            <SeveritySign severity={alert.handling.priority} />
            <span className={`row-severity sev-${alert.handling.priority}`}>{t(`severity.${alert.handling.priority}`)}</span>
            <b>{kindText(t, alert)}</b>
            {more && first && <span className="row-count num">×{first.count}</span>}
            {counts.length > 1 && (
              <span className="row-objects num">
                {counts
                  .slice(1)
                  .map((o) => `· ${labelText(t, o.label)} ×${o.count}`)
                  .join(' ')}
              </span>
            )}
          </span>
          <Age at={alert.opened} className="row-age" />
        </span>
        <span className="row-line">
          <span className="row-channel middle" title={alert.channelName}>
            <span>{start}</span>
            <span>{end}</span>
          </span>
          {last !== '' && (
            <span className="row-area" title={above === '' ? last : `${above} / ${last}`}>
              {last}
            </span>
          )}
          {alert.owner && alert.state !== 'closed' ? (
            <span className="row-owner dim">{alert.owner === me ? t('alerts.ownerYou') : t('alerts.owner', { user: alert.owner })}</span>
          ) : (
            <span className={`row-owner ${alert.active ? 'going' : 'dim'}`}>{t(alert.active ? 'alerts.active' : 'alerts.cleared')}</span>
          )}
        </span>
        <span className="row-line row-foot">
          <span className="row-more">
            <span className="row-flags">
              {behind > 0 && by && (
                <span className="alert-flag" aria-hidden="true">
                  {t(`flood.same.${by}`)}
                </span>
              )}
              <AlertFlags alert={alert} />
            </span>
            {alert.events > 1 && <span className="num">{t('alerts.events', { count: alert.events })}</span>}
          </span>
          <StateChip state={alert.state} />
        </span>
      </span>
    </>
  );
});
