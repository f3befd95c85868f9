/* What the login may do, as far as pages show or hide it. The gateway decides; this only keeps hopeless tries away. */
import { useSession } from './session';

const MAY_CONFIGURE = ['administrator', 'admin', 'engineer'];

/** Whether the login may change channels, areas and credentials. */
export function useMayConfigure(): boolean {
  return useSession((s) => s.session !== null && MAY_CONFIGURE.includes(s.session.role));
}
