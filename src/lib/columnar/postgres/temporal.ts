import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import { infinite, minusInfinite, tooLate } from '../misfits.js';
import type { StructColumn } from '../nested-columns.js';
import { misreadDay, misreadTime } from '../orc/misread.js';
import type { Misfit } from '../refusals.js';
import { type Decode, each, wrongWidth } from './decoders.js';

/* PostgreSQL counts from 2000, files from 1970. */
const epochDays = 10_957;
const epochHigh = Math.floor(946_684_800_000_000 / 2 ** 32);
const epochLow = 946_684_800_000_000 % 2 ** 32;

const midnight: Misfit = { kind: 'range', value: '24:00:00' };

export function timestamp(isOrc: boolean): Decode {
  return ({ block, starts, lengths, stride, from, to, row, refuse }, field, column) => {
    const out = column as FixedColumn;
    const { int32, presence } = out;
    let place = 2 * out.count;
    for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
      const length = lengths[k]!;
      if (length === 8) {
        const at = starts[k]!;
        const high = word(block, at);
        const low = word(block, at + 4) >>> 0;
        const sum = low + epochLow;
        const sumHigh = high + epochHigh + (sum >= 2 ** 32 ? 1 : 0);
        // Infinity is the greatest number: it is too late, too. What is before 1970 does not come near the least.
        if (sumHigh > 0x7fffffff || high === -0x80000000) {
          presence.addNull(row + r - from);
          refuse(unfit(high, low), row + r - from);
          continue;
        }
        const misread = isOrc ? misreadTime(sumHigh, sum % 2 ** 32) : undefined;
        if (misread) refuse(misread, row + r - from);
        int32[place] = sum | 0;
        int32[place + 1] = sumHigh;
        place += 2;
      } else if (length < 0) presence.addNull(row + r - from);
      else throw wrongWidth(length, 8);
    }
    out.count = place / 2;
  };
}

function unfit(high: number, low: number): Misfit {
  if (high === -0x80000000) return minusInfinite;
  return high === 0x7fffffff && low === 0xffffffff ? infinite : tooLate;
}

const microsPerDay = 86_400_000_000;
/** The Julian day of 2000-01-01. */
const julianDay = 2_451_545;

/** As nanoseconds of the day and the Julian day. */
export const timestamp96: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 8, (block, at, _, row) => {
    const high = word(block, at);
    const low = word(block, at + 4) >>> 0;
    if ((high === 0x7fffffff && low === 0xffffffff) || high === -0x80000000) {
      column.presence.addNull(row);
      return slice.refuse(unfit(high, low), row);
    }
    // A division of the halves, each of which is exact: the whole has up to 64 bits.
    const highDays = Math.floor((high * 2 ** 16) / microsPerDay) * 2 ** 16;
    const rest = (high * 2 ** 16 - (highDays / 2 ** 16) * microsPerDay) * 2 ** 16 + low;
    const days = highDays + Math.floor(rest / microsPerDay);
    const micros = rest - Math.floor(rest / microsPerDay) * microsPerDay;
    const nanos = BigInt(micros) * 1000n;
    const word0 = 3 * out.count++;
    out.int32[word0] = Number(BigInt.asIntN(32, nanos));
    out.int32[word0 + 1] = Number(nanos >> 32n);
    out.int32[word0 + 2] = julianDay + days;
  });
};

export function date(isOrc: boolean): Decode {
  return (slice, field, column) => {
    const out = column as FixedColumn;
    each(slice, field, column, 4, (block, at, _, row) => {
      const days = word(block, at);
      if (days === 0x7fffffff || days === -0x80000000) {
        column.presence.addNull(row);
        return slice.refuse(days < 0 ? minusInfinite : infinite, row);
      }
      const misread = isOrc ? misreadDay(days + epochDays) : undefined;
      if (misread) slice.refuse(misread, row);
      out.int32[out.count++] = days + epochDays;
    });
  };
}

/** A time that readers know as such: some have no 24:00:00, which PostgreSQL has. */
export const timeOfDay: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 8, (block, at, _, row) => {
    const [high, low] = [word(block, at), word(block, at + 4)];
    if (high * 2 ** 32 + (low >>> 0) === microsPerDay) {
      column.presence.addNull(row);
      return slice.refuse(midnight, row);
    }
    out.int32[2 * out.count] = low;
    out.int32[2 * out.count++ + 1] = high;
  });
};

/** As PostgreSQL prints a time with its zone. */
export const timeWithZone: Decode = (slice, field, column) => {
  const out = column as BytesColumn;
  each(slice, field, column, 12, (block, at) => {
    const micros = word(block, at) * 2 ** 32 + (word(block, at + 4) >>> 0);
    // Seconds west of Greenwich.
    const zone = word(block, at + 8);
    const made = Buffer.from(`${clock(micros)}${zone > 0 ? '-' : '+'}${zoneText(Math.abs(zone))}`);
    out.add(made, 0, made.length);
  });
};

function clock(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = String(micros % 1e6)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${fraction && `.${fraction}`}`;
}

function zoneText(seconds: number): string {
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  const used = parts[2] !== 0 ? 3 : parts[1] !== 0 ? 2 : 1;
  return parts.slice(0, used).map(two).join(':');
}

function two(number: number): string {
  return String(Math.floor(number)).padStart(2, '0');
}

/** Months, days and microseconds, none of which is a number of another. */
export const interval: Decode = (slice, field, column) => {
  const out = column as StructColumn;
  const [months, days, micros] = out.fields as [FixedColumn, FixedColumn, FixedColumn];
  each(slice, field, column, 16, (block, at, _, row) => {
    const parts = [word(block, at), word(block, at + 4), word(block, at + 8), word(block, at + 12)] as const;
    const infinity = intervalInfinity(parts);
    if (infinity) {
      column.presence.addNull(row);
      return slice.refuse(infinity, row);
    }
    months.int32[months.count++] = parts[3];
    days.int32[days.count++] = parts[2];
    micros.int32[2 * micros.count] = parts[1];
    micros.int32[2 * micros.count++ + 1] = parts[0];
    out.count++;
  });
};

/** All parts are the greatest, or the least. */
function intervalInfinity([high, low, days, months]: readonly [number, number, number, number]):
  Misfit | undefined {
  if (high === 0x7fffffff && low === -1 && days === high && months === high) return infinite;
  return high === -0x80000000 && low === 0 && days === high && months === high ? minusInfinite : undefined;
}

function word(block: Uint8Array, at: number): number {
  return (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
}
