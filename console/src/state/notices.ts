/* Short messages at the edge of the screen: what an action came to. They go by themselves; errors stay longer. */
import { create } from 'zustand';

export interface Notice {
  id: number;
  tone: 'good' | 'bad';
  text: string;
}
let last = 0;
export const useNotices = create<{ list: Notice[] }>()(() => ({ list: [] }));

export function dismiss(id: number): void {
  useNotices.setState((s) => ({ list: s.list.filter((n) => n.id !== id) }));
}
export function notify(tone: Notice['tone'], text: string): void {
  const id = ++last;
  useNotices.setState((s) => ({ list: [...s.list.slice(-3), { id, tone, text }] }));
  setTimeout(() => dismiss(id), tone === 'bad' ? 9000 : 4000);
}
