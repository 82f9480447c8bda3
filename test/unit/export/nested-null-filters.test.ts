import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readParquet, saveParquet } from '../../../src/library/columnar.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';

/* A list of no elements, one of nulls, and a record of nulls are not null, although their leaves have no values. */

const schema = { tags: 'int4[]', place: { code: 'int4' }, plain: 'int4' };
const kinds = [
  { tags: null, place: null, plain: null },
  { tags: [], place: { code: null }, plain: 7 },
  { tags: [null], place: { code: 7 }, plain: null },
  { tags: [null, null], place: { code: null }, plain: null },
  { tags: [7], place: null, plain: 7 },
  { tags: [null, 7], place: { code: 7 }, plain: 7 },
];
/** Any two of them, and each alone. */
const pairs = kinds.flatMap((one) => kinds.flatMap((other) => [one, other]));

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('nested-null-filters');
});
afterAll(() => folder.remove());

test.each([
  ['a row group for each pair', pairs, 2],
  [
    'a page for each kind without values, and one with',
    kinds.slice(1, 5).flatMap((kind) => Array.from({ length: 20_000 }, () => kind)),
    80_000,
  ],
] as const)('null lists and records are found, and no others: %s', async (name, rows, rowGroupRows) => {
  const path = join(folder.path, name);
  await saveParquet(rows, path, { schema, rowGroupRows });
  for (const column of ['tags', 'place', 'plain'] as const)
    for (const isNull of [true, false]) {
      const filters = `${column} is ${isNull ? '' : 'not '}null`;
      const found = { right: 0, wrong: 0 };
      for await (const row of readParquet(path, { filters, columns: [column] }))
        found[(row[column] === null) === isNull ? 'right' : 'wrong']++;
      const right = rows.filter((row) => (row[column] === null) === isNull).length;
      expect(found, filters).toEqual({ right, wrong: 0 });
    }
});
