/*
 * A field that is typed into and offers what fits, for lists that are too long for a menu (ARIA's combobox). Arrow keys
 * go through the offers, Enter takes one, Escape closes. Leaving the field without taking one puts back what was chosen.
 */
import { useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { composing } from '../lib/keys';
import { Icon } from './icons';

export interface Offer {
  value: string;
  text: string;
  note?: string;
}
const OFFERED = 50;

export function Choice({
  choices,
  value,
  onChange,
  empty,
  testid,
  id,
  ...about
}: {
  choices: readonly Offer[];
  value: string;
  onChange: (value: string) => void;
  empty: string;
  testid?: string;
  id?: string;
  'aria-describedby'?: string | undefined;
  'aria-invalid'?: boolean | undefined;
}) {
  const { t } = useTranslation();
  const list = useId();
  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const chosen = choices.find((c) => c.value === value);
  const open = typed !== null;
  const offers = useMemo(() => {
    if (typed === null) return [];
    const words = typed.toLowerCase().split(/[\s/]+/).filter((w) => w !== '');
    const all: Offer[] = [{ value: '', text: empty }, ...choices];
    return all.filter((c, i) => words.every((w) => `${c.text} ${c.value}`.toLowerCase().includes(w)) || (i === 0 && words.length === 0)).slice(0, OFFERED);
  }, [choices, typed, empty]);

  const take = (offer: Offer | undefined): void => {
    if (offer) onChange(offer.value);
    setTyped(null);
    setAt(0);
  };
  const show = (text: string): void => {
    setTyped(text);
    setAt(0);
  };
  const onKey = (e: KeyboardEvent): void => {
    if (composing(e)) return;
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      e.preventDefault();
      if (!open) show('');
      else setAt((n) => Math.max(0, Math.min(offers.length - 1, n + step)));
    } else if (e.key === 'Enter' && open) {
      e.preventDefault();
      take(offers[at]);
    } else if (e.key === 'Escape' && open) {
      e.preventDefault();
      e.stopPropagation();
      setTyped(null);
    }
  };
  return (
    <span className="choice">
      <input
        ref={box}
        id={id}
        {...about}
        role="combobox"
        aria-expanded={open}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={open && offers[at] ? `${list}-${at}` : undefined}
        autoComplete="off"
        data-testid={testid}
        data-value={value}
        value={typed ?? chosen?.text ?? value}
        placeholder={empty}
        onFocus={(e) => e.target.select()}
        onClick={() => !open && show('')}
        onChange={(e) => show(e.target.value)}
        onBlur={() => setTyped(null)}
        onKeyDown={onKey}
      />
      <Icon name="next" />
      <ul id={list} role="listbox" className="offers" hidden={!open}>
        {offers.map((o, i) => (
          <li
            key={o.value}
            id={`${list}-${i}`}
            role="option"
            aria-selected={o.value === value}
            className={i === at ? 'at' : ''}
            // Before the field loses the focus.
            onPointerDown={(e) => {
              e.preventDefault();
              take(o);
            }}
          >
            {o.text}
            {o.note && <span className="dim"> {o.note}</span>}
          </li>
        ))}
        {open && offers.length === 0 && (
          <li role="option" aria-selected={false} aria-disabled className="dim">
            {t('edit.noOffer')}
          </li>
        )}
      </ul>
    </span>
  );
}
