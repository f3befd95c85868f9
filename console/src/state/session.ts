/*
 * Who is logged in. `gone`: there was a login and it has ended, so the pages stay but say so. `leaving`: somebody has logged
 * out and the gateway has not heard of it, so that the login must not come back when it answers again.
 */
import i18next from 'i18next';
import { create } from 'zustand';
import { api, ApiError, listen } from '../api/client';
import type { Session } from '../api/gateway';
import { notify } from './notices';

export interface SessionState {
  status: 'loading' | 'none' | 'ready' | 'unreachable';
  session: Session | null;
  gone: boolean;
  leaving: boolean;
}

export const useSession = create<SessionState>()(() => ({ status: 'loading', session: null, gone: false, leaving: false }));

listen({
  unauthenticated: () => useSession.setState((s) => (s.status === 'ready' ? { gone: true } : {})),
  passwordChange: () =>
    useSession.setState((s) => (s.session ? { session: { ...s.session, mustChangePassword: true } } : {})),
  session: renewSession,
});

export async function loadSession(): Promise<void> {
  try {
    useSession.setState({ status: 'ready', session: await api.session(), gone: false, leaving: false });
  } catch (error) {
    const none = error instanceof ApiError && (error.status === 401 || error.status === 403);
    useSession.setState({ status: none ? 'none' : 'unreachable', session: null, gone: false, leaving: false });
  }
}

/**
 * What the login is now. An administrator may have given it other rights; and where somebody else has logged in in another
 * window, this one is theirs, too: it must not act for them under the name of whom was here before.
 */
export function renewSession(session: Session): void {
  const { status, session: before } = useSession.getState();
  if (status !== 'ready') return;
  if (before === null || before.user === session.user) {
    useSession.setState({ session });
  } else {
    notify('bad', i18next.t('login.other', { user: session.user }));
    setSession(session);
  }
}

/** Another window may have logged in meanwhile, and all windows have one login. */
export async function joinSession(): Promise<void> {
  if (useSession.getState().status !== 'none') return;
  const session = await api.session().catch(() => null);
  if (session === null) return;
  if (useSession.getState().status === 'none') setSession(session);
  else renewSession(session);
}

/** Where a login has ended: the one of another window, or a new one. */
export function logInAgain(): void {
  clearSession();
  void loadSession();
}

export function setSession(session: Session): void {
  useSession.setState({ status: 'ready', session, gone: false, leaving: false });
}

export function clearSession(): void {
  useSession.setState({ status: 'none', session: null, gone: false, leaving: false });
}

/** Gives why somebody is still logged in who wanted to leave. */
export async function logOut(): Promise<ApiError | null> {
  const user = useSession.getState().session?.user;
  try {
    await api.logout();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 0 || error.status >= 500) {
      useSession.setState({ status: 'unreachable', session: null, gone: false, leaving: true });
      return null;
    }
    const { status, session } = useSession.getState();
    // Somebody else's login is not ours to end, and they have been told that this window is theirs.
    if (error.status !== 401 && status === 'ready') return session?.user === user ? error : null;
  }
  clearSession();
  return null;
}

/** Asks again a gateway that did not answer. */
export async function tryAgain(): Promise<void> {
  if (useSession.getState().leaving) await logOut();
  else await loadSession();
}
