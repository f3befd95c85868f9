/* A secret that is shown once: a one-time password or a token, to be copied before the dialog is closed. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from '../dialog';
import { Icon } from '../icons';

export function Once({ title, why, secret, onClose }: { title: string; why: string; secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  const box = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(secret);
      setCopied(true);
    } catch {
      // Without TLS a browser gives no clipboard: what is chosen can be copied by key.
      box.current?.focus();
      box.current?.select();
    }
  };
  return (
    <Dialog title={title} onClose={onClose} testid="once-dialog">
      <div className="form">
        <p>{why}</p>
        <div className="once">
          <input ref={box} readOnly className="mono" aria-label={title} value={secret} data-testid="once-secret" onFocus={(e) => e.target.select()} />
          <button type="button" className="button" data-testid="once-copy" onClick={() => void copy()}>
            <Icon name={copied ? 'check' : 'file'} />
            {t(copied ? 'people.copied' : 'people.copy')}
          </button>
        </div>
        <p className="dim" role="status">
          {t('people.onceHint')}
        </p>
        <div className="dialog-foot">
          <button type="button" className="button primary" data-testid="once-done" onClick={onClose}>
            {t('people.onceDone')}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
