import { expect, test } from 'vitest';

import { Batch } from '../../../src/lib/columnar/batch.js';
import { parseTypeName } from '../../../src/lib/columnar/parse-type-name.js';
import { keyOf } from '../../../src/lib/columnar/row-key.js';
import { appendValue } from '../../../src/lib/columnar/rows/append.js';

test.each([
  ['int64', 9_007_199_254_740_993n, '9007199254740993'],
  ['uuid', '6f2b1c9e-0a4d-4c58-9d0e-1f5f6a7b8c9d', '6f2b1c9e-0a4d-4c58-9d0e-1f5f6a7b8c9d'],
  ['decimal(20, 2)', '-0.5', '-0.50'],
  ['date', '2026-01-31', '2026-01-31'],
  ['timestamp (UTC)', '2026-01-31 10:00:00.5+00', '2026-01-31 10:00:00.5+00'],
  ['boolean', true, 'true'],
  ['text', 'x'.repeat(80), `${'x'.repeat(60)}…`],
  ['text', null, 'null'],
] as const)('a row is named by a value of the type %s', (name, value, text) => {
  const type = parseTypeName(name)!;
  const batch = new Batch([{ name: 'id', type }], 4);
  for (const each of [null, value]) appendValue(batch.columns[0]!, type, each);
  expect(keyOf(batch, 1)).toBe(`id = ${text}`);
  expect(keyOf(batch, 2)).toBeUndefined();
});

test('a row is not named by a list', () => {
  const type = parseTypeName('list<int32>')!;
  const batch = new Batch([{ name: 'ids', type }], 4);
  appendValue(batch.columns[0]!, type, [1]);
  expect(keyOf(batch, 0)).toBeUndefined();
});
