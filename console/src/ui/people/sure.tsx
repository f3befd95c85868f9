/* A button that asks once more in its own place. */
import { useState } from 'react';

export function SureButton({ text, sure, label, testid, danger = false, onSure }: { text: string; sure: string; label: string; testid: string; danger?: boolean; onSure: () => void }) {
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      className={`button small ${asked ? 'sure' : danger ? 'danger' : ''}`}
      aria-label={asked ? `${label}: ${sure}` : label}
      data-testid={testid}
      onClick={() => {
        setAsked(!asked);
        if (asked) onSure();
      }}
      onKeyDown={(e) => {
        if (e.key === 'Escape') setAsked(false);
      }}
      onBlur={() => setAsked(false)}
    >
      {asked ? sure : text}
    </button>
  );
}
