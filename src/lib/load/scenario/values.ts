import { UserError } from '../../core/errors.js';
import { positiveDuration } from '../../core/schema/values.js';
import { targetOf } from '../request.js';
import { parseJsonPath } from './json-path.js';

/* Readers of a scenario's single values. All throw a UserError that says what would be right. */

/** One status, or several. */
export function readStatuses(value: unknown): readonly number[] {
  const statuses = Array.isArray(value) ? (value as unknown[]) : [value];
  const isStatus = (status: unknown) =>
    Number.isInteger(status) && 200 <= Number(status) && Number(status) <= 599;
  if (statuses.length === 0 || !statuses.every(isStatus))
    throw new UserError('must be a status from 200 to 599, or a list of them');
  return statuses as number[];
}

/** `<200ms`. @returns milliseconds */
export function readLatency(text: string): number {
  const [, limit] = /^\s*<\s*(.+)$/.exec(text) ?? [];
  if (limit === undefined)
    throw new UserError(`'${text}' is not a limit of latency`, { hint: "Write it like '<200ms'." });
  return positiveDuration(limit.trim());
}

/** A rate or a number of users; a number of YAML. */
export function readAmount(value: unknown, least: 'zero' | 'more'): number {
  if (typeof value === 'number' && Number.isFinite(value) && (least === 'zero' ? value >= 0 : value > 0))
    return value;
  throw new UserError(least === 'zero' ? 'must be a number from 0 up' : 'must be a number above 0');
}

/** What a request asks for: from `/` on below the target, or a URL with a host that has no placeholder. */
export function readPath(text: string): string {
  if (text.startsWith('/')) return text;
  if (/^https?:\/\//i.test(text)) {
    const [, authority = ''] = /^https?:\/\/([^/?#]*)/i.exec(text)!;
    if (/[{}]/.test(authority))
      throw new UserError('a host with a placeholder could be any host', { hint: 'Name the host.' });
    targetOf(`http://${authority}`);
    return text;
  }
  throw new UserError(`'${text}' is not a path`, {
    hint: 'Begin it with /, or with http:// and its own host.',
  });
}

export function readJsonPath(text: string): string {
  parseJsonPath(text);
  return text;
}

export function readRegex(text: string): string {
  try {
    new RegExp(text);
  } catch (error) {
    throw new UserError(`is not a regular expression: ${(error as Error).message.replace(/^.*: /, '')}`);
  }
  return text;
}

/** A name that a placeholder can have. */
export function readName(text: string): string {
  if (/^[A-Za-z_][\w-]*$/.test(text)) return text;
  throw new UserError(`'${text}' is not a name`, {
    hint: 'It has letters, digits, _ and -, and begins with a letter.',
  });
}

/** A header's value: one line of Latin-1. */
export function readHeaderValue(text: string): string {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
    throw new UserError('a header has a single line of Latin-1 text');
  return text;
}

export function readHeaderName(text: string): string {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(text)) return text;
  throw new UserError(`'${text}' is not the name of a header`);
}

/** The key of a tag, by which a threshold can choose: `p95{KEY=value}<200ms`. */
export function readTag(key: string): string {
  if (['name', 'check', 'kind'].includes(key))
    throw new UserError(`'${key}' is not a tag: thresholds choose by it in another way`);
  if (!tagKey.test(key))
    throw new UserError(`'${key}' is not the key of a tag`, {
      hint: 'It has letters, digits, _, - and dots.',
    });
  return key;
}

const tagKey = /^[A-Za-z_][\w.-]*$/;
