import { UserError } from '../core/errors.js';
import { formatDuration, parseDuration, parsePercent } from '../core/units.js';
import type { Bounded } from './censored.js';

type Operator = '<' | '<=' | '>' | '>=';

/** What a threshold is about: a quantile of the latency of expected answers, or a figure of the whole run. */
export type Metric = { readonly quantile: number } | 'error_rate' | 'rps' | 'goodput';

export interface Threshold {
  /** As it was written. */
  readonly expression: string;
  readonly metric: Metric;
  readonly operator: Operator;
  /** Milliseconds, a share, or requests a second. */
  readonly limit: number;
}

export interface ThresholdResult {
  readonly expression: string;
  readonly verdict: 'passed' | 'failed' | 'no-data';
  readonly observed: string;
}

/** Parses `p95<200ms`, `p99.9<=1s`, `max<2s`, `error_rate<1%`, `rps>500`, `goodput>=450`. @throws UserError */
export function parseThreshold(text: string): Threshold {
  const expression = text.replace(/\s+/g, '');
  const [, name = '', operator, limit = ''] =
    /^([a-z_]+|p\d+(?:\.\d+)?)(<=?|>=?)(.+)$/.exec(expression) ?? [];
  const wrong = (why: string) =>
    new UserError(`'${text}' is not a threshold: ${why}`, {
      hint: 'Write it like p95<200ms, max<2s, error_rate<1%, rps>500 or goodput>=450.',
      code: 'THRESHOLD',
    });
  if (operator === undefined) throw wrong('it is not METRIC<LIMIT');
  const metric = metricOf(name);
  if (metric === undefined) throw wrong(`'${name}' is not a metric`);
  try {
    return { expression, metric, operator: operator as Operator, limit: limitOf(metric, limit) };
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function metricOf(name: string): Metric | undefined {
  if (name === 'error_rate' || name === 'rps' || name === 'goodput') return name;
  if (name === 'max') return { quantile: 1 };
  const percentile = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  if (percentile === undefined || Number(percentile) > 100) return undefined;
  // 99.9 / 100 would be more than 0.999.
  return { quantile: Number((Number(percentile) / 100).toPrecision(12)) };
}

function limitOf(metric: Metric, text: string): number {
  if (typeof metric === 'object') return parseDuration(text);
  if (metric === 'error_rate') return text.endsWith('%') ? parsePercent(text) : numberOf(text);
  return numberOf(text);
}

function numberOf(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UserError(`'${text}' is not a number`);
  return Number(text);
}

const compare: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/**
 * A value that is only bounded passes or fails when both bounds do.
 * @param observed undefined when nothing was observed
 */
export function judge(threshold: Threshold, observed: Bounded | undefined, shown: string): ThresholdResult {
  const { expression, operator, limit } = threshold;
  if (observed === undefined) return { expression, verdict: 'no-data', observed: shown };
  const holds = compare[operator];
  const [low, high] = [holds(observed.atLeast, limit), holds(observed.atMost, limit)];
  return { expression, verdict: low !== high ? 'no-data' : low ? 'passed' : 'failed', observed: shown };
}

/** `212ms`, or `≥ 1.2s` when only a lower bound is known. */
export function showBounded({ atLeast, atMost }: Bounded): string {
  return `${atMost > atLeast ? '≥ ' : ''}${formatDuration(atLeast)}`;
}
