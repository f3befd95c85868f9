/* Which theme is on, for what is drawn and not styled. */
import { useMedia } from '../lib/hooks';
import { usePrefs } from './prefs';

/** The theme that is on: 'dark' or 'light', whatever it was chosen by. */
export function useThemeShown(): string {
  const theme = usePrefs((s) => s.theme);
  const light = useMedia('(prefers-color-scheme: light)');
  return theme === 'system' ? (light ? 'light' : 'dark') : theme;
}
