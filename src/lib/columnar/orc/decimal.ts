import { unitsAt } from '../decimal.js';
import type { FixedColumn } from '../fixed-column.js';
import type { ScalarType } from '../type.js';
import { type ByteBuffer, zigzag } from './byte-buffer.js';

/** Twice such a number, and one more, is exact. */
const mostHigh = 2 ** 19;

/** The values from `from` on, before `to`: units of 10^−scale, of any length. */
export function writeDecimals(
  { bytes, int32 }: FixedColumn,
  type: ScalarType,
  from: number,
  to: number,
  out: ByteBuffer,
): void {
  const { storage } = type;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = from; i < to; i++) {
    if (storage === 'int32') out.signedVarint(int32[i]!);
    else if (storage === 'int64' && isExact(int32[2 * i + 1]!))
      out.signedVarint(int32[2 * i + 1]! * 2 ** 32 + (int32[2 * i]! >>> 0));
    else out.bigVarint(zigzag(unitsAt(type, all, i)));
  }
}

/** @param high 32 bits of a number of 64 */
function isExact(high: number): boolean {
  return high < mostHigh && high >= -mostHigh;
}
