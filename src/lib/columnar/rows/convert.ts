import { isIP } from 'node:net';

import type { TypeRules } from '../postgres/types.js';
import { infinite, minusInfinite } from '../misfits.js';
import type { Misfit } from '../refusals.js';
import type { Type } from '../type.js';
import { jsonOf, uuidOf } from './bytes.js';
import { parseInterval } from './interval.js';
import { timeOf, timestampOf } from './times.js';
import { ValueUnfit } from './unfit.js';

/**
 * Makes of a value, which is not null, what `appendValue` takes.
 * @param note is told of values that the file cannot hold, which become null, or that its readers misread
 * @throws ValueUnfit
 */
export type Convert = (value: unknown, note: (misfit: Misfit) => void) => unknown;

/** How values of a type of PostgreSQL are read that are written as another: several become text, or numbers. */
export function convertOf(name: string, type: Type, { profile }: TypeRules): Convert | undefined {
  switch (name) {
    case 'date':
      return unlessInfinite((value) => value);
    case 'timestamp':
    case 'timestamptz':
      return unlessInfinite(
        profile.format === 'orc' ? noteMisread(name === 'timestamptz') : (value) => value,
      );
    case 'time':
      if (profile.time === 'integer') return (value) => timeOf(value);
      return (value) => {
        if (timeOf(value) === 86_400_000_000n) throw new ValueUnfit(value, 'a time before 24:00:00');
        return value;
      };
    case 'interval':
      return unlessInfinite((value) => (typeof value === 'string' ? parseInterval(value) : value));
    default:
      if ('meaning' in type && type.meaning.kind === 'decimal') return unlessInfinite((value) => value);
      return type.storage === 'bytes' && type.meaning.kind === 'text' ? textForms[name] : undefined;
  }
}

const infinity = /^\s*([+-]?)inf(?:inity)?\s*$/i;

/** @param convert takes the other values */
function unlessInfinite(convert: Convert): Convert {
  return (value, note) => {
    const [, sign] =
      (typeof value === 'string' || typeof value === 'number' ? infinity.exec(String(value)) : null) ?? [];
    if (sign === undefined) return convert(value, note);
    note(sign === '-' ? minusInfinite : infinite);
    return null;
  };
}

/** ORC-763: readers add a second to these. */
function noteMisread(isInstant: boolean): Convert {
  return (value, note) => {
    const micros = timestampOf(value, isInstant);
    if (micros >= -999_000n && micros < 0n)
      note({ kind: 'misread', value: 'a time in the last 999 milliseconds of 1969' });
    return value;
  };
}

/** Of types that are written as their text, which is checked. */
const textForms: Readonly<Record<string, Convert>> = {
  numeric: matching(/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$|^nan$|^[+-]?inf(?:inity)?$/i, 'a number'),
  timetz: matching(
    /^(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)$/i,
    'a time with a zone such as 17:30:00+01',
  ),
  uuid: (value) =>
    Buffer.from(uuidOf(value))
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  json: documentText,
  jsonb: documentText,
  inet: address,
  cidr: address,
};

function matching(pattern: RegExp, expected: string): Convert {
  return (value) => {
    const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
    if (typeof text !== 'string' || !pattern.test(text.trim())) throw new ValueUnfit(value, expected);
    return text.trim();
  };
}

function documentText(value: unknown): string {
  return Buffer.from(jsonOf(value)).toString();
}

function address(value: unknown): string {
  if (typeof value === 'string') {
    const [host = '', bits, ...more] = value.trim().split('/');
    const version = isIP(host);
    const isMask =
      bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
    if (version !== 0 && isMask && more.length === 0) return value.trim();
  }
  throw new ValueUnfit(value, 'an address such as 10.0.0.1 or 10.0.0.0/24');
}
