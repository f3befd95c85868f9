/* Whose a key is: the console's, the field's that is being typed in, or the browser's where a modifier is held. */
import { useRef, type KeyboardEvent as Press, type SyntheticEvent } from 'react';

export function keyIsOurs(e: KeyboardEvent): boolean {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return false;
  const target = e.target instanceof HTMLElement ? e.target : null;
  if (target?.closest('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable="true"]')) return false;
  // These take two keys and no others.
  return !(target?.closest('button, a, summary, input') && (e.key === 'Enter' || e.key === ' '));
}

/**
 * Whether the key belongs to a word that is being composed, as Chinese is typed: Enter takes the word then, Escape drops it, and
 * neither is meant for the form. 229 is what a browser says that tells of the end of composing too early.
 */
export function composing(e: Pick<Press, 'nativeEvent' | 'keyCode'>): boolean {
  return e.nativeEvent.isComposing || e.keyCode === 229;
}

/** Gives the keys to the list of the desk; where it is not there, or has no rows, to the alert that is read. */
export function keysHome(): void {
  const home = document.getElementById('alert-queue') ?? document.querySelector<HTMLElement>('.detail');
  home?.focus({ preventScroll: true });
}

interface KeysBack {
  onPointerDown: () => void;
  onKeyDown: (e: Press) => void;
  onChange: (e: SyntheticEvent) => void;
}

/**
 * For the filters of a list that is worked by keys. What was chosen by pointer leaves the keys to the list; who chooses by key
 * stays, for an arrow key chooses with every press, and leaves by Escape.
 */
export function useKeysBack(list: string): KeysBack {
  const byPointer = useRef(false);
  const back = (from: EventTarget): void => {
    const rows = document.getElementById(list);
    if (rows) rows.focus({ preventScroll: true });
    else if (from instanceof HTMLElement) from.blur();
  };
  return {
    onPointerDown: () => {
      byPointer.current = true;
    },
    onKeyDown: (e) => {
      byPointer.current = false;
      if (e.key === 'Escape' && e.target instanceof HTMLSelectElement) back(e.target);
    },
    onChange: (e) => {
      if (byPointer.current) back(e.target);
    },
  };
}
