import fc from 'fast-check';
import { expect, test } from 'vitest';

import { bytesOfDecimal, decimalType, mostDigits } from '../../../src/lib/columnar/decimal.js';
import { parseTypeName } from '../../../src/lib/columnar/parse-type-name.js';
import { typeName } from '../../../src/lib/columnar/type-name.js';
import type { ScalarType, Type } from '../../../src/lib/columnar/type.js';
import { replayable } from '../../random.js';

const scalars: ScalarType[] = [
  { storage: 'boolean', meaning: { kind: 'plain' } },
  ...([16, 32] as const).map((bits) => ({ storage: 'int32', meaning: { kind: 'integer', bits } }) as const),
  { storage: 'int64', meaning: { kind: 'integer', bits: 64 } },
  { storage: 'float32', meaning: { kind: 'plain' } },
  { storage: 'float64', meaning: { kind: 'plain' } },
  ...(['plain', 'text', 'json'] as const).map((kind) => ({ storage: 'bytes', meaning: { kind } }) as const),
  { storage: 'int32', meaning: { kind: 'date' } },
  { storage: 'int64', meaning: { kind: 'time' } },
  { storage: 'fixed', width: 16, meaning: { kind: 'uuid' } },
  { storage: 'fixed', width: 7, meaning: { kind: 'plain' } },
  ...[true, false].flatMap((isInstant): ScalarType[] => [
    { storage: 'int64', meaning: { kind: 'timestamp', isInstant } },
    { storage: 'fixed', width: 12, meaning: { kind: 'timestamp96', isInstant } },
  ]),
];
const decimal = fc
  .integer({ min: 1, max: mostDigits })
  .chain((precision) => fc.integer({ min: 0, max: precision }).map((scale) => decimalType(precision, scale)));
const name = fc.oneof(
  fc.constantFrom('a', 'x, y', 'odd "name"', '>', 'a: text', 'é', '', 'list<text>'),
  fc.string(),
);
const { type } = fc.letrec<{ type: Type }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(...scalars),
    decimal,
    tie('type').map((element) => ({ storage: 'list' as const, element })),
    fc
      .array(fc.record({ name, type: tie('type') }), { minLength: 1, maxLength: 3 })
      .map((fields) => ({ storage: 'struct' as const, fields })),
  ),
}));

test('a type is read from its name', () => {
  const { seed } = replayable('type names');
  fc.assert(
    fc.property(type, (each) => {
      expect(parseTypeName(typeName(each))).toEqual(each);
    }),
    { seed, numRuns: 300 },
  );
});

test.each([
  '',
  'number',
  'list<text',
  'text>',
  'struct<>',
  'struct<a text>',
  'decimal(9,2)',
  'timestamp (CET)',
])("'%s' is not the name of a type", (text) => expect(parseTypeName(text)).toBeUndefined());

test('a decimal has room for its longest number', () => {
  for (let precision = 19; precision <= mostDigits; precision++) {
    const units = 10n ** BigInt(precision) - 1n;
    const width = bytesOfDecimal(precision);
    expect([BigInt.asIntN(8 * width, units), BigInt.asIntN(8 * width, -units)]).toEqual([units, -units]);
  }
});
