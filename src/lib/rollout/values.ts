import { UserError } from '../core/errors.js';
import { parsePercent } from '../core/units.js';
import { readUrl } from '../core/url.js';
import { requestUrl } from '../http/url-shapes.js';

/** Readers of a rollout's single values, shared by its file and its flags. All throw what would be right. */

/** A tolerance: above 0%, because nothing proves that two versions are exactly the same. */
export function tolerance(text: string): number {
  const value = share(text);
  if (value === 0)
    throw new UserError('0% can never be shown', {
      hint: 'However many requests there are, some difference may remain: give a tolerance, like 0.5%.',
    });
  if (value >= 1) throw new UserError(`'${text}' tolerates everything`, { hint: 'Give less than 100%.' });
  return value;
}

export function share(text: string): number {
  const value = parsePercent(text);
  if (!Number.isFinite(value)) throw new UserError(`'${text}' is not a percentage`);
  return value;
}

/** The chance of a wrong verdict. */
export function risk(text: string): number {
  const value = share(text);
  if (value <= 0 || value > 0.5)
    throw new UserError(`'${text}' is no chance of a wrong verdict`, {
      hint: 'It is more than 0% and at most 50%.',
    });
  return value;
}

export function quantile(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0 && value < 1))
    throw new UserError('must be a number between 0 and 1, like 0.95');
  return value;
}

const placeholders = ['{{version}}', '{{window}}'];

/** PromQL that is asked for a version and for the time since the step began. */
export function expression(text: string): string {
  const unknown = placeholdersIn(text).find((found) => !placeholders.includes(found));
  if (unknown !== undefined)
    throw new UserError(`nothing is known to stand for ${unknown}`, {
      hint: 'There are {{version}} and {{window}}.',
    });
  const missing = placeholders.find((placeholder) => !text.includes(placeholder));
  if (missing !== undefined)
    throw new UserError(`${missing} is missing`, {
      hint: 'Write it like sum(increase(http_requests_total{version="{{version}}"}[{{window}}])).',
    });
  if (/\bhistogram_quantile\s*\(/.test(text))
    throw new UserError('this is a quantile, of which nothing can be counted', {
      hint: 'Give the buckets: sum by (le) (increase(…_bucket{version="{{version}}"}[{{window}}])).',
    });
  return text;
}

/** A URL that differs between the versions. */
export function probeUrl(text: string): string {
  const unknown = placeholdersIn(text).find((found) => found !== '{{version}}');
  if (unknown !== undefined)
    throw new UserError(`nothing is known to stand for ${unknown}`, { hint: 'There is {{version}}.' });
  if (!text.includes('{{version}}'))
    throw new UserError('{{version}} is missing', { hint: 'Both versions would be asked at one address.' });
  return requestedUrl(text);
}

/** A URL that may have the version's name in it. */
export function requestedUrl(text: string): string {
  readUrl(text.replaceAll('{{version}}', 'v'), requestUrl);
  return text;
}

/** One argument of a command; it may be empty. */
export function argument(text: string): string {
  if (text.includes('\0')) throw new UserError('no argument holds a zero byte');
  return text;
}

function placeholdersIn(text: string): string[] {
  return text.match(/\{\{[^{}]*\}\}/g) ?? [];
}
