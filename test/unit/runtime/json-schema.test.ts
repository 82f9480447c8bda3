import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every schema that says both, wherever it is: what editors fill in has to be valid. */
function* defaultsIn(schema: Json): Iterable<{ type: Json; standard: Json }> {
  if (typeof schema !== 'object' || schema === null) return;
  if (!Array.isArray(schema) && typeof schema['type'] === 'string' && schema['default'] !== undefined)
    yield { type: schema['type'], standard: schema['default'] };
  for (const part of Object.values(schema)) yield* defaultsIn(part);
}

const folder = new URL('../../../schema/', import.meta.url);

describe.each(readdirSync(folder))('schema/%s', (name) => {
  const found = [...defaultsIn(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Json)];

  it('has defaults of the type that it says', () => {
    expect(found.length).toBeGreaterThan(0);
    for (const { type, standard } of found)
      expect(Number.isInteger(standard) ? ['integer', 'number'] : [typeof standard]).toContain(type);
  });
});
