/* Who is logged in. `gone`: there was a login and it has ended, so the pages stay but say so. */
import { create } from 'zustand';
import { api, ApiError, listen } from '../api/client';
import type { Session } from '../api/gateway';

export interface SessionState {
  status: 'loading' | 'none' | 'ready' | 'unreachable';
  session: Session | null;
  gone: boolean;
}

export const useSession = create<SessionState>()(() => ({ status: 'loading', session: null, gone: false }));

listen({
  unauthenticated: () => useSession.setState((s) => (s.status === 'ready' ? { gone: true } : {})),
  passwordChange: () =>
    useSession.setState((s) => (s.session ? { session: { ...s.session, mustChangePassword: true } } : {})),
});

export async function loadSession(): Promise<void> {
  try {
    useSession.setState({ status: 'ready', session: await api.session(), gone: false });
  } catch (error) {
    const none = error instanceof ApiError && (error.status === 401 || error.status === 403);
    useSession.setState({ status: none ? 'none' : 'unreachable', session: null, gone: false });
  }
}

/** Another administrator may have given the login other rights. */
export function renewSession(session: Session): void {
  useSession.setState((s) => (s.status === 'ready' && s.session?.user === session.user ? { session } : {}));
}

export function setSession(session: Session): void {
  useSession.setState({ status: 'ready', session, gone: false });
}

export function clearSession(): void {
  useSession.setState({ status: 'none', session: null, gone: false });
}
