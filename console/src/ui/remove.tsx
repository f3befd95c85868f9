/* Taking something away: a button that asks once more in its own place, and what went wrong if it did not go. */
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { errorText } from '../lib/words';
import { refreshInventory } from '../state/inventory';
import { notify } from '../state/notices';
import { Icon } from './icons';

/** `run` is told what goes, how, and what to say once it is gone; it gives whether it went. */
export function useRemoval(): { error: string | null; run: (remove: () => Promise<unknown>, said: string) => Promise<boolean> } {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [error, setError] = useState<string | null>(null);
  const run = async (remove: () => Promise<unknown>, said: string): Promise<boolean> => {
    setError(null);
    try {
      await remove();
    } catch (e) {
      setError(errorText(t, e));
      return false;
    }
    refreshInventory(queries);
    notify('good', said);
    // The button goes with what it removed; who works by keyboard goes on from the top of the page.
    document.getElementById('main')?.focus({ preventScroll: true });
    return true;
  };
  return { error, run };
}

/** `what`: of several buttons of a page, which thing goes. `blocked`: why it cannot go now. */
export function RemoveButton({ onRemove, what, blocked, small = false, icon = false, testid }: { onRemove: () => void; what?: string; blocked?: string | undefined; small?: boolean; icon?: boolean; testid: string }) {
  const { t } = useTranslation();
  const [sure, setSure] = useState(false);
  return (
    <button
      type="button"
      className={`button ${small ? 'small' : ''} ${sure ? 'sure' : 'danger'}`}
      // Not disabled: why it cannot be would be reached neither by keyboard nor by touch.
      aria-disabled={blocked !== undefined}
      title={blocked}
      data-testid={testid}
      onClick={() => {
        if (blocked !== undefined) notify('bad', blocked);
        else if (sure) {
          setSure(false);
          onRemove();
        } else setSure(true);
      }}
      onKeyDown={(e) => {
        if (e.key === 'Escape') setSure(false);
      }}
      onBlur={() => setSure(false)}
    >
      {icon && <Icon name="bin" />}
      {t(sure ? 'areas.removeSure' : 'edit.remove')}
      {what !== undefined && <span className="visually-hidden"> {what}</span>}
    </button>
  );
}
