/* What `import … from 'metrify/load'` gives. */
export { ServiceUnavailable, UserError } from '../lib/core/errors.js';
export type { ThresholdResult } from '../lib/load/judge.js';
export { load, type Duration, type LoadOptions, type ScenarioLoad, type UrlLoad } from '../lib/load/load.js';
export type { Quantiles } from '../lib/load/quantiles.js';
export type { CheckResult, LoadResult, NameResult } from '../lib/load/result.js';
export { requireThresholds as assertThresholds, ThresholdsNotMet } from '../lib/load/thresholds-met.js';
