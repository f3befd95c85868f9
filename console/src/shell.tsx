/* What stands round every page: the rail with the pages, the bar with site, feed, time, language, theme and logout. */
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, useLocation, useNavigate } from 'react-router';
import { setLanguage } from './i18n';
import { useNow, useTimes } from './lib/hooks';
import { roleText } from './lib/peoplewords';
import { errorText, kindText } from './lib/words';
import { useAway } from './state/away';
import { useChannels, useNewAreas } from './state/channels';
import { usePositionNames } from './state/positionnames';
import { useTellChoice } from './state/chosen';
import { forgetDrafts } from './state/drafts';
import { useLive } from './state/live';
import { dismiss, notify, useNotices } from './state/notices';
import { useDeskPosition } from './state/positions';
import { setTheme, THEMES, usePrefs } from './state/prefs';
import { useMay, useMayEverywhere } from './state/rights';
import { logInAgain, logOut, useSession } from './state/session';
import { tally } from './lib/queue';
import { keyIsOurs } from './lib/keys';
import { AlertSound } from './ui/alertsound';
import { Icon, Logo, type IconName } from './ui/icons';

function useNewCount(): number {
  const position = useDeskPosition();
  return useLive((s) => tally(s.order, position, '').waiting);
}

/** Pages that belong to an item of the rail without its address. */
const INSIDE: Record<string, RegExp> = {
  '/': /^\/alerts\//,
  '/channels': /^\/(areas|credentials|import|changes|add-channel)(\/|$)/,
  '/rules': /^\/(timetables|add-rule)(\/|$)/,
  '/people': /^\/audit(\/|$)/,
};

function NavItem({ to, icon, text, count = 0, testid }: { to: string; icon: IconName; text: string; count?: number; testid: string }) {
  const path = useLocation().pathname;
  const inside = INSIDE[to]?.test(path) ?? false;
  return (
    <NavLink to={to} end={to === '/'} className={`nav-item ${inside ? 'active' : ''}`} data-testid={testid}>
      <Icon name={icon} />
      <span>{text}</span>
      {count > 0 && <b className="nav-count num">{count > 999 ? '999+' : count}</b>}
    </NavLink>
  );
}

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  return (
    <button
      type="button"
      className="bar-button"
      data-testid="lang-switch"
      data-lang={i18n.language}
      aria-label={`${t('top.language')}: ${t('top.languageOther')}`}
      onClick={() => setLanguage(i18n.language === 'en' ? 'zh-CN' : 'en')}
    >
      <span lang={i18n.language === 'en' ? 'zh-CN' : 'en'}>{t('top.languageOther')}</span>
    </button>
  );
}

export function ThemeSwitch() {
  const { t } = useTranslation();
  const theme = usePrefs((s) => s.theme);
  const label = t('top.theme.label', { theme: t(`top.theme.${theme}`) });
  return (
    <button
      type="button"
      className="bar-button"
      data-testid="theme-switch"
      data-theme-choice={theme}
      aria-label={label}
      title={label}
      onClick={() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system')}
    >
      <Icon name={theme === 'dark' ? 'moon' : theme === 'light' ? 'sun' : 'system2'} />
    </button>
  );
}

function FeedSign() {
  const { t } = useTranslation();
  const times = useTimes();
  const now = useNow();
  const feed = useLive((s) => s.feed);
  const gone = useSession((s) => s.gone);
  const state = gone ? 'ended' : feed.state;
  const text =
    state === 'live'
      ? t('feed.live')
      : state === 'ended'
        ? t('feed.ended')
        : feed.everLive
          ? t('feed.reconnecting', { age: times.age(Math.max(0, now - feed.since)) })
          : t('feed.connecting');
  const hint =
    state === 'live'
      ? t('feed.liveHint')
      : state === 'ended'
        ? t('feed.endedHint')
        : feed.everLive
          ? t('feed.reconnectingHint', { time: times.moment(feed.since, 'time') })
          : t('feed.neverHint');
  return (
    <span className={`feed feed-${state}`} data-testid="feed-state" data-state={state} title={hint} data-now={now}>
      <i aria-hidden="true" />
      <span className="num">{text}</span>
    </span>
  );
}

function Banner() {
  const { t } = useTranslation();
  const times = useTimes();
  const feed = useLive((s) => s.feed);
  const gone = useSession((s) => s.gone);
  // The first lists of a large desk take their time.
  const away = useAway(feed.everLive ? 3000 : 8000);
  if (gone) {
    return (
      <div className="banner bad" role="alert">
        <Icon name="auth_failed" />
        <span>{t('feed.endedHint')}</span>
        <button type="button" className="button small" onClick={logInAgain}>
          {t('feed.again')}
        </button>
      </div>
    );
  }
  if (!away) return null;
  return (
    <div className="banner warn" role="status">
      <Icon name="offline" />
      <span>{feed.everLive ? t('feed.reconnectingHint', { time: times.moment(feed.since, 'time') }) : t('feed.neverHint')}</span>
    </div>
  );
}

function SiteClock() {
  const { t } = useTranslation();
  const times = useTimes();
  const now = useNow();
  return (
    <time className="site-clock num" title={t('top.siteTime', { zone: times.zone })} dateTime={new Date(now).toISOString()}>
      {times.moment(now, 'clock')}
    </time>
  );
}

function Notices() {
  const { t } = useTranslation();
  const list = useNotices((s) => s.list);
  return (
    <div className="notices" role="status" aria-live="polite">
      {list.map((n) => (
        <div key={n.id} className={`notice ${n.tone}`}>
          <Icon name={n.tone === 'good' ? 'check' : 'misconfigured'} />
          <span>{n.text}</span>
          <button type="button" className="ghost" aria-label={t('keys.close')} onClick={() => dismiss(n.id)}>
            <Icon name="cross" />
          </button>
        </div>
      ))}
    </div>
  );
}

/** A page that is left takes the focus with it; then it goes to where the next one begins. */
function useFocusOfPage(): void {
  const path = useLocation().pathname;
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const id = requestAnimationFrame(() => {
      if (document.activeElement === null || document.activeElement === document.body) document.getElementById('main')?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(id);
  }, [path]);
}

/** From every page "/" leads into the field of the history's search. */
function useSearchKey(): void {
  const go = useNavigate();
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (e.key !== '/' || !keyIsOurs(e)) return;
      e.preventDefault();
      const field = document.getElementById('history-search');
      if (field instanceof HTMLInputElement) field.select();
      else void go('/history', { state: { search: true } });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [go]);
}

/** Says new alerts to a screen reader, at most one every few seconds. */
function Announcer() {
  const { t } = useTranslation();
  const latest = useLive((s) => s.arrival.latest);
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (!latest) return;
    const id = setTimeout(
      () =>
        setSaid(
          t('alerts.announce', {
            what: kindText(t, latest),
            channel: latest.channelName,
            severity: t(`severity.${latest.severity}`),
          }),
        ),
      1500,
    );
    return () => clearTimeout(id);
  }, [latest, t]);
  return (
    <div className="visually-hidden" aria-live="polite" aria-atomic="true">
      {said}
    </div>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const session = useSession((s) => s.session);
  const count = useNewCount();
  const mayPeople = useMayEverywhere('people');
  const mayNumbers = useMay('numbers');
  useFocusOfPage();
  useSearchKey();
  useTellChoice();
  // Names of positions, areas and zones are needed on every page.
  usePositionNames();
  useChannels();
  useNewAreas();
  const logout = async (): Promise<void> => {
    const error = await logOut();
    if (error === null) forgetDrafts();
    else notify('bad', `${t('top.stillIn')} ${errorText(t, error)}`);
  };
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('app.skip')}
      </a>
      <header className="bar">
        <div className="brand">
          <Logo />
          <span className="brand-name">skyeye</span>
        </div>
        <div className="site" title={`${session?.siteName ?? ''} · ${session?.node ?? ''}`}>
          <b>{session?.siteName}</b>
          <span className="dim">{session?.node}</span>
        </div>
        <FeedSign />
        <span className="grow" />
        <SiteClock />
        <AlertSound />
        <LanguageSwitch />
        <ThemeSwitch />
        <button
          type="button"
          className="bar-button"
          data-testid="logout"
          title={t('top.user', { user: session?.user ?? '', role: roleText(t, session?.role ?? '') })}
          aria-label={`${t('top.logout')}: ${session?.user ?? ''}`}
          onClick={() => void logout()}
        >
          <span className="user-name">{session?.user}</span>
          <Icon name="logout" />
        </button>
      </header>
      <nav className="rail" aria-label={t('nav.label')}>
        <NavItem to="/" icon="alerts" text={t('nav.alerts')} count={count} testid="nav-alerts" />
        <NavItem to="/history" icon="history" text={t('nav.history')} testid="nav-history" />
        <NavItem to="/channels" icon="channels" text={t('nav.channels')} testid="nav-channels" />
        <NavItem to="/map" icon="map" text={t('nav.map')} testid="nav-map" />
        <NavItem to="/rules" icon="rules" text={t('nav.rules')} testid="nav-rules" />
        {mayNumbers && <NavItem to="/numbers" icon="numbers" text={t('nav.numbers')} testid="nav-numbers" />}
        <NavItem to="/handover" icon="handover" text={t('nav.handover')} testid="nav-handover" />
        <NavItem to="/box" icon="pulse" text={t('nav.box')} testid="nav-box" />
        {mayPeople && <NavItem to="/people" icon="people" text={t('nav.people')} testid="nav-people" />}
        <NavItem to="/system" icon="system" text={t('nav.system')} testid="nav-system" />
        <NavItem to="/api-docs" icon="docs" text={t('nav.apiDocs')} testid="nav-docs" />
      </nav>
      <main className="main" id="main" tabIndex={-1}>
        <Banner />
        {children}
      </main>
      <Notices />
      <Announcer />
    </div>
  );
}
