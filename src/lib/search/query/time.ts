import { UserError } from '../../core/errors.js';

type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y';

const fixedMs: Partial<Record<Unit, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** ISO 8601: a day, or a time of it, with a zone or in UTC. */
const absolute =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;
const relative = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([smhdwMy]))?$/;

/**
 * A moment: `2026-11-29`, `2026-11-29T14:30`, `2026-11-29T14:30:00+01:00`, or against the clock: `now`, `now-7d`, `now-1M/M`. Without
 * a zone it is UTC. `/d` goes back to where the day began; weeks begin on Monday.
 * @param now milliseconds since the epoch
 * @returns ISO 8601 in UTC, with the fraction as it was given
 * @throws UserError exit 2
 */
export function resolveTime(text: string, now: number): string {
  const trimmed = text.trim();
  const math = relative.exec(trimmed);
  const resolved = math ? relativeTime(math, now) : absoluteTime(trimmed);
  if (resolved !== undefined) return resolved;
  throw new UserError(`'${text}' is not a time`, {
    code: 'TIME_INVALID',
    hint: 'Write it like 2026-11-29, 2026-11-29T14:30Z, now-7d or now/d; units are s m h d w M y.',
  });
}

function relativeTime([, steps = '', rounding]: RegExpExecArray, now: number): string | undefined {
  const date = new Date(now);
  for (const [, sign, amount, unit] of steps.matchAll(/([+-])(\d+)([smhdwMy])/g))
    add(date, sign === '-' ? -Number(amount) : Number(amount), unit as Unit);
  if (rounding !== undefined) roundDown(date, rounding as Unit);
  return isoOf(date);
}

/** Of a month that is shorter the last day: a month before 31 March is 28 February. */
function add(date: Date, amount: number, unit: Unit): void {
  const ms = fixedMs[unit];
  if (ms !== undefined) {
    date.setTime(date.getTime() + amount * ms);
    return;
  }
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + amount * (unit === 'y' ? 12 : 1));
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
}

function roundDown(date: Date, unit: Unit): void {
  if (unit === 'w') date.setTime(date.getTime() - ((date.getUTCDay() + 6) % 7) * fixedMs.d!);
  if (unit === 'M' || unit === 'y') date.setUTCDate(1);
  if (unit === 'y') date.setUTCMonth(0);
  const ms = fixedMs[unit === 's' || unit === 'm' || unit === 'h' ? unit : 'd']!;
  date.setTime(Math.floor(date.getTime() / ms) * ms);
}

function absoluteTime(text: string): string | undefined {
  const match = absolute.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const offset =
    zone === 'Z' ? 'Z' : zone.length === 3 ? `${zone}:00` : zone.replace(/(\d\d)(\d\d)$/, '$1:$2');
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`);
  if (Number.isNaN(date.getTime())) return undefined;
  // `Date` takes 30 February for 2 March.
  if (new Date(`${year}-${month}-${day}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined;
  const iso = isoOf(date);
  return iso?.replace(/\.\d+Z$/, `.${fraction.padEnd(3, '0')}Z`);
}

function isoOf(date: Date): string | undefined {
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}
