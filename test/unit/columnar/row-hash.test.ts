import fc from 'fast-check';
import { expect, test } from 'vitest';

import { openColumn } from '../../../src/lib/columnar/batch.js';
import { bytesOfDecimal, decimalType } from '../../../src/lib/columnar/decimal.js';
import { hashesOf } from '../../../src/lib/columnar/row-hash.js';
import { appendValue } from '../../../src/lib/columnar/rows/append.js';
import { decimalText } from '../../../src/lib/columnar/scalar-text.js';
import type { ScalarType } from '../../../src/lib/columnar/type.js';
import { replayable } from '../../random.js';

function hashOf(text: string, type: ScalarType): readonly [number, number] {
  const column = openColumn(type, 1);
  appendValue(column, type, text);
  const { one, other } = hashesOf(column, type, 1);
  return [one[0]!, other[0]!];
}

const fixed = (precision: number, scale: number): ScalarType => ({
  ...decimalType(precision, scale),
  storage: 'fixed',
  width: bytesOfDecimal(precision),
});
/** Numbers with few digits and with many, and with zeros at the end. */
const units = fc
  .tuple(
    fc.oneof(fc.bigInt({ min: -99n, max: 99n }), fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n })),
    fc.nat(4),
  )
  .map(([digits, zeros]) => digits * 10n ** BigInt(zeros));

test('a decimal has one hash, whatever its width and scale are', () => {
  const { seed } = replayable('hashes of decimals');
  fc.assert(
    fc.property(units, fc.nat(4), fc.nat(4), (value, scale, more) => {
      const text = decimalText(value, scale);
      const digits = Math.max(scale + 1, String(value).replace('-', '').length);
      const hash = hashOf(text, decimalType(digits, scale));
      expect(hashOf(text, fixed(digits, scale))).toEqual(hash);
      expect(hashOf(text, decimalType(digits + more, scale + more))).toEqual(hash);
      expect(hashOf(text, fixed(38, scale + more))).toEqual(hash);
      const next = hashOf(decimalText(value + 1n, scale), decimalType(digits + 1, scale));
      expect(next).not.toEqual(hash);
    }),
    { seed, numRuns: 300 },
  );
});
