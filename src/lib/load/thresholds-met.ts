import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import type { ThresholdResult } from './judge.js';
import type { LoadResult } from './result.js';
import { verdictOf } from './verdict.js';

/** Not every threshold of a run passed: the message names those, and what was observed. */
export class ThresholdsNotMet extends UserError {
  override readonly name = 'ThresholdsNotMet';
  /** Of the whole run. */
  readonly result: LoadResult;

  constructor(message: string, result: LoadResult) {
    super(message, { code: 'THRESHOLDS_NOT_MET', exitCode: ExitCode.checkFailed });
    this.result = result;
  }

  /** Those that failed, and those for which there is no data. */
  get notMet(): readonly ThresholdResult[] {
    return this.result.thresholds.filter(({ verdict }) => verdict !== 'passed');
  }
}

/**
 * For a test suite: returns when all thresholds passed, of a run that says something about the service.
 * @throws ThresholdsNotMet when a threshold failed or has no data, nothing was answered, the run was
 * stopped, or the generator was the limit
 */
export function requireThresholds(result: LoadResult): void {
  const { thresholds, generator, answered, sent, errors, stopped } = result;
  const reasons = thresholds
    .filter(({ verdict }) => verdict !== 'passed')
    .map(({ expression, verdict, observed }) =>
      verdict === 'failed' ? `${expression} failed: ${observed}` : `${expression} has no data: ${observed}`,
    );
  if (answered === 0)
    reasons.unshift(`none of ${sent} requests was answered: ${Object.keys(errors.byKind).join(', ')}`);
  if (generator.missing !== undefined) reasons.push(`a part of the load is missing: ${generator.missing}`);
  if (generator.bottleneck !== undefined)
    reasons.push(`the generator was the limit: ${generator.bottleneck}`);
  if (stopped) reasons.push('it was stopped before its end');
  if (reasons.length > 0 || verdictOf(result) !== 'ok')
    throw new ThresholdsNotMet(reasons.join('; '), result);
}
