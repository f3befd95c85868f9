/*
 * Whether this window makes sounds. Silence is this window's own and ends with the next login: who comes to the desk after does
 * not inherit it unheard.
 */
import { create } from 'zustand';

const KEY = 'skyeye.silent';

function recalled(): boolean {
  try {
    return sessionStorage.getItem(KEY) !== 'yes';
  } catch {
    return true;
  }
}

export const useSound = create<{ on: boolean }>()(() => ({ on: recalled() }));

export function setSound(on: boolean): void {
  useSound.setState({ on });
  try {
    if (on) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, 'yes');
  } catch {
    // A window that keeps nothing is loud again when it is loaded anew.
  }
}
