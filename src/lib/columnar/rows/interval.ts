import { unitsOf } from './numbers.js';
import { ValueUnfit } from './unfit.js';

/** A length of time as PostgreSQL keeps it. */
export interface Interval {
  readonly months: bigint;
  readonly days: bigint;
  readonly micros: bigint;
}

type Part = keyof Interval;

const units: readonly (readonly [RegExp, Part, bigint])[] = [
  [/^y(?:ears?)?$/i, 'months', 12n],
  [/^mons?$|^months?$/i, 'months', 1n],
  [/^w(?:eeks?)?$/i, 'days', 7n],
  [/^d(?:ays?)?$/i, 'days', 1n],
  [/^h(?:ours?)?$/i, 'micros', 3_600_000_000n],
  [/^mins?$|^minutes?$/i, 'micros', 60_000_000n],
  [/^s(?:ecs?|econds?)?$/i, 'micros', 1_000_000n],
];

const amount = /\s*([+-]?\d+(?:\.\d+)?)\s*([a-z]+)(?=\s|[+-]|\d|$)/iy;
const clock = /\s*([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?\s*$/y;
const iso = /^([+-]?)P(?=.)((?:[+-]?\d+[YMWD])*)(?:T((?:[+-]?\d+(?:\.\d+)?[HMS])+))?$/i;

/**
 * An interval as PostgreSQL prints it, `1 mon -3 days 00:00:00.000001`, or as ISO 8601 has it, `P1M-3DT0.000001S`.
 * @throws ValueUnfit also for fractions of months and days, which have no fixed length
 */
export function parseInterval(text: string): Interval {
  const sums = { months: 0n, days: 0n, micros: 0n };
  const add = (number: string, unit: string) => {
    const [, part, factor] = units.find(([name]) => name.test(unit)) ?? [];
    if (part === undefined) throw unfit(text);
    const value = part === 'micros' ? unitsOf(number, 6) : unitsOf(number, 0);
    if (value === undefined) throw unfit(text);
    // Of seconds and longer times, in microseconds.
    sums[part] += part === 'micros' ? (value * factor!) / 1_000_000n : value * factor!;
  };
  const parts = iso.exec(text.trim());
  if (parts) addIso(parts, add);
  else addWords(text.trim(), add);
  return sums;
}

function addIso(
  [, sign, date = '', time = '']: RegExpExecArray,
  add: (n: string, unit: string) => void,
): void {
  const signed = (number: string) =>
    sign !== '-' ? number : number.startsWith('-') ? number.slice(1) : `-${number.replace('+', '')}`;
  const dateUnits: Record<string, string> = { Y: 'year', M: 'mon', W: 'week', D: 'day' };
  const timeUnits: Record<string, string> = { H: 'hour', M: 'min', S: 'sec' };
  for (const [, number, unit] of date.matchAll(/([+-]?\d+)([a-z])/gi))
    add(signed(number!), dateUnits[unit!.toUpperCase()]!);
  for (const [, number, unit] of time.matchAll(/([+-]?[\d.]+)([a-z])/gi))
    add(signed(number!), timeUnits[unit!.toUpperCase()]!);
}

function addWords(text: string, add: (number: string, unit: string) => void): void {
  let at = 0;
  while (at < text.length) {
    amount.lastIndex = clock.lastIndex = at;
    const word = amount.exec(text);
    const time = word ? undefined : clock.exec(text);
    if (word) {
      add(word[1]!, word[2]!);
      at = amount.lastIndex;
    } else if (time) {
      const [, sign, hours, minutes, seconds = '0'] = time;
      add(`${sign}${hours}`, 'hour');
      add(`${sign}${minutes}`, 'min');
      add(`${sign}${seconds}`, 'sec');
      at = text.length;
    } else throw unfit(text);
  }
  if (text === '') throw unfit(text);
}

function unfit(text: string): ValueUnfit {
  return new ValueUnfit(text, "an interval such as '1 mon 3 days 04:05:06'");
}
