import type { FixedColumn } from '../fixed-column.js';
import type { ScalarType } from '../type.js';
import { writeVarint } from './hybrid.js';

const blockValues = 128;
const miniblocks = 4;
const miniblockValues = blockValues / miniblocks;
/** Numbers of 64 bits are kept where they, and the sums that are made of them, are exact. */
const mostHigh = 2 ** 19;

/**
 * The whole numbers of a column.
 * @param out has room for them
 * @returns false where a number has more than 51 bits
 */
export function readWholeNumbers({ int32, count, width }: FixedColumn, out: Float64Array): boolean {
  if (width === 4) {
    for (let i = 0; i < count; i++) out[i] = int32[i]!;
    return true;
  }
  for (let i = 0; i < count; i++) {
    const high = int32[2 * i + 1]!;
    if (high >= mostHigh || high < -mostHigh) return false;
    out[i] = high * 2 ** 32 + (int32[2 * i]! >>> 0);
  }
  return true;
}

/**
 * Bytes that `writeDelta` makes of numbers, about.
 * @returns undefined where steps have more bits than the numbers may have
 */
export function deltaBytes(
  numbers: Float64Array,
  from: number,
  to: number,
  storage: ScalarType['storage'],
): number | undefined {
  const [lowest, highest] =
    storage === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  let bytes = 10;
  for (let block = from + 1; block < to; block += miniblockValues) {
    const end = Math.min(block + miniblockValues, to);
    let least = Infinity;
    let greatest = -Infinity;
    for (let i = block; i < end; i++) {
      const step = numbers[i]! - numbers[i - 1]!;
      if (step < least) least = step;
      if (step > greatest) greatest = step;
    }
    if (least < lowest || greatest > highest) return undefined;
    bytes += 3 + (widthOf(greatest - least) * miniblockValues) / 8;
  }
  return bytes;
}

/** The maximum bytes that `writeDelta` makes of that number of values. */
export function mostDeltaBytes(count: number): number {
  return 40 + Math.ceil(count / blockValues) * (10 + miniblocks + 8 * blockValues);
}

/**
 * Steps between numbers, packed (DELTA_BINARY_PACKED). https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
 * @returns the place in `out` behind them
 */
export function writeDelta(
  numbers: Float64Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
): number {
  let place = writeVarint(out, at, blockValues);
  place = writeVarint(out, place, miniblocks);
  place = writeVarint(out, place, to - from);
  place = writeSigned(out, place, from < to ? numbers[from]! : 0);
  for (let block = from + 1; block < to; block += blockValues) {
    const end = Math.min(block + blockValues, to);
    let least = Infinity;
    for (let i = block; i < end; i++) {
      const step = numbers[i]! - numbers[i - 1]!;
      if (step < least) least = step;
    }
    place = writeSigned(out, place, least);
    const widths = place;
    out.fill(0, widths, widths + miniblocks);
    place += miniblocks;
    for (let start = block; start < end; start += miniblockValues) {
      const stop = Math.min(start + miniblockValues, end);
      let greatest = 0;
      for (let i = start; i < stop; i++) {
        const excess = numbers[i]! - numbers[i - 1]! - least;
        if (excess > greatest) greatest = excess;
      }
      const width = widthOf(greatest);
      out[widths + (start - block) / miniblockValues] = width;
      place = packSteps(numbers, start, stop, least, width, out, place);
    }
  }
  return place;
}

/** A whole miniblock, each number's lowest bit first; what is missing is 0. */
function packSteps(
  numbers: Float64Array,
  from: number,
  to: number,
  least: number,
  width: number,
  out: Uint8Array,
  at: number,
): number {
  const end = at + (width * miniblockValues) / 8;
  let place = at;
  let held = 0;
  let bits = 0;
  for (let i = from; i < to; i++) {
    let rest = numbers[i]! - numbers[i - 1]! - least;
    for (let left = width; left > 0; left -= 24) {
      // With the bits that wait, fewer than 32.
      const taken = left < 24 ? left : 24;
      held |= (rest % 2 ** 24) << bits;
      bits += taken;
      for (; bits >= 8; bits -= 8) {
        out[place++] = held;
        held >>>= 8;
      }
      if (left > 24) rest = Math.floor(rest / 2 ** 24);
    }
  }
  if (bits > 0) out[place++] = held;
  out.fill(0, place, end);
  return end;
}

/** Bits of a whole number from 0 to 2^53. */
function widthOf(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / 2 ** 32);
}

/** Zigzag, as a variable number of bytes. */
function writeSigned(out: Uint8Array, at: number, value: number): number {
  let place = at;
  let rest = value >= 0 ? 2 * value : -2 * value - 1;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[place++] = (rest % 128) | 128;
  out[place++] = rest;
  return place;
}
