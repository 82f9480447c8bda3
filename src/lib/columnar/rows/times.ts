import { ValueUnfit } from './unfit.js';

const dayMicros = 86_400_000_000n;
const day = String.raw`(\d{4,7})-(\d\d?)-(\d\d?)`;
const clock = String.raw`(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?`;
const zone = String.raw`(z|utc|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)`;
const dateText = new RegExp(`^${day}( bc)?$`, 'i');
const timeText = new RegExp(`^${clock}$`);
const timestampText = new RegExp(`^${day}(?:[ t]${clock})? ?${zone}?( bc)?$`, 'i');

/**
 * Days since 1970-01-01.
 * @param value text such as 2026-01-31, or a Date at midnight UTC
 * @throws ValueUnfit
 */
export function daysOf(value: unknown): number {
  if (value instanceof Date) {
    const days = value.getTime() / 86_400_000;
    if (!Number.isInteger(days)) throw new ValueUnfit(value, 'a date: it has a time of day');
    return days;
  }
  const match = typeof value === 'string' ? dateText.exec(value.trim()) : undefined;
  const days = match ? daysFrom(match[1]!, match[2]!, match[3]!, match[4] !== undefined) : undefined;
  if (days === undefined || days > 2 ** 31 - 1) throw new ValueUnfit(value, 'a date such as 2026-01-31');
  return days;
}

/** Microseconds since midnight, up to 24:00:00. @throws ValueUnfit */
export function timeOf(value: unknown): bigint {
  const match = typeof value === 'string' ? timeText.exec(value.trim()) : undefined;
  const micros = match ? microsFrom(match[1]!, match[2]!, match[3], match[4]) : undefined;
  if (micros === undefined) throw new ValueUnfit(value, 'a time such as 17:30:00.5, in microseconds');
  return micros;
}

/**
 * Microseconds since 1970-01-01 00:00, of UTC.
 * @param value a Date, or text such as `2026-01-31T17:30:00.5+01:00`. Without a zone it is UTC
 * @param isInstant otherwise it has no zone, or UTC: another one would be lost
 * @throws ValueUnfit
 */
export function timestampOf(value: unknown, isInstant: boolean): bigint {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new ValueUnfit(value, 'a time');
    return BigInt(value.getTime()) * 1000n;
  }
  const match = typeof value === 'string' ? timestampText.exec(value.trim()) : undefined;
  if (!match) throw new ValueUnfit(value, 'a time such as 2026-01-31 17:30:00.5+00, in microseconds');
  const [, year, month, date, hour, minute, second, fraction, offset, bc] = match;
  const days = daysFrom(year!, month!, date!, bc !== undefined);
  const ofDay = hour === undefined ? 0n : microsFrom(hour, minute!, second, fraction);
  const shift = offset === undefined ? 0n : offsetFrom(offset);
  if (days === undefined || ofDay === undefined || shift === undefined)
    throw new ValueUnfit(value, 'a time such as 2026-01-31 17:30:00.5+00, in microseconds');
  if (!isInstant && shift !== 0n) throw new ValueUnfit(value, 'a time without a zone: use timestamptz');
  const micros = BigInt(days) * dayMicros + ofDay - shift;
  if (BigInt.asIntN(64, micros) !== micros)
    throw new ValueUnfit(value, 'a time before 294247-01-10 04:00:54.775808');
  return micros;
}

const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * In the proleptic Gregorian calendar.
 * @see https://howardhinnant.github.io/date_algorithms.html days_from_civil
 */
function daysFrom(yearText: string, monthText: string, dayText: string, isBc: boolean): number | undefined {
  const [month, date] = [Number(monthText), Number(dayText)];
  if (Number(yearText) === 0) return undefined;
  const year = isBc ? 1 - Number(yearText) : Number(yearText);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 && isLeap ? 29 : daysOfMonths[month - 1];
  if (last === undefined || date < 1 || date > last) return undefined;
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + date - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** @returns undefined also where there are more decimals than microseconds have */
function microsFrom(
  hourText: string,
  minuteText: string,
  secondText = '0',
  fraction = '',
): bigint | undefined {
  const [hour, minute, second] = [Number(hourText), Number(minuteText), Number(secondText)];
  if (hour > 24 || minute > 59 || second > 59 || /[^0]/.test(fraction.slice(6))) return undefined;
  const micros =
    ((hour * 60 + minute) * 60 + second) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  return micros > 86_400_000_000 ? undefined : BigInt(micros);
}

function offsetFrom(text: string): bigint | undefined {
  if (/^(?:z|utc)$/i.test(text)) return 0n;
  const digits = text.slice(1).replaceAll(':', '');
  const [hours, minutes, seconds] = [0, 2, 4].map((at) => Number(digits.slice(at, at + 2)));
  if (hours! > 15 || minutes! > 59 || seconds! > 59) return undefined;
  const micros = BigInt((hours! * 60 + minutes!) * 60 + seconds!) * 1_000_000n;
  return text.startsWith('-') ? -micros : micros;
}
