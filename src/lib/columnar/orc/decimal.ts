import type { FixedColumn } from '../fixed-column.js';
import type { Storage } from '../type.js';

/** A decimal's units of 10^−scale. */
export function decimalUnits({ bytes, int32, width }: FixedColumn, storage: Storage, i: number): bigint {
  if (storage === 'int32') return BigInt(int32[i]!);
  if (storage === 'int64') return (BigInt(int32[2 * i + 1]!) << 32n) | BigInt(int32[2 * i]! >>> 0);
  let units = 0n;
  for (let byte = i * width; byte < (i + 1) * width; byte++) units = (units << 8n) | BigInt(bytes[byte]!);
  return BigInt.asIntN(8 * width, units);
}
