import { ParquetMalformed, ParquetUnsupported } from './malformed.js';
import { bytesAt, type FixedValues, fixedValues, type Values } from './values.js';

/** Makes other values of a page's or a dictionary's. @throws ParquetUnsupported for one that would be changed */
export type Convert = (values: Values) => Values;

/** Whole numbers of 4 or 8 bytes, as 8 bytes. */
export function multiplied(width: 4 | 8, factor: number): Convert {
  return each(width, 8, (from, at, to, out) => {
    const value = width === 4 ? BigInt(from.getInt32(at, true)) : from.getBigInt64(at, true);
    const product = value * BigInt(factor);
    if (BigInt.asIntN(64, product) !== product)
      throw new ParquetUnsupported('a time beyond what 64 bits hold');
    to.setBigInt64(out, product, true);
  });
}

export function divided(divisor: number): Convert {
  return each(8, 8, (from, at, to, out) => {
    const value = from.getBigInt64(at, true);
    if (value % BigInt(divisor) !== 0n) throw new ParquetUnsupported('a time with nanoseconds');
    to.setBigInt64(out, value / BigInt(divisor), true);
  });
}

export const unsignedWord = each(4, 8, (from, at, to, out) =>
  to.setBigInt64(out, BigInt(from.getUint32(at, true)), true),
);

/** As a decimal, big-endian. */
export const unsignedLong = each(8, 9, (from, at, to, out) =>
  to.setBigUint64(out + 1, from.getBigUint64(at, true)),
);

export const halfToFloat = each(2, 4, (from, at, to, out) => {
  const half = from.getUint16(at, true);
  const sign = half >> 15 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const magnitude =
    exponent === 0
      ? (fraction / 1024) * 2 ** -14
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  to.setFloat32(out, sign * magnitude, true);
});

/** Big-endian two's complement of any length, of one length. */
export function decimalFromBytes(width: number): Convert {
  return (values) => {
    if (values.kind !== 'bytes') throw new ParquetMalformed('decimals of another type');
    const made = fixedValues(values.count, width);
    for (let i = 0; i < values.count; i++) {
      const bytes = bytesAt(values, i);
      if (bytes.length === 0) throw new ParquetMalformed('a decimal without bytes');
      const fill = bytes[0]! & 128 ? 255 : 0;
      const extra = bytes.length - width;
      for (let k = 0; k < extra; k++)
        if (bytes[k] !== fill) throw new ParquetUnsupported('a decimal with more digits than its type has');
      const kept = extra > 0 ? bytes.subarray(extra) : bytes;
      made.bytes.fill(fill, i * width, (i + 1) * width);
      made.bytes.set(kept, (i + 1) * width - kept.length);
    }
    return made;
  };
}

function each(
  width: number,
  made: number,
  convert: (from: DataView, at: number, to: DataView, out: number) => void,
): Convert {
  return (values) => {
    if (values.kind !== 'fixed' || values.width !== width)
      throw new ParquetMalformed('values of another type');
    const { bytes, count } = values satisfies FixedValues;
    const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out = fixedValues(count, made);
    for (let i = 0; i < count; i++) convert(from, i * width, out.view, i * made);
    return out;
  };
}
