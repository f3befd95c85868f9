/* The reader of API documents: shapes that the generators write, and documents that are no documents. */
import { describe, expect, it } from 'vitest';
import { readDocument, shapeOf } from '../src/lib/openapi';

describe('openapi', () => {
  it('reads shapes', () => {
    expect(shapeOf({ $ref: '#/components/schemas/Alert' })).toEqual({ is: 'ref', name: 'Alert' });
    expect(shapeOf({ type: ['integer', 'null'], minimum: 0 })).toEqual({ is: 'nullable', of: { is: 'word', word: 'integer', note: '≥ 0' } });
    expect(shapeOf({ oneOf: [{ type: 'null' }, { $ref: '#/x/Y' }] })).toEqual({ is: 'nullable', of: { is: 'ref', name: 'Y' } });
    expect(shapeOf({ oneOf: [{ const: 'a' }, { enum: ['b', 'c'] }] })).toEqual({ is: 'values', values: ['"a"', 'b', 'c'] });
    expect(shapeOf({ type: 'array', items: { type: 'string' } })).toEqual({ is: 'list', of: { is: 'word', word: 'string', note: '' } });
    expect(shapeOf({ type: 'object', required: ['a'], properties: { a: { type: 'string', description: 'An a' } } })).toEqual({
      is: 'object',
      fields: [{ name: 'a', required: true, shape: { is: 'word', word: 'string', note: '' }, meaning: 'An a' }],
    });
    expect(shapeOf({ type: 'object', additionalProperties: { type: 'integer' } })).toMatchObject({ is: 'map' });
    expect(shapeOf(true)).toEqual({ is: 'any' });
  });

  it('does not follow a shape without end', () => {
    const loop: Record<string, unknown> = { type: 'array' };
    loop.items = loop;
    expect(() => shapeOf(loop)).not.toThrow();
  });

  it('reads operations with shared parameters and references', () => {
    const found = readDocument({
      openapi: '3.1.0',
      info: { title: 'x', version: '1' },
      paths: {
        '/a/{id}': {
          parameters: [{ $ref: '#/components/parameters/Id' }],
          get: { tags: ['a'], summary: 'Get', responses: { 200: { description: 'ok', content: { 'application/json': { schema: { type: 'string' } } } }, 404: { $ref: '#/components/responses/Missing' } } },
        },
      },
      components: {
        parameters: { Id: { name: 'id', in: 'path', required: true, schema: { type: 'string' } } },
        responses: { Missing: { description: 'not there' } },
      },
    });
    expect(found?.operations).toHaveLength(1);
    expect(found?.operations[0]?.parameters[0]).toMatchObject({ name: 'id', place: 'path', required: true });
    expect(found?.operations[0]?.answers.map((a) => a.meaning)).toEqual(['ok', 'not there']);
  });

  it('refuses what is no document, and stands one that is all wrong', () => {
    for (const v of [null, [], 'x', {}, { paths: [] }]) expect(readDocument(v)).toBeNull();
    expect(readDocument({ paths: { '/x': { get: { parameters: [null, 5], responses: [], tags: 7, requestBody: 'x' } } } })?.operations).toHaveLength(1);
  });
});
