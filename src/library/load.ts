/* What `import … from 'metrify/load'` gives. */
export { UserError } from '../lib/core/errors.js';
export type { ThresholdResult } from '../lib/load/judge.js';
export { load, type Duration, type LoadOptions } from '../lib/load/load.js';
export type { Quantiles } from '../lib/load/quantiles.js';
export type { CheckResult, LoadResult, NameResult } from '../lib/load/result.js';
export { requireThresholds as assertThresholds, ThresholdsNotMet } from '../lib/load/thresholds-met.js';
