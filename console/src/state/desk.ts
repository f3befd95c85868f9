/*
 * The forms of the chosen alert: what a key asks of it, so that a form is opened there with what the key says already filled
 * in; and what was written in a form and not sent.
 */
import { create } from 'zustand';
import type { Result } from '../api/alerts';
import { drafts } from './drafts';

export type Form = 'dispatch' | 'resolve' | 'shelve' | 'note';
export type AnyForm = Form | 'feedback';

export interface Written {
  what: AnyForm;
  note: string;
  to: string;
  result: Result | null;
  minutes: number;
}
/** By alert. */
export const written = drafts<Written>('alert');

interface Desk {
  asked: { alert: string; form: Form; result: Result | null } | null;
  ask: (alert: string, form: Form, result?: Result) => void;
  taken: () => void;
}

export const useDesk = create<Desk>((set) => ({
  asked: null,
  ask: (alert, form, result) => set({ asked: { alert, form, result: result ?? null } }),
  taken: () => set({ asked: null }),
}));
