/* What the operator chose for this browser: theme, and how channels are shown. Language is kept by `i18n`. */
import { create } from 'zustand';

export type Theme = 'system' | 'dark' | 'light';
export const THEMES: readonly Theme[] = ['system', 'dark', 'light'];

/** Storage may be switched off; the console works without it. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`skyeye.${key}`);
  } catch {
    return null;
  }
}
export function keep(key: string, value: string): void {
  try {
    localStorage.setItem(`skyeye.${key}`, value);
  } catch {
    /* not kept, then */
  }
}

export const LAYERS = ['areas', 'channels', 'alerts', 'plans', 'tiles'] as const;
export type Layer = (typeof LAYERS)[number];

interface Prefs {
  theme: Theme;
  channelView: 'grid' | 'list';
  /** What the map does not show. */
  hidden: readonly Layer[];
  /** The map goes where the chosen alert is. */
  follow: boolean;
}
export const usePrefs = create<Prefs>()(() => ({
  theme: THEMES.find((t) => t === recall('theme')) ?? 'system',
  channelView: recall('channels') === 'list' ? 'list' : 'grid',
  hidden: LAYERS.filter((l) => (recall('map.hidden') ?? '').split(',').includes(l)),
  follow: recall('map.follow') !== 'no',
}));

function apply(): void {
  const { theme } = usePrefs.getState();
  const light = theme === 'light' || (theme === 'system' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
}

export function startTheme(): void {
  apply();
  matchMedia('(prefers-color-scheme: light)').addEventListener('change', apply);
  usePrefs.subscribe(apply);
}

export function setTheme(theme: Theme): void {
  keep('theme', theme);
  usePrefs.setState({ theme });
}
export function setChannelView(channelView: 'grid' | 'list'): void {
  keep('channels', channelView);
  usePrefs.setState({ channelView });
}
export function toggleLayer(layer: Layer): void {
  const { hidden: before } = usePrefs.getState();
  const hidden = before.includes(layer) ? before.filter((l) => l !== layer) : [...before, layer];
  keep('map.hidden', hidden.join());
  usePrefs.setState({ hidden });
}
export function setFollow(follow: boolean): void {
  keep('map.follow', follow ? 'yes' : 'no');
  usePrefs.setState({ follow });
}
