import { UserError } from '../core/errors.js';

/** How long documents are kept: days, calendar months or years. */
export interface Age {
  readonly count: number;
  readonly unit: 'd' | 'M' | 'y';
}

/** `90d`, `13M`, `2y`. @throws UserError */
export function readAge(text: string): Age {
  const [, digits, unit] = /^([1-9]\d{0,4})([dMy])$/.exec(text.trim()) ?? [];
  if (digits === undefined)
    throw new UserError(`'${text}' is not an age`, {
      hint: 'Give days, months or years: 90d, 13M, 2y.',
    });
  return { count: Number(digits), unit: unit as Age['unit'] };
}

export function formatAge({ count, unit }: Age): string {
  return `${count}${unit}`;
}

/**
 * The moment that is so old now, in UTC. Where the month has no such day it is the month's last one, at the same time
 * of day: a year before 29 February is 28 February.
 */
export function before(now: Date, { count, unit }: Age): Date {
  if (unit === 'd') return new Date(now.getTime() - count * 86_400_000);
  const months = unit === 'y' ? count * 12 : count;
  const month = now.getUTCFullYear() * 12 + now.getUTCMonth() - months;
  const lastDay = new Date(Date.UTC(Math.floor(month / 12), (month % 12) + 1, 0)).getUTCDate();
  const then = new Date(now);
  then.setUTCDate(1);
  then.setUTCFullYear(Math.floor(month / 12), month % 12, Math.min(now.getUTCDate(), lastDay));
  return then;
}

/** Days that the age lasts at most: servers count in days, and must not delete earlier than asked. */
export function longestDays({ count, unit }: Age): number {
  if (unit === 'd') return count;
  // 400 years have 146,097 days. Shorter times have up to so many days more than their part of them.
  if (unit === 'y') return Math.ceil((count * 146_097) / 400) + 2;
  return Math.ceil((count * 146_097) / 4800) + 4;
}

/** Of an index of one month: `2026-11`. */
export function monthOf(time: Date): string {
  return time.toISOString().slice(0, 7);
}

/** When the month in the index's name ends: of `meter-readings-2026-11` the beginning of December. Undefined where it has none. */
export function monthEnd(index: string): Date | undefined {
  const [, year, month] = /(?:^|[-_.])(\d{4})[-.](0[1-9]|1[0-2])$/.exec(index) ?? [];
  return year === undefined ? undefined : new Date(Date.UTC(Number(year), Number(month), 1));
}
