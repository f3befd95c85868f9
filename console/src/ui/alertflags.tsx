/* What stands beside an alert's state: on the shelf, escalated, overdue, chattering, how many are counted under it. */
import { useTranslation } from 'react-i18next';
import type { Alert } from '../api/types';
import { useNow, useTimes } from '../lib/hooks';
import { usePositionName } from '../state/positionnames';

export function AlertFlags({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const times = useTimes();
  const now = useNow();
  const h = alert.handling;
  const to = usePositionName(h.escalated?.to ?? '');
  const waits = alert.state === 'new' && h.due !== null && h.how === 'row' && !h.shelved;
  const late = waits && h.due !== null && now > h.due;
  return (
    <>
      {waits && h.due !== null && (
        <span className={late ? 'alert-flag bad' : 'alert-flag'}>{t(late ? 'flag.overdue' : 'flag.due', { at: times.moment(h.due, 'minute') })}</span>
      )}
      {h.shelved && <span className="alert-flag" data-flag="shelved">{t('flag.shelved', { until: times.moment(h.shelved.until, 'minute') })}</span>}
      {h.escalated?.to && <span className="alert-flag bad" data-flag="escalated">{t('flag.escalatedTo', { to })}</span>}
      {h.how !== 'row' && <span className="alert-flag">{h.because ? t(`because.${h.because}`) : t(`how.${h.how}`)}</span>}
      {h.under > 0 && <span className="alert-flag num">{t('flag.under', { n: h.under })}</span>}
      {h.chattering && <span className="alert-flag">{t('flag.chattering')}</span>}
      {h.result && <span className="alert-flag">{t(`result.${h.result}`)}</span>}
    </>
  );
}
