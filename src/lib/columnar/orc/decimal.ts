import type { FixedColumn } from '../fixed-column.js';
import type { Storage } from '../type.js';
import { type ByteBuffer, zigzag } from './byte-buffer.js';

/** Twice such a number, and one more, is exact. */
const mostHigh = 2 ** 19;

/** The values from `from` on, before `to`: units of 10^−scale, of any length. */
export function writeDecimals(
  { bytes, int32, width }: FixedColumn,
  storage: Storage,
  from: number,
  to: number,
  out: ByteBuffer,
): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = from; i < to; i++) {
    if (storage === 'int32') out.signedVarint(int32[i]!);
    else if (storage === 'int64') {
      const high = int32[2 * i + 1]!;
      const low = int32[2 * i]! >>> 0;
      if (high < mostHigh && high >= -mostHigh) out.signedVarint(high * 2 ** 32 + low);
      else out.bigVarint(zigzag((BigInt(high) << 32n) | BigInt(low)));
    } else out.bigVarint(zigzag(unitsOf(all.subarray(i * width, (i + 1) * width), storage)));
  }
}

/** Units of 10^−scale of a value in the form of PLAIN. */
export function unitsOf(value: Buffer, storage: Storage): bigint {
  if (storage === 'int32') return BigInt(value.readInt32LE());
  if (storage === 'int64') return value.readBigInt64LE();
  return BigInt.asIntN(8 * value.length, BigInt(`0x${value.toString('hex')}`));
}
