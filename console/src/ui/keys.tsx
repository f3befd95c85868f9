/* The list of keys, in a dialog of the browser's own: it holds the focus and gives it back. */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from './icons';

const KEYS = [
  [['J', 'K', '↓', '↑'], 'move'],
  [['G'], 'group'],
  [['Enter'], 'open'],
  [['←', '→'], 'pictures'],
  [['L'], 'live'],
  [['A'], 'acknowledge'],
  [['D'], 'dispatch'],
  [['R'], 'resolve'],
  [['F'], 'false'],
  [['S'], 'shelve'],
  [['N'], 'note'],
  [['U'], 'release'],
  [['C'], 'closeAlert'],
  [['O'], 'reopen'],
  [['1', '2', '3', '4'], 'priority'],
  [['/'], 'search'],
  [['Esc'], 'back'],
  [['?'], 'help'],
] as const;

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = dialog.current;
    if (!d) return;
    if (open && !d.open) d.showModal();
    if (!open && d.open) d.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="dialog" onClose={onClose} aria-labelledby="keys-title">
      <div className="dialog-head">
        <h2 id="keys-title">{t('keys.title')}</h2>
        <button type="button" className="ghost" aria-label={t('keys.close')} onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      <dl className="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{t(`keys.${what}`)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
