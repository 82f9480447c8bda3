import { counted, formatCount, formatDuration } from '../core/units.js';
import { nearest } from '../core/nearest.js';
import type { Filter } from './accounts.js';
import { type Bounded, CensoredLatencies } from './censored.js';
import type { NameTally, OpenLatencies } from './tally.js';
import type { Operator, Threshold } from './threshold.js';

export interface ThresholdResult {
  readonly expression: string;
  readonly verdict: 'passed' | 'failed' | 'no-data';
  /** What was observed, or why nothing was: `14 of 14,817 failed: 0.094% ≤ 0.1%`. */
  readonly observed: string;
}

/** What thresholds are judged by: a whole run, or what is known of it so far. */
export interface Observed {
  readonly open: OpenLatencies;
  /** The requests that are meant, together; undefined when there was none. */
  tallyOf(filter: Filter): NameTally | undefined;
  /** Why there was none; whether it is certain. */
  whyNone(filter: Filter): { readonly isMissing: boolean; readonly shown: string };
  /** In which requests were sent. */
  readonly seconds: number;
  /** Due, and not sent. */
  readonly unsent: number;
  /** Why the generator, not the server, made latencies and rates. */
  readonly bottleneck?: string | undefined;
  /** Whether requests failed for want of something that the generator needs: errors say nothing of the server then. */
  readonly hasOwnFailures?: boolean;
  /** Checks that the scenario has, whether or not they were made. */
  readonly checks?: readonly string[] | undefined;
  /** Whether a part of the load is missing: rates are too low then. */
  readonly isPartial: boolean;
}

/** Undefined `value` means no data; `isMissing`, that there was not one sample. */
interface Reading {
  readonly value?: Bounded;
  readonly isMissing?: boolean;
  readonly shown: string;
}

/** Judges what was observed, and says by which numbers. */
export function judge(threshold: Threshold, observed: Observed): ThresholdResult {
  const { expression, operator, limit, passesWithoutData } = threshold;
  const { value, isMissing, shown } = read(threshold, observed);
  if (value === undefined) {
    const passes = passesWithoutData && isMissing === true;
    return {
      expression,
      verdict: passes ? 'passed' : 'no-data',
      observed: passes ? `${shown}, which passes` : shown,
    };
  }
  return { expression, verdict: decide(operator, value, limit), observed: shown };
}

const compare: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** A value that is only bounded passes or fails when both bounds do. */
export function decide(
  operator: Operator,
  { atLeast, atMost }: Bounded,
  limit: number,
): ThresholdResult['verdict'] {
  const low = compare[operator](atLeast, limit);
  return low !== compare[operator](atMost, limit) ? 'no-data' : low ? 'passed' : 'failed';
}

function read(threshold: Threshold, observed: Observed): Reading {
  const { metric, filter } = threshold;
  if (metric === 'unsent')
    return ofCount(
      threshold,
      observed.unsent,
      observed.unsent + (observed.tallyOf({})?.sent ?? 0),
      'were not sent',
    );
  const { check, kind, ...requests } = filter;
  const tally = observed.tallyOf(requests);
  if (tally === undefined) return observed.whyNone(requests);
  const isOfFailures = metric === 'error_rate' || metric === 'failed' || metric === 'errors';
  if (isOfFailures && observed.hasOwnFailures && observed.bottleneck !== undefined)
    return { shown: observed.bottleneck };
  if (metric === 'error_rate') return errorRate(threshold, tally);
  if (metric === 'checks') return checks(threshold, tally, check, observed.checks);
  if (typeof metric === 'object' && 'status' in metric) return ofStatus(threshold, tally, metric.status);
  if (typeof metric === 'object') return ofTime(metric, tally, observed);
  if (metric === 'rps') return ofRate(threshold, tally.answered, 'answer', observed);
  if (metric === 'goodput') return ofRate(threshold, tally.response.count, 'expected answer', observed);
  if (metric === 'achieved_rate') return ofRate(threshold, tally.sent, 'request', observed);
  const [count, what] = {
    sent: [tally.sent, 'were sent'] as const,
    answered: [tally.answered, 'were answered'] as const,
    failed: [failuresOf(tally, kind), kind === undefined ? 'failed' : `failed: ${kind}`] as const,
    incomplete: [tally.incomplete.count, 'are incomplete'] as const,
    unexpected: [tally.unexpected.count, 'had an unexpected answer'] as const,
    errors: [tally.failed + tally.unexpected.count, 'failed or had an unexpected answer'] as const,
  }[metric];
  return ofCount(threshold, count, tally.sent, what);
}

function failuresOf(tally: NameTally, kind: string | undefined): number {
  if (kind === undefined) return tally.failed;
  return [...tally.failures].reduce((sum, [one, count]) => sum + (one === kind ? count : 0), 0);
}

function ofTime(
  { of, quantile }: Extract<Threshold['metric'], { quantile: number }>,
  tally: NameTally,
  { open, bottleneck }: Observed,
): Reading {
  if (bottleneck !== undefined) return { shown: bottleneck };
  const value = timesOf(tally, of, open).quantile(quantile);
  return value === undefined
    ? { isMissing: true, shown: 'no successful answers' }
    : { value, shown: showBounded(value) };
}

/** With the ages of requests that have no answer. The same requests, whichever time it is. */
export function timesOf(
  tally: NameTally,
  of: 'response' | 'service' | 'wait',
  open: OpenLatencies,
): CensoredLatencies {
  if (of === 'wait') return new CensoredLatencies(tally.wait, open(), open);
  const ages = of === 'response' ? tally.incomplete : tally.incompleteService;
  return new CensoredLatencies(tally[of], ages, open);
}

/** Requests without an answer may still have failed. */
function errorRate(threshold: Threshold, tally: NameTally): Reading {
  const { sent } = tally;
  if (sent === 0) return { isMissing: true, shown: 'nothing was sent' };
  const [failed, incomplete] = [tally.failed + tally.unexpected.count, tally.incomplete.count];
  if (incomplete === 0) return ofShare(threshold, failed, sent, 'failed');
  const percent = (count: number) => `${((100 * count) / sent).toFixed(3)}%`;
  return {
    value: { atLeast: failed / sent, atMost: (failed + incomplete) / sent },
    shown: `${percent(failed)} to ${percent(failed + incomplete)}, ${formatCount(failed)} of ${formatCount(sent)} and ${formatCount(incomplete)} incomplete`,
  };
}

function checks(
  threshold: Threshold,
  tally: NameTally,
  check: string | undefined,
  planned: readonly string[] = [],
): Reading {
  const chosen = [...tally.checks].filter(([name]) => check === undefined || name === check);
  const passed = chosen.reduce((sum, [, counts]) => sum + counts.passed, 0);
  const all = chosen.reduce((sum, [, counts]) => sum + counts.passed + counts.failed, 0);
  if (all > 0) return ofShare(threshold, passed, all, 'passed');
  if (check !== undefined) {
    const known = [...new Set([...tally.checks.keys(), ...planned])].filter((name) => name !== check);
    const shown = `the check '${check}' was never made`;
    return { isMissing: true, shown: shown + thereWere(check, known, 'check') };
  }
  const made = planned.length === 0 ? '' : `, of ${listed(planned, 'check')}`;
  return { isMissing: true, shown: `no check was made${made}` };
}

function ofStatus(threshold: Threshold, tally: NameTally, status: string): Reading {
  const { answered } = tally;
  if (answered === 0) return { isMissing: true, shown: 'no answers' };
  const fits = (one: number) => String(one).startsWith(status.replace(/x+$/, ''));
  const count = [...tally.statuses].reduce((sum, [one, times]) => sum + (fits(one) ? times : 0), 0);
  return ofCount(threshold, count, answered, `had status ${status}`);
}

function ofCount(threshold: Threshold, count: number, of: number, what: string): Reading {
  if (of === 0) return { isMissing: true, shown: 'nothing was sent' };
  if (threshold.isShare) return ofShare(threshold, count, of, what);
  return {
    value: point(count),
    shown: `${formatCount(count)} of ${formatCount(of)} ${what}: ${relation(formatCount, count, threshold)}`,
  };
}

function ofShare(threshold: Threshold, count: number, of: number, what: string): Reading {
  const value = count / of;
  return {
    value: point(value),
    shown: `${formatCount(count)} of ${formatCount(of)} ${what}: ${relation(percentOf(value, threshold.limit), value, threshold)}`,
  };
}

function ofRate(threshold: Threshold, count: number, one: string, observed: Observed): Reading {
  const { bottleneck, seconds, isPartial } = observed;
  if (bottleneck !== undefined) return { shown: bottleneck };
  const value = count / Math.max(seconds, 0.001);
  const perSecond = (rate: number) => `${Number(rate.toFixed(1))}/s`;
  const shown = `${counted(count, one)} in ${formatDuration(seconds * 1000)}: ${relation(perSecond, value, threshold)}`;
  const isMore = threshold.operator.startsWith('>');
  // What is missing might have made it as much as it must be, or too much.
  return isPartial
    ? { value: { atLeast: value, atMost: Infinity }, shown: `${shown}, ${isMore ? 'or more' : 'at least'}` }
    : { value: point(value), shown };
}

/** `0.094% ≤ 0.1%`: how the value stands to the limit. */
function relation(show: (value: number) => string, value: number, { operator, limit }: Threshold): string {
  const isStrict = operator === '<' || operator === '>=';
  const sign = value === limit ? '=' : value < limit ? (isStrict ? '<' : '≤') : isStrict ? '≥' : '>';
  return `${show(value)} ${sign} ${show(limit)}`;
}

/** With as many digits as the limit has, and as it takes to tell the value from it. */
function percentOf(value: number, limit: number): (share: number) => string {
  const show = (digits: number) => (share: number) => `${Number((100 * share).toFixed(digits))}%`;
  const isExact = (digits: number) => Math.abs(Number((100 * limit).toFixed(digits)) - 100 * limit) < 1e-12;
  const isApart = (digits: number) => value === limit || show(digits)(value) !== show(digits)(limit);
  let digits = 3;
  while (digits < 9 && !(isExact(digits) && isApart(digits))) digits++;
  return show(digits);
}

/** `; there were 'a' and 'b'`: what may have been meant first. */
export function thereWere(wanted: string, all: readonly string[], one: string): string {
  if (all.length === 0) return '';
  const likely = nearest(wanted, all);
  return `; there were ${listed([...new Set([...(likely === undefined ? [] : [likely]), ...all])], one)}`;
}

/** `'a', 'b' and 3 more checks` */
function listed(names: readonly string[], one: string): string {
  const first = names.slice(0, 5);
  const more =
    names.length > first.length ? ` and ${counted(names.length - first.length, `more ${one}`)}` : '';
  return `${first.map((name) => `'${name}'`).join(', ')}${more}`;
}

/** `212ms`, or `≥ 1.2s` when only a lower bound is known. */
export function showBounded({ atLeast, atMost }: Bounded): string {
  return `${atMost > atLeast ? '≥ ' : ''}${formatDuration(atLeast)}`;
}

const point = (value: number): Bounded => ({ atLeast: value, atMost: value });
