/* What a record is about: a link where the console has a page for it, else as the gateway wrote it. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ALERT_ACTIONS, type AlertAction } from '../../api/alerts';
import type { Deed } from '../../api/people';
import { priorityNote } from '../../lib/historywords';
import { Said } from '../said';

const ALERT = /^(\w+) ([0-9a-f]{8}-[0-9a-f-]{27})(?:: (.*))?$/s;
const REVISION = /^revision (\d{1,15}): (.*)$/s;
const isAction = (word: string): word is AlertAction => (ALERT_ACTIONS as readonly string[]).includes(word);

export function DeedObject({ deed }: { deed: Deed }) {
  const { t } = useTranslation();
  if (deed.what === '') return <span className="dim">–</span>;
  const [, action = '', alert = '', said = ''] = (deed.action === 'alert_action' && ALERT.exec(deed.what)) || [];
  if (alert !== '') {
    return (
      <>
        {isAction(action) ? t(`action.${action}`) : action}{' '}
        <Link className="mono" to={`/alerts/${alert}`} title={alert}>
          {alert.slice(0, 13)}…
        </Link>
        {said !== '' && <span className="break">: {action === 'priority' ? priorityNote(t, said) : said}</span>}
      </>
    );
  }
  const [, rev = '', text = ''] = (deed.action === 'configuration_changed' && REVISION.exec(deed.what)) || [];
  if (rev !== '') {
    return (
      <>
        <Link to={`/changes/${rev}`}>{t('audit.revision', { rev })}</Link> <Said text={text} />
      </>
    );
  }
  return <span className="break">{deed.what}</span>;
}
