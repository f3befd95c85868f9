/* What a key asks of the chosen alert: a form is opened there, with what the key says already filled in. */
import { create } from 'zustand';
import type { Result } from '../api/alerts';

export type Form = 'dispatch' | 'resolve' | 'shelve' | 'note';

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
