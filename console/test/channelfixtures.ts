/* Channels and areas for tests, as the readers make them. */
import { readChannel, type Channel } from '../src/api/channel';
import { readAreas, type Area } from '../src/api/inventory';
import { healthJson } from './fixtures';

type Json = Record<string, unknown>;

export function channel(id: string, part: Json = {}, health: Json = {}): Channel {
  return readChannel({
    id,
    name: `Camera ${id}`,
    area: ['d', 's'],
    area_names: ['District', 'Street'],
    stream: 'sub',
    transport: 'tcp',
    host: '10.0.0.1',
    rules: [],
    zones: [],
    external_id: '',
    tags: [],
    origin: 'inventory',
    enabled: true,
    main: false,
    health: healthJson({ channel: id, ...health }),
    ...part,
  }) as Channel;
}

export function areas(list: Json[]): Area[] {
  return readAreas({ areas: list.map((a) => ({ people: [], origin: 'inventory', channels: 0, kind: 'grid', name: a.id, parent: null, ...a })) }) ?? [];
}

export function planJson(part: Json = {}): Json {
  return {
    kind: 'channel',
    format: 'csv',
    encoding: 'gb18030',
    delimiter: ',',
    mapping: [{ column: 1, heading: '名称', field: 'name', guessed: true }, { column: 2, heading: '备注', field: null, guessed: false }],
    rows: 3,
    base_rev: 4,
    unchanged: 1,
    added: [{ row: 2, id: 'a', name: 'A', fields: [{ field: 'url', before: null, after: 'rtsp://10.0.0.1/' }] }],
    changed: [],
    removed: [],
    missing: 7,
    areas_added: [],
    credentials_added: [],
    refused: [],
    notes: [],
    applied: false,
    rev: null,
    ...part,
  };
}
