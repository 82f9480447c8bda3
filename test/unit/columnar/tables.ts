import fc from 'fast-check';

import type { Field, Type } from '../../../src/lib/columnar/type.js';
import type { Value } from './batches.js';

export const plain = { kind: 'plain' } as const;
export const text: Type = { storage: 'bytes', meaning: { kind: 'text' } };
const scalars: readonly (readonly [Type, fc.Arbitrary<Value>])[] = [
  [{ storage: 'boolean', meaning: plain }, fc.boolean()],
  [{ storage: 'int32', meaning: plain }, fc.oneof(fc.integer(), fc.integer({ min: -2, max: 2 }))],
  [
    { storage: 'int64', meaning: plain },
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -2n, max: 2n })),
  ],
  [{ storage: 'float64', meaning: plain }, fc.double()],
  [{ storage: 'float32', meaning: plain }, fc.float()],
  [{ storage: 'bytes', meaning: plain }, fc.uint8Array({ maxLength: 20 })],
  [
    text,
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom('', 'app', 'apple', 'é'.repeat(60)),
    ),
  ],
  [{ storage: 'fixed', width: 5, meaning: plain }, fc.uint8Array({ minLength: 5, maxLength: 5 })],
  [{ storage: 'fixed', width: 1, meaning: plain }, fc.uint8Array({ minLength: 1, maxLength: 1 })],
];
const scalar = fc.constantFrom(...scalars);

/** A type, and its values; some of those are null. */
const typed: fc.Arbitrary<readonly [Type, fc.Arbitrary<Value>]> = fc.letrec<{
  type: readonly [Type, fc.Arbitrary<Value>];
}>((tie) => ({
  type: fc.oneof<fc.MaybeWeightedArbitrary<readonly [Type, fc.Arbitrary<Value>]>[]>(
    { maxDepth: 2, withCrossShrink: true },
    scalar,
    tie('type').map(([element, value]): readonly [Type, fc.Arbitrary<Value>] => [
      { storage: 'list', element } as Type,
      fc.array(fc.option(value, { freq: 4 }), { maxLength: 5 }) as fc.Arbitrary<Value>,
    ]),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 3 })
      .map((parts): readonly [Type, fc.Arbitrary<Value>] => [
        {
          storage: 'struct',
          fields: parts.map(([type], i): Field => ({ name: `f${i}`, type })),
        } as Type,
        fc.record(Object.fromEntries(parts.map(([, value], i) => [`f${i}`, fc.option(value, { freq: 4 })])), {
          noNullPrototype: true,
        }) as fc.Arbitrary<Value>,
      ]),
  ),
})).type;

/** Columns, and rows of as many values. */
export const tables = fc
  .array(typed, { minLength: 1, maxLength: 4 })
  .chain((columns) =>
    fc.tuple(
      fc.constant(columns.map(([type], i): Field => ({ name: `c${i}`, type }))),
      fc.array(fc.tuple(...columns.map(([, value]) => fc.option(value, { freq: 5 }))), { maxLength: 60 }),
    ),
  );

const integers: readonly Type[] = [
  { storage: 'int32', meaning: { kind: 'integer', bits: 32 } },
  { storage: 'int64', meaning: { kind: 'integer', bits: 64 } },
];
/** Some equal steps: none, small ones, or any that there may be. */
const steps = fc.tuple(
  fc.oneof(
    fc.constant(0n),
    fc.bigInt({ min: -300n, max: 300n }),
    fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  ),
  fc.integer({ min: 1, max: 150 }),
);

/** Two columns of integers, 32 and 64 bits: runs of equal ones, of equal steps, and of any steps. */
export const sequences = fc
  .tuple(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.array(steps, { minLength: 1, maxLength: 20 }),
  )
  .map(([first, runs]) => {
    const rows: Value[][] = [];
    let next = first;
    for (const [step, length] of runs)
      for (let i = 0; i < length; i++) {
        rows.push([Number(BigInt.asIntN(32, next)), BigInt.asIntN(64, next)]);
        next += step;
      }
    return [integers.map((type, i): Field => ({ name: `c${i}`, type })), rows] as const;
  });
