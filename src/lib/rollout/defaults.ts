/** What holds where a rollout says nothing, as it would be written. */
export const defaults = {
  label: 'version',
  steps: [10, 50, 100],
  interval: '2m',
  maxStepDuration: '30m',
  gates: { commandTimeout: '1m', approval: false },
  analysis: {
    minRequests: 100,
    maxErrorIncrease: '1%',
    latencyQuantile: 0.95,
    maxLatencyIncrease: '25%',
    falseAbort: '1%',
    falsePromotion: '5%',
    maxInconclusive: 5,
    onInconclusive: 'abort',
  },
  probe: { rate: 10, duration: '30s', timeout: '5s' },
  smoke: { status: 200, timeout: '5s' },
  nginx: { binary: 'nginx' },
} as const;
