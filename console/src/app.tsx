/*
 * Which page stands at which address, and who may see it: without a login only the login page, with a one-time
 * password only the page that changes it. While somebody is logged in, the feed runs.
 */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useLayoutEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { BrowserRouter, Navigate, Route, Routes, useLocation } from 'react-router';
import { ApiError } from './api/client';
import { Shell } from './shell';
import { AlertsPage } from './pages/alerts';
import { LoginPage } from './pages/login';
import { runFeed } from './state/run';
import { rightsKey } from './state/rights';
import { useSession } from './state/session';
import { later } from './ui/later';
import { Guard, Loading } from './ui/parts';

const ChannelsPage = later(() => import('./pages/channels'));
const ChannelPage = later(() => import('./pages/channel'));
const MapPage = later(() => import('./pages/map'));
const AreasPage = later(() => import('./pages/areas'));
const CredentialsPage = later(() => import('./pages/credentials'));
const ImportPage = later(() => import('./pages/import'));
const ChangesPage = later(() => import('./pages/changes'));
const AddChannelPage = later(() => import('./pages/addchannel'));
const DrawPage = later(() => import('./pages/draw'));
const RulesPage = later(() => import('./pages/rules'));
const RulePage = later(() => import('./pages/rule'));
const RuleFormPage = later(() => import('./pages/ruleform'));
const TimetablesPage = later(() => import('./pages/timetables'));
const NumbersPage = later(() => import('./pages/numbers'));
const HandoverPage = later(() => import('./pages/handover'));
const BoxPage = later(() => import('./pages/box'));
const HistoryPage = later(() => import('./pages/history'));
const PeoplePage = later(() => import('./pages/people'));
const AuditPage = later(() => import('./pages/audit'));
const SystemPage = later(() => import('./pages/system'));
const DocsPage = later(() => import('./pages/docs'));
const NotFoundPage = later(() => import('./pages/notfound'));

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // Whoever goes through the queue opens hundreds of details; what is no longer shown is let go within a minute.
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (tries, error) => tries < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

function Pages() {
  const { t } = useTranslation();
  const location = useLocation();
  const session = useSession((s) => s.session);
  const status = useSession((s) => s.status);
  const user = session?.user;
  const site = session?.site;
  // With other rights everything that is shown is loaded anew.
  const rights = rightsKey(session);
  const ready = session !== null && !session.mustChangePassword;

  // Before the effects of the pages: what the queue asks for first must not wait behind the long list of channels.
  useLayoutEffect(() => {
    const current = useSession.getState().session;
    if (!ready || !current) return;
    const stop = runFeed(current, queries);
    return () => {
      stop();
      queries.clear();
    };
  }, [ready, user, site, rights]);

  if (status === 'loading') return <Loading text={t('app.loading')} />;
  if (!ready) return <LoginPage />;
  if (location.pathname === '/login') return <Navigate to="/" replace />;
  return (
    // Nothing that one user has opened or begun to write is the next one's.
    <Shell key={user}>
      <Guard of={location.pathname}>
        <Routes>
          <Route path="/" element={<AlertsPage />} />
          <Route path="/alerts" element={<Navigate to="/" replace />} />
          <Route path="/alerts/:id" element={<AlertsPage />} />
          <Route path="/history" element={<HistoryPage />} />
          <Route path="/channels" element={<ChannelsPage />} />
          <Route path="/channels/:id" element={<ChannelPage />} />
          <Route path="/channels/:id/draw" element={<DrawPage />} />
          <Route path="/map" element={<MapPage />} />
          <Route path="/rules" element={<RulesPage />} />
          <Route path="/add-rule" element={<RuleFormPage />} />
          <Route path="/rules/:id" element={<RulePage />} />
          <Route path="/rules/:id/edit" element={<RuleFormPage />} />
          <Route path="/timetables" element={<TimetablesPage />} />
          <Route path="/areas" element={<AreasPage />} />
          <Route path="/areas/:id" element={<AreasPage />} />
          <Route path="/credentials" element={<CredentialsPage />} />
          <Route path="/import" element={<ImportPage />} />
          <Route path="/changes" element={<ChangesPage />} />
          <Route path="/changes/:rev" element={<ChangesPage />} />
          <Route path="/add-channel" element={<AddChannelPage />} />
          <Route path="/numbers" element={<NumbersPage />} />
          <Route path="/handover" element={<HandoverPage />} />
          <Route path="/handover/:id" element={<HandoverPage />} />
          <Route path="/box" element={<BoxPage />} />
          <Route path="/people" element={<PeoplePage />} />
          <Route path="/people/tokens" element={<PeoplePage />} />
          <Route path="/audit" element={<AuditPage />} />
          <Route path="/system" element={<SystemPage />} />
          <Route path="/api-docs" element={<DocsPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Routes>
      </Guard>
    </Shell>
  );
}

export function App() {
  return (
    <QueryClientProvider client={queries}>
      {/* A page that is chosen comes at once: as a transition it would begin anew with each message of the feed. */}
      <BrowserRouter useTransitions={false}>
        <Guard>
          <Pages />
        </Guard>
      </BrowserRouter>
    </QueryClientProvider>
  );
}
