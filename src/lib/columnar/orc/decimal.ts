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
  for (let i = from; i < to; i++) {
    if (storage === 'int32') out.signedVarint(int32[i]!);
    else if (storage === 'int64') {
      const high = int32[2 * i + 1]!;
      const low = int32[2 * i]! >>> 0;
      if (high < mostHigh && high >= -mostHigh) out.signedVarint(high * 2 ** 32 + low);
      else out.bigVarint(zigzag((BigInt(high) << 32n) | BigInt(low)));
    } else out.bigVarint(zigzag(unitsOf(bytes.subarray(i * width, (i + 1) * width))));
  }
}

/** @param bytes big-endian two's complement */
function unitsOf(bytes: Uint8Array): bigint {
  let units = 0n;
  for (const byte of bytes) units = (units << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, units);
}

/** A value in the form of PLAIN, as a text. */
export function decimalText(value: Buffer, storage: Storage, scale: number): string {
  const units =
    storage === 'int32'
      ? BigInt(value.readInt32LE())
      : storage === 'int64'
        ? value.readBigInt64LE()
        : unitsOf(value);
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale);
  return `${units < 0n ? '-' : ''}${whole}${scale > 0 ? `.${fraction}` : ''}`;
}
