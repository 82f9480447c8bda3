import type { Measurements } from '../../../src/lib/rollout/analysis/measurements.js';
import type { AnalysisSpec } from '../../../src/lib/rollout/spec.js';

/** Errors are judged, latency is not. */
export const analysis: AnalysisSpec = {
  prometheus: 'http://127.0.0.1:9090',
  requests: 'requests',
  errors: 'errors',
  latency: undefined,
  probe: undefined,
  minRequests: 100,
  maxErrorIncrease: 0.01,
  latencyQuantile: 0.95,
  maxLatencyIncrease: 0.25,
  falseAbort: 0.01,
  falsePromotion: 0.05,
  maxInconclusive: 2,
  onInconclusive: 'abort',
};

/** What a version did since the step began. */
export function measured(
  requests: number | undefined,
  errors = 0,
  more: Partial<Measurements> = {},
): Measurements {
  return {
    requests,
    errors,
    replicas: [],
    latency: undefined,
    latencyReplicas: [],
    latencyProblem: undefined,
    extrapolated: false,
    silentForMs: undefined,
    ...more,
  };
}
