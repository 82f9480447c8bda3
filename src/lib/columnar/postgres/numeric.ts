import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import { infinite, minusInfinite, notANumber, tooManyDigits } from '../misfits.js';
import type { Misfit } from '../refusals.js';
import { type Decode, each } from './decoders.js';

/*
 * A numeric as PostgreSQL sends it: how many digits of base 10,000, the first one's power of that base, the sign, how many
 * decimals are shown, and the digits, of which zeros at the end are left out. Each of these has two bytes.
 */
const headerBytes = 8;
const negative = 0x4000;
const special: Readonly<Record<number, Misfit>> = {
  0xc000: notANumber,
  0xd000: infinite,
  0xf000: minusInfinite,
};
const specialText: Readonly<Record<number, string>> = {
  0xc000: 'NaN',
  0xd000: 'Infinity',
  0xf000: '-Infinity',
};

/** As PostgreSQL prints it. */
export function numericText(): Decode {
  let text = Buffer.alloc(64);
  return (slice, field, column) => {
    const out = column as BytesColumn;
    each(slice, field, column, undefined, (block, at) => {
      const [, weight, , scale] = headerOf(block, at);
      const most = 16 + 4 * Math.max(0, weight) + scale;
      if (most > text.length) text = Buffer.alloc(2 * most);
      out.add(text, 0, writeText(block, at, text));
    });
  };
}

/** @returns how many bytes of `out` it takes */
function writeText(block: Uint8Array, at: number, out: Buffer): number {
  const [digits, weight, sign, scale] = headerOf(block, at);
  if (specialText[sign] !== undefined) return out.write(specialText[sign], 'latin1');
  let end = 0;
  const put = (group: number, from: number, to: number) => {
    const value = group < 0 || group >= digits ? 0 : short(block, at + headerBytes + 2 * group);
    for (let place = from; place < to; place++)
      out[end++] = 0x30 + (Math.floor(value / thousandths[place]!) % 10);
  };
  if (sign === negative) out[end++] = 0x2d;
  const first = digits > 0 ? short(block, at + headerBytes) : 0;
  if (weight < 0) out[end++] = 0x30;
  else put(0, first >= 1000 ? 0 : first >= 100 ? 1 : first >= 10 ? 2 : 3, 4);
  for (let group = 1; group <= weight; group++) put(group, 0, 4);
  if (scale === 0) return end;
  out[end++] = 0x2e;
  for (let place = 0; place < scale; place += 4) put(weight + 1 + place / 4, 0, Math.min(4, scale - place));
  return end;
}

const thousandths = [1000, 100, 10, 1];
/** Numbers with this many digits are exact as JavaScript's. */
const exactDigits = 15;

/**
 * In units of 10^−scale: 4 or 8 bytes little-endian, or `width` big-endian.
 * @param precision most digits; a value that has more, or more decimals, is refused and not rounded
 */
export function decimal(precision: number, scale: number, width: number, isBigEndian: boolean): Decode {
  const isExact = precision <= exactDigits;
  const limit = isExact ? 10 ** precision : 10n ** BigInt(precision);
  const unfit = tooManyDigits(precision, scale);
  return (slice, field, column) => {
    const out = column as FixedColumn;
    each(slice, field, column, undefined, (block, at, _, row) => {
      const misfit = special[short(block, at + 4)];
      if (misfit) {
        column.presence.addNull(row);
        return slice.refuse(misfit, row);
      }
      const units = isExact ? unitsOf(block, at, scale) : bigUnitsOf(block, at, precision, scale);
      if (units === undefined || units >= limit || units <= -limit) {
        column.presence.addNull(row);
        return slice.refuse(unfit, row);
      }
      const place = out.count++;
      if (isBigEndian) writeBigEndian(BigInt(units), width, out.bytes, place * width);
      else if (width === 4) out.int32[place] = Number(units);
      else if (typeof units === 'number') {
        const high = Math.floor(units / 2 ** 32);
        out.int32[2 * place] = units - high * 2 ** 32;
        out.int32[2 * place + 1] = high;
      } else {
        out.int32[2 * place] = Number(BigInt.asIntN(32, units));
        out.int32[2 * place + 1] = Number(units >> 32n);
      }
    });
  };
}

/**
 * Exact below 10^15; from there on it may only be said that it is not below.
 * @returns undefined when there are more decimals
 */
function unitsOf(block: Uint8Array, at: number, scale: number): number | undefined {
  const [digits, weight, sign] = headerOf(block, at);
  let units = 0;
  // Of the digit's end, in powers of ten of a unit.
  let place = 4 * weight + scale;
  for (let i = 0; i < digits; i++, place -= 4) {
    const digit = short(block, at + headerBytes + 2 * i);
    if (place >= 0) units = units * 10_000 + digit;
    else {
      const by = place > -4 ? 10 ** -place : 10_000;
      if (digit % by !== 0) return undefined;
      if (place > -4) units = units * 10 ** (4 + place) + digit / by;
    }
  }
  if (place + 4 > 0 && digits > 0) units *= 10 ** (place + 4);
  return sign === negative ? -units : units;
}

/** As `unitsOf`, for any number of digits; undefined also where there are far more than `precision`. */
function bigUnitsOf(block: Uint8Array, at: number, precision: number, scale: number): bigint | undefined {
  const [digits, weight, sign] = headerOf(block, at);
  if (4 * weight + scale > precision) return undefined;
  let units = 0n;
  let place = 4 * weight + scale;
  for (let i = 0; i < digits; i++, place -= 4) {
    const digit = short(block, at + headerBytes + 2 * i);
    if (place >= 0) units = units * 10_000n + BigInt(digit);
    else {
      const by = place > -4 ? 10 ** -place : 10_000;
      if (digit % by !== 0) return undefined;
      if (place > -4) units = units * 10n ** BigInt(4 + place) + BigInt(digit / by);
    }
  }
  if (place + 4 > 0 && digits > 0) units *= 10n ** BigInt(place + 4);
  return sign === negative ? -units : units;
}

function headerOf(
  block: Uint8Array,
  at: number,
): readonly [digits: number, weight: number, sign: number, scale: number] {
  return [
    short(block, at),
    (short(block, at + 2) << 16) >> 16,
    short(block, at + 4),
    short(block, at + 6) & 0x3fff,
  ];
}

function short(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function writeBigEndian(value: bigint, width: number, out: Uint8Array, at: number): void {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    out[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
}
