import { UserError } from '../core/errors.js';
import { didYouMean } from '../core/nearest.js';
import { parseDuration, parsePercent } from '../core/units.js';
import type { Filter } from './accounts.js';

export type Operator = '<' | '<=' | '>' | '>=';

const shares = ['error_rate', 'checks'] as const;
const rates = ['rps', 'goodput', 'achieved_rate'] as const;
const counts = ['sent', 'answered', 'failed', 'incomplete', 'unexpected', 'errors', 'unsent'] as const;

/**
 * What a threshold is about: a quantile of a time in milliseconds, answers with a status (`503`, or `5xx`), a share from 0 to
 * 1, requests or answers a second, or a count, whose limit may be a share of the requests sent.
 */
export type Metric =
  | { readonly quantile: number; readonly of: 'response' | 'service' | 'wait' }
  | { readonly status: string }
  | (typeof shares)[number]
  | (typeof rates)[number]
  | (typeof counts)[number];

export interface Threshold {
  /** As it is shown: `p95{name=GET /x}<200ms abort after 10s`. */
  readonly expression: string;
  readonly metric: Metric;
  /** Of which requests; with `check` of `checks` and `kind` of `failed`, of which of those. */
  readonly filter: Filter;
  readonly operator: Operator;
  /** Milliseconds, a share, requests a second, or a count. */
  readonly limit: number;
  /** Whether the limit of a count is a share. */
  readonly isShare: boolean;
  /** Where nothing was observed, it passes. */
  readonly passesWithoutData: boolean;
  /** The run ends when it fails, from so many milliseconds on. */
  readonly abortAfterMs?: number;
}

/** How long a run continues in any case, before `abort` ends it. */
const usualGrace = '10s';

const code = 'THRESHOLD';
const hint =
  'Write it like p95<200ms, service_p99<=1s, error_rate<1%, rps>500, checks>99%, status_503<1% or p95{name=GET /x}<200ms.';

/**
 * Parses `METRIC{KEY=VALUE,…}<LIMIT`, followed by `abort`, `abort after 10s` or `or-no-data: pass`. A value with a comma or a
 * quotation mark stands in quotation marks. @throws UserError
 */
export function parseThreshold(text: string): Threshold {
  const wrong = (why: string, how = hint) =>
    new UserError(`'${text}' is not a threshold: ${why}`, { hint: how, code });
  const [, name = '', filters, operator, written = '', rest = ''] =
    /^\s*([^\s{<>=]+)\s*(?:\{(.*)\})?\s*(<=?|>=?)\s*([^\s<>=]+)\s*(.*?)\s*$/.exec(text) ?? [];
  if (operator === undefined) throw wrong('it is not METRIC<LIMIT');
  const metric = metricOf(name);
  if (metric === undefined) throw wrong(`'${name}' is not a metric${meant(name)}`);
  const filter = filters === undefined ? {} : parseFilter(filters, wrong);
  checkFilter(metric, filter, wrong);
  const isShare = isCount(metric) && written.endsWith('%');
  let limit: number;
  try {
    limit = isShare ? parsePercent(written) : limitOf(metric, written);
  } catch (error) {
    throw wrong((error as Error).message, (error as UserError).hint);
  }
  const shownFilter = Object.entries(filter).map(([key, value]) => `${key}=${quoted(value)}`);
  const options = parseOptions(rest, wrong);
  return {
    expression: [
      `${name}${shownFilter.length === 0 ? '' : `{${shownFilter.join(',')}}`}${operator}${written}`,
      ...options.shown,
    ].join(' '),
    metric,
    filter,
    operator: operator as Operator,
    limit,
    isShare,
    passesWithoutData: options.passesWithoutData,
    ...(options.abortAfterMs === undefined ? {} : { abortAfterMs: options.abortAfterMs }),
  };
}

/** Thresholds with commas between them, as a flag takes them; commas in braces are parts of values. */
export function splitThresholds(text: string): string[] {
  const parts = [''];
  let depth = 0;
  let isQuoted = false;
  // A backslash takes the next character with it.
  for (const piece of text.match(/\\.|[^]/gu) ?? []) {
    if (piece === '"' && depth > 0) isQuoted = !isQuoted;
    if (!isQuoted) depth += piece === '{' ? 1 : piece === '}' ? -1 : 0;
    if (piece === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return parts.filter((part) => part.trim() !== '');
}

/** The names that thresholds speak of: however many there are, these need a row. */
export function namesIn(thresholds: readonly Threshold[]): string[] {
  return [...new Set(thresholds.flatMap(({ filter }) => filter['name'] ?? []))];
}

type Wrong = (why: string, how?: string) => UserError;

function metricOf(name: string): Metric | undefined {
  const known = [...shares, ...rates, ...counts].find((one) => one === name);
  if (known !== undefined) return known;
  const [, status] = /^status_([1-5](?:\d\d|xx))$/.exec(name) ?? [];
  if (status !== undefined) return { status };
  const [, of = 'response_', percentile] =
    /^(response_|service_|wait_)?(max|p\d+(?:\.\d+)?)$/.exec(name) ?? [];
  if (percentile === undefined) return undefined;
  const percent = percentile === 'max' ? 100 : Number(percentile.slice(1));
  if (percent > 100) return undefined;
  return {
    // 99.9 / 100 would be more than 0.999.
    quantile: Number((percent / 100).toPrecision(12)),
    of: of.slice(0, -1) as 'response' | 'service' | 'wait',
  };
}

/** What other tools call it. */
const synonyms: Readonly<Record<string, string>> = {
  avg: 'p50',
  mean: 'p50',
  med: 'p50',
  median: 'p50',
  latency: 'p95',
  http_req_duration: 'p95',
  http_req_failed: 'error_rate',
  http_reqs: 'rps',
  errors_rate: 'error_rate',
  throughput: 'rps',
};

function meant(name: string): string {
  const percentile = /^p\(?(\d+(?:\.\d+)?)\)?$/.exec(name)?.[1];
  if (percentile !== undefined)
    return Number(percentile) > 100 ? ': a percentile is at most p100' : `; did you mean 'p${percentile}'?`;
  const synonym = synonyms[name];
  if (synonym !== undefined) return `; did you mean '${synonym}'?`;
  const names = ['p50', 'p90', 'p95', 'p99', 'max', 'service_p95', 'wait_p95', 'status_503'];
  return didYouMean(name, [...names, ...shares, ...rates, ...counts]);
}

function parseFilter(text: string, wrong: Wrong): Filter {
  const filter: Record<string, string> = {};
  let rest = text.trim();
  while (rest !== '') {
    // A value ends where the next key begins.
    const [whole, key, quote, plain = ''] =
      /^([A-Za-z_][\w.-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|((?:(?!,\s*[A-Za-z_][\w.-]*\s*=).)*))\s*(?:,\s*|$)/.exec(
        rest,
      ) ?? [];
    if (whole === undefined || key === undefined)
      throw wrong(`'${rest}' is not KEY=VALUE`, 'Write it like {name=GET /x} or {check=status is 200}.');
    if (key in filter) throw wrong(`it has '${key}' twice`);
    filter[key] = quote === undefined ? plain.trim() : quote.replace(/\\(.)/g, '$1');
    rest = rest.slice(whole.length);
  }
  if (Object.keys(filter).length === 0) throw wrong('its braces are empty');
  return filter;
}

function quoted(value: string): string {
  // Braces of templates come in pairs; others would end the filter.
  const withoutPairs = value.replace(/\{[^{}]*\}/g, '');
  return /[,"\\{}]|^\s|\s$|^$/.test(withoutPairs) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}

function checkFilter(metric: Metric, filter: Filter, wrong: Wrong): void {
  if ('check' in filter && metric !== 'checks')
    throw wrong("only 'checks' has a check", 'Write it like checks{check=status is 200}>99%.');
  if ('kind' in filter && metric !== 'failed')
    throw wrong("only 'failed' has a kind", 'Write it like failed{kind=timeout}<1%.');
  if (metric === 'unsent' && Object.keys(filter).length > 0)
    throw wrong("'unsent' is of all requests together", 'Leave the braces out.');
}

function isCount(metric: Metric): boolean {
  return typeof metric === 'string' ? counts.some((one) => one === metric) : 'status' in metric;
}

function limitOf(metric: Metric, text: string): number {
  if (typeof metric === 'object' && 'quantile' in metric) return parseDuration(text);
  if (metric !== 'error_rate' && metric !== 'checks') return numberOf(text);
  const share = text.endsWith('%') ? parsePercent(text) : numberOf(text);
  if (share > 1)
    throw new UserError(`'${text}' is more than all`, { hint: `Write it like ${metric}<1%, or 0.01.` });
  return share;
}

function numberOf(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UserError(`'${text}' is not a number`);
  return Number(text);
}

function parseOptions(text: string, wrong: Wrong) {
  let rest = text;
  let passesWithoutData = false;
  let abort: string | undefined;
  while (rest !== '') {
    const [taken, after] = /^abort(?:\s+after\s+(\S+))?(?:\s+|$)/.exec(rest) ?? [];
    const noData = /^or-no-data\s*:?\s*pass(?:\s+|$)/.exec(rest)?.[0];
    if (taken === undefined && noData === undefined)
      throw wrong(
        `'${rest}' stands after the limit`,
        "After the limit there can be 'abort', 'abort after 10s' and 'or-no-data: pass'.",
      );
    if (noData === undefined) abort = after ?? usualGrace;
    else passesWithoutData = true;
    rest = rest.slice((taken ?? noData)!.length);
  }
  let abortAfterMs: number | undefined;
  try {
    abortAfterMs = abort === undefined ? undefined : parseDuration(abort);
  } catch (error) {
    throw wrong((error as Error).message, (error as UserError).hint);
  }
  return {
    passesWithoutData,
    abortAfterMs,
    shown: [
      ...(abort === undefined ? [] : [`abort after ${abort}`]),
      ...(passesWithoutData ? ['or-no-data: pass'] : []),
    ],
  };
}
