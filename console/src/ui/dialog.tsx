/*
 * A dialog of the browser's own: it holds the focus, closes by Escape, and gives the focus back to what opened it, or,
 * where that is gone, to the page.
 */
import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from './icons';

export function Dialog({
  title,
  onClose,
  children,
  wide = false,
  testid,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  testid?: string;
}) {
  const { t } = useTranslation();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the browser takes the element away: then it would not know any more where the focus came from.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const d = dialog.current;
    if (d && !d.open) d.showModal();
    return () => {
      d?.close();
      // What was done in the dialog may have taken the opener with it, in this very step.
      queueMicrotask(() => {
        if (document.querySelector('dialog[open]')) return;
        const back = opener instanceof HTMLElement && opener.isConnected && opener !== document.body ? opener : document.getElementById('main');
        back?.focus({ preventScroll: true });
      });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog ${wide ? 'wide' : ''}`}
      aria-labelledby={id}
      data-testid={testid}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" className="ghost" aria-label={t('keys.close')} onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      {children}
    </dialog>
  );
}
