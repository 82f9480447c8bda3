import type { ByteString } from '../core/bytes.js';

/** When a request was logged. */
export interface LogTime {
  /** Milliseconds since the epoch, perhaps with a fraction. */
  readonly ms: number;
  /** Written with parts of a second, even if they are 0. */
  readonly isFine: boolean;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** `10/Oct/2025:13:55:36 +0000`, Apache's with `.123` as well. */
const common =
  /^(\d\d)\/([A-Za-z]{3})\/(\d{4}):(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?(?:([+-])(\d\d):?(\d\d)|Z|UTC|GMT))?$/;
/** `2025-10-10T13:55:36.123Z` (ISO 8601). */
const iso =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?(?:([+-])(\d\d):?(\d\d)|Z|UTC|GMT))?$/;
/** Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their digits: from 2001 to 2286. */
const epoch = /^(\d{10}|\d{13}|\d{16}|\d{19})(?:\.(\d+))?$/;

/** One without a zone is in UTC. Undefined where it is no time that logs are known to have. */
export function parseLogTime(text: ByteString): LogTime | undefined {
  const isoParts = iso.exec(text);
  if (isoParts) {
    const [, year, month, day, ...rest] = isoParts;
    return timeOf(Number(year), Number(month) - 1, Number(day), rest);
  }
  const commonParts = common.exec(text);
  if (commonParts) {
    const [, day, month, year, ...rest] = commonParts;
    return timeOf(Number(year), months.indexOf(month!.toLowerCase()), Number(day), rest);
  }
  const [, whole, fraction] = epoch.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const unit = 10 ** (whole.length - 13);
  return {
    ms: Number(fraction === undefined ? whole : `${whole}.${fraction}`) / unit,
    isFine: whole.length > 10 || fraction !== undefined,
  };
}

function timeOf(
  year: number,
  month: number,
  day: number,
  [hour, minute, second, fraction, sign, zoneHour, zoneMinute]: (string | undefined)[],
): LogTime | undefined {
  const date = Date.UTC(year, month, day);
  // Date.UTC makes March of a 30th of February.
  if (month < 0 || new Date(date).getUTCMonth() !== month || new Date(date).getUTCDate() !== day)
    return undefined;
  // A leap second counts as the second after it.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const offset = (sign === '-' ? -1 : 1) * (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0));
  const minutes = Number(hour) * 60 + Number(minute) - offset;
  const seconds = Number(second) + Number(`0.${fraction ?? 0}`);
  return { ms: date + minutes * 60_000 + seconds * 1000, isFine: fraction !== undefined };
}
