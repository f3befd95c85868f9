/*
 * The forms of the chosen alert: what a key asks of it, so that a form is opened there with what the key says already filled
 * in; and what was written in a form and not sent.
 */
import { create } from 'zustand';
import type { Result } from '../api/alerts';
import { drafts } from './drafts';

export type Form = 'dispatch' | 'resolve' | 'shelve' | 'note';
export type AnyForm = Form | 'feedback';
/** What a key asks of the actions: a form, or the question whether to close. */
export type Asked = Form | 'close';

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
  asked: { alert: string; what: Asked; result: Result | null } | null;
  ask: (alert: string, what: Asked, result?: Result) => void;
  taken: () => void;
}

export const useDesk = create<Desk>((set) => ({
  asked: null,
  ask: (alert, what, result) => set({ asked: { alert, what, result: result ?? null } }),
  taken: () => set({ asked: null }),
}));
