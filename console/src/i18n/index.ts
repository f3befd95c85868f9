/* Languages: both are in the first script, so that switching needs no network. The choice is kept in this browser. */
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { keep, recall } from '../state/prefs';
import en from './en.json';
import zhCN from './zh-CN.json';

export const LANGUAGES = ['zh-CN', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export function firstLanguage(chosen: string | null, browser: readonly string[]): Language {
  const kept = LANGUAGES.find((l) => l === chosen);
  if (kept) return kept;
  for (const tag of browser) {
    if (/^zh\b/i.test(tag)) return 'zh-CN';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}

export function startLanguage(): void {
  const show = (language: string): void => {
    document.documentElement.lang = language;
  };
  i18next.on('languageChanged', show);
  void i18next.use(initReactI18next).init({
    lng: firstLanguage(recall('language'), navigator.languages),
    fallbackLng: 'en',
    supportedLngs: [...LANGUAGES],
    resources: { en: { translation: en }, 'zh-CN': { translation: zhCN } },
    // React escapes by itself; escaping twice would show &amp; in camera names.
    interpolation: { escapeValue: false },
    initAsync: false,
    returnNull: false,
  });
  show(i18next.language);
}

export function setLanguage(language: Language): void {
  keep('language', language);
  void i18next.changeLanguage(language);
}
