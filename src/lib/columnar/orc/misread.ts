import type { Misfit } from '../refusals.js';

/*
 * Dates and times that files hold, and some readers of ORC take for others. Those in Java keep them in a calendar that changes
 * from Julian to Gregorian on 1582-10-15, and lose the era on the way.
 */
const lastSecond: Misfit = {
  kind: 'misread',
  value: 'a time in the last 999 milliseconds of 1969 (ORC-763)',
};
const beforeChrist: Misfit = { kind: 'misread', value: 'a day before the year 1' };
const leftOut: Misfit = { kind: 'misread', value: 'a day from 1582-10-05 to 1582-10-14' };

const firstDay = -719_162;
const firstLeftOut = -141_437;
const firstGregorian = -141_427;

/** @param day since 1970-01-01 */
export function misreadDay(day: number): Misfit | undefined {
  if (day >= firstGregorian) return undefined;
  if (day < firstDay) return beforeChrist;
  return day >= firstLeftOut ? leftOut : undefined;
}

const microsPerDay = 86_400_000_000;
const [first, left, gregorian] = [firstDay, firstLeftOut, firstGregorian].map((day) => {
  const micros = BigInt(day) * BigInt(microsPerDay);
  return { high: Number(micros >> 32n), low: Number(BigInt.asUintN(32, micros)) };
}) as [Halves, Halves, Halves];

/** Of microseconds since 1970. */
interface Halves {
  readonly high: number;
  readonly low: number;
}

export function misreadTime(high: number, low: number): Misfit | undefined {
  if (high >= 0) return undefined;
  if (high === -1 && low >= 2 ** 32 - 999_000) return lastSecond;
  if (!isBefore(high, low, gregorian)) return undefined;
  if (isBefore(high, low, first)) return beforeChrist;
  return isBefore(high, low, left) ? undefined : leftOut;
}

function isBefore(high: number, low: number, bound: Halves): boolean {
  return high < bound.high || (high === bound.high && low < bound.low);
}
