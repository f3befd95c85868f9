/*
 * Reads an OpenAPI 3.x document into what the page shows. The document is the gateway's own, but it is read as any
 * foreign JSON: what is not understood is left out, references are followed at most to the names of components.
 */
type Raw = Record<string, unknown>;
const isRaw = (v: unknown): v is Raw => typeof v === 'object' && v !== null && !Array.isArray(v);
const raw = (v: unknown): Raw => (isRaw(v) ? v : {});
const str = (v: unknown): string => (typeof v === 'string' ? v : '');
const arr = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);

export const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
export type Method = (typeof METHODS)[number];

/** A type as it is shown: words, and names of schemas that are links. */
export type Shape =
  | { is: 'word'; word: string; note: string }
  | { is: 'ref'; name: string }
  | { is: 'list'; of: Shape }
  | { is: 'map'; of: Shape }
  | { is: 'choice'; of: Shape[] }
  | { is: 'values'; values: string[] }
  | { is: 'object'; fields: Field[] }
  | { is: 'nullable'; of: Shape }
  | { is: 'any' };

export interface Field {
  name: string;
  required: boolean;
  shape: Shape;
  meaning: string;
}
export interface Operation {
  id: string;
  method: Method;
  path: string;
  tag: string;
  summary: string;
  description: string;
  parameters: (Field & { place: string })[];
  body: { type: string; shape: Shape } | null;
  answers: { status: string; meaning: string; type: string; shape: Shape | null }[];
}
export interface Document {
  title: string;
  version: string;
  description: string;
  operations: Operation[];
  schemas: { name: string; description: string; shape: Shape }[];
}

const MAX_DEPTH = 6;

export function shapeOf(v: unknown, depth = 0): Shape {
  if (!isRaw(v) || depth > MAX_DEPTH) return { is: 'any' };
  const ref = str(v.$ref);
  if (ref !== '') return { is: 'ref', name: ref.split('/').pop() ?? ref };
  const choice = [...arr(v.oneOf), ...arr(v.anyOf)];
  if (choice.length > 0) {
    const kept = choice.filter((c) => raw(c).type !== 'null');
    const shapes = kept.map((c) => shapeOf(c, depth + 1));
    const first = shapes[0];
    const inner: Shape =
      shapes.length === 1 && first
        ? first
        : shapes.every((s) => s.is === 'values')
          ? { is: 'values', values: shapes.flatMap((s) => (s.is === 'values' ? s.values : [])) }
          : { is: 'choice', of: shapes };
    return kept.length < choice.length ? { is: 'nullable', of: inner } : inner;
  }
  const parts = arr(v.allOf);
  if (parts.length === 1) return shapeOf(parts[0], depth + 1);
  if (parts.length > 1) {
    const own = isRaw(v.properties) ? [shapeOf({ ...v, allOf: undefined }, depth + 1)] : [];
    const shapes = [...parts.map((p) => shapeOf(p, depth + 1)), ...own];
    return shapes.every((s) => s.is === 'object')
      ? { is: 'object', fields: shapes.flatMap((s) => (s.is === 'object' ? s.fields : [])) }
      : { is: 'choice', of: shapes };
  }
  if (v.const !== undefined) return { is: 'values', values: [JSON.stringify(v.const)] };
  if (Array.isArray(v.enum)) return { is: 'values', values: v.enum.map((e) => (typeof e === 'string' ? e : JSON.stringify(e))) };
  const types = Array.isArray(v.type) ? v.type.map(str) : [str(v.type)];
  const nullable = types.includes('null') || v.nullable === true;
  const type = types.find((x) => x !== 'null') ?? '';
  const inner = plain(v, type, depth);
  return nullable ? { is: 'nullable', of: inner } : inner;
}

function plain(v: Raw, type: string, depth: number): Shape {
  if (type === 'array' || v.items !== undefined || v.prefixItems !== undefined) {
    return { is: 'list', of: shapeOf(v.items ?? arr(v.prefixItems)[0], depth + 1) };
  }
  if (isRaw(v.properties)) {
    const needed = new Set(arr(v.required).map(str));
    return {
      is: 'object',
      fields: Object.entries(v.properties).map(([name, p]) => ({
        name,
        required: needed.has(name),
        shape: shapeOf(p, depth + 1),
        meaning: str(raw(p).description),
      })),
    };
  }
  if (isRaw(v.additionalProperties)) return { is: 'map', of: shapeOf(v.additionalProperties, depth + 1) };
  if (type === '') return { is: 'any' };
  const notes = [str(v.format), str(v.pattern)];
  if (typeof v.minimum === 'number') notes.push(`≥ ${v.minimum}`);
  if (typeof v.maximum === 'number') notes.push(`≤ ${v.maximum}`);
  return { is: 'word', word: type, note: notes.filter((n) => n !== '').join(', ') };
}

function content(v: unknown): { type: string; shape: Shape | null } {
  const [first] = Object.entries(raw(v));
  if (!first) return { type: '', shape: null };
  const schema = raw(first[1]).schema;
  return { type: first[0], shape: schema === undefined ? null : shapeOf(schema) };
}

export function readDocument(v: unknown): Document | null {
  if (!isRaw(v) || !isRaw(v.paths)) return null;
  const components = raw(v.components);
  const resolve = (x: unknown): Raw => {
    const ref = str(raw(x).$ref).split('/');
    return ref.length === 4 && ref[1] === 'components' ? raw(raw(components[ref[2] ?? ''])[ref[3] ?? '']) : raw(x);
  };
  const operations: Operation[] = [];
  for (const [path, item] of Object.entries(v.paths)) {
    const shared = arr(raw(item).parameters);
    for (const method of METHODS) {
      const op = raw(item)[method];
      if (!isRaw(op)) continue;
      const body = resolve(op.requestBody);
      const asked = content(body.content);
      operations.push({
        id: `${method}-${path.replace(/[^a-z0-9]+/gi, '-')}`,
        method,
        path,
        tag: str(arr(op.tags)[0]),
        summary: str(op.summary),
        description: str(op.description),
        parameters: [...shared, ...arr(op.parameters)].map((p) => {
          const r = resolve(p);
          return { name: str(r.name), place: str(r.in), required: r.required === true, shape: shapeOf(r.schema), meaning: str(r.description) };
        }),
        body: asked.shape ? { type: asked.type, shape: asked.shape } : null,
        answers: Object.entries(raw(op.responses)).map(([status, r]) => {
          const answer = resolve(r);
          return { status, meaning: str(answer.description), ...content(answer.content) };
        }),
      });
    }
  }
  const info = raw(v.info);
  return {
    title: str(info.title),
    version: str(info.version),
    description: str(info.description),
    operations,
    schemas: Object.entries(raw(components.schemas)).map(([name, s]) => ({
      name,
      description: str(raw(s).description),
      shape: shapeOf(s),
    })),
  };
}
