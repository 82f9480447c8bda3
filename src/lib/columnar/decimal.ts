import type { ScalarType } from './type.js';

/** Of decimals in every format. */
export const mostDigits = 38;

/** A decimal in the shortest storage. */
export function decimalType(precision: number, scale: number): ScalarType {
  const meaning = { kind: 'decimal', precision, scale } as const;
  if (precision <= 9) return { storage: 'int32', meaning };
  if (precision <= 18) return { storage: 'int64', meaning };
  return { storage: 'fixed', width: bytesOfDecimal(precision), meaning };
}

/** Bytes that hold every number of that precision, as two's complement. */
export function bytesOfDecimal(precision: number): number {
  return Math.ceil(((10n ** BigInt(precision)).toString(2).length + 1) / 8);
}

/** Bytes of a decimal in its storage. */
export function widthOfDecimal({ storage, width }: ScalarType): number {
  return storage === 'int32' ? 4 : storage === 'int64' ? 8 : width!;
}

/** The i-th decimal's units of 10^−scale. */
export function unitsAt({ storage, width }: ScalarType, bytes: Buffer, i: number): bigint {
  if (storage === 'int32') return BigInt(bytes.readInt32LE(4 * i));
  if (storage === 'int64') return bytes.readBigInt64LE(8 * i);
  return BigInt.asIntN(8 * width!, BigInt(`0x${bytes.toString('hex', i * width!, (i + 1) * width!)}`));
}
