/*
 * Everything that changes what the gateway looks at: channels, areas, credentials, imports, revisions, discovery. Only
 * pages that do so load this. Passwords go one way: no answer holds one, and none is kept here.
 */
import { readChannel, type Channel } from './channel';
import { json, query, seg, send } from './client';
import { readBrands, readDiscovery, readProbe, readStarted, type Brand, type Discovery, type Probe } from './discover';
import {
  readArea,
  readAreas,
  readBulk,
  readCredentials,
  readPlan,
  readRev,
  readRevisionDetail,
  readRevisions,
  readRevisionsOf,
  readStates,
  type Area,
  type BulkResult,
  type ChangeKind,
  type Credential,
  type Person,
  type Plan,
  type RevisionDetail,
  type RevisionPage,
  type StateChange,
} from './inventory';

/** Fields as the gateway names them; what is not in it stays as it is. */
export interface ChannelEdit {
  id?: string;
  name?: string;
  url?: string;
  main_url?: string | null;
  credential?: string | null;
  transport?: string;
  stream?: string;
  enabled?: boolean;
  weight?: number;
  area?: string | null;
  external_id?: string | null;
  tags?: string[];
  lat?: number | null;
  lon?: number | null;
  zone?: readonly object[];
  line?: readonly object[];
  mask?: readonly object[];
  expect_rev?: number;
}
export interface AreaEdit {
  id?: string;
  name?: string;
  kind?: string;
  parent?: string | null;
  people?: Person[];
  lat?: number | null;
  lon?: number | null;
}
export interface BulkSet {
  enabled?: boolean;
  area?: string;
  credential?: string;
  transport?: string;
  weight?: number;
  add_tags?: string[];
  remove_tags?: string[];
}
export interface ImportAsk {
  kind: 'channels' | 'areas';
  filename: string;
  apply: boolean;
  removeMissing: boolean;
  skipRefused: boolean;
  expectRev: number | null;
  /** Heading to field; an empty field leaves the column out. */
  map: Record<string, string>;
  coordinates: 'wgs84' | 'gcj02';
}
export interface ProbeAsk {
  url?: string;
  host?: string;
  port?: number;
  onvif?: boolean;
  brand?: string;
  channel_no?: number;
  username?: string;
  password?: string;
  credential?: string;
  transport?: string;
}
export interface DiscoverAsk {
  kind: 'ws' | 'list';
  addresses?: string;
  username?: string;
  password?: string;
  credential?: string;
}

const V1 = '/api/v1';
const none = async (response: Promise<Response>): Promise<void> => {
  await response;
};

export const configure = {
  areas: (): Promise<Area[]> => json(readAreas, 'GET', `${V1}/areas`),
  addArea: (area: AreaEdit): Promise<Area> => json(readArea, 'POST', `${V1}/areas`, area),
  changeArea: (id: string, area: AreaEdit): Promise<Area> => json(readArea, 'PATCH', `${V1}/areas/${seg(id)}`, area),
  removeArea: (id: string): Promise<void> => none(send('DELETE', `${V1}/areas/${seg(id)}`)),

  credentials: (): Promise<Credential[]> => json(readCredentials, 'GET', `${V1}/credentials`),
  /** Without a password only the user name changes. */
  setCredential: (id: string, username: string, password: string): Promise<void> =>
    none(send('PUT', `${V1}/credentials/${seg(id)}`, password === '' ? { username } : { username, password })),
  removeCredential: (id: string): Promise<void> => none(send('DELETE', `${V1}/credentials/${seg(id)}`)),

  addChannel: (channel: ChannelEdit): Promise<Channel> => json(readChannel, 'POST', `${V1}/channels`, channel),
  changeChannel: (id: string, channel: ChannelEdit): Promise<Channel> =>
    json(readChannel, 'PATCH', `${V1}/channels/${seg(id)}`, channel),
  removeChannel: (id: string): Promise<void> => none(send('DELETE', `${V1}/channels/${seg(id)}`)),
  bulk: (ids: readonly string[], set: BulkSet | 'remove'): Promise<BulkResult> =>
    json(readBulk, 'POST', `${V1}/inventory/bulk`, set === 'remove' ? { ids, remove: true } : { ids, set }),
  states: (id: string): Promise<StateChange[]> => json(readStates, 'GET', `${V1}/channels/${seg(id)}/states`),

  importFile: (file: Blob, ask: ImportAsk): Promise<Plan> =>
    json(
      readPlan,
      'POST',
      `${V1}/inventory/import${query({
        kind: ask.kind,
        filename: ask.filename,
        apply: ask.apply,
        remove_missing: ask.removeMissing,
        skip_refused: ask.skipRefused,
        expect_rev: ask.expectRev,
        map: Object.keys(ask.map).length > 0 ? JSON.stringify(ask.map) : null,
        coordinates: ask.coordinates,
      })}`,
      file,
    ),
  exportUrl: (kind: 'channels' | 'areas', format: 'csv' | 'json' | 'toml'): string =>
    `${V1}/inventory/export${query({ kind, format })}`,
  revisions: (before: number | null, limit: number): Promise<RevisionPage> =>
    json(readRevisions, 'GET', `${V1}/inventory/revisions${query({ before, limit })}`),
  /** What was changed of one thing, newest first. */
  revisionsOf: (kind: ChangeKind, id: string, limit = 20): Promise<RevisionDetail[]> =>
    json(readRevisionsOf, 'GET', `${V1}/inventory/revisions${query({ kind, id, limit })}`),
  revision: (rev: number): Promise<RevisionDetail> => json(readRevisionDetail, 'GET', `${V1}/inventory/revisions/${rev}`),
  undo: (rev: number): Promise<number> => json(readRev, 'POST', `${V1}/inventory/revisions/${rev}/undo`, {}),

  brands: (): Promise<Brand[]> => json(readBrands, 'GET', `${V1}/brands`),
  probe: (ask: ProbeAsk): Promise<string> => json(readStarted, 'POST', `${V1}/probe`, ask),
  probed: (id: string): Promise<Probe> => json(readProbe, 'GET', `${V1}/probe/${seg(id)}`),
  probePicture: async (id: string, stream: number, signal: AbortSignal): Promise<Blob> =>
    (await send('GET', `${V1}/probe/${seg(id)}/picture${query({ stream })}`, undefined, signal)).blob(),
  discover: (ask: DiscoverAsk): Promise<string> => json(readStarted, 'POST', `${V1}/discover`, ask),
  discovered: (id: string): Promise<Discovery> => json(readDiscovery, 'GET', `${V1}/discover/${seg(id)}`),
};
