import type { LoadTally } from './generator.js';
import type { LoadResult } from './result.js';

/** Upper ends of buckets, in seconds: those that Prometheus' clients have, and beyond. */
const bucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const quantiles = { p50: '0.5', p90: '0.9', p95: '0.95', p99: '0.99', p999: '0.999', max: '1' } as const;

/** Rates, error rate and latencies of a run, as gauges and a histogram. Latencies are those of expected answers, in seconds. */
export function metricsOf(tally: LoadTally, result: LoadResult) {
  const { response } = tally.names.total();
  const times = [
    ['response', result.latencyMs],
    ['service', result.serviceTimeMs],
    ['wait', result.waitMs],
  ] as const;
  const gauge = (name: string, help: string, value: number, labels?: Record<string, string>) => ({
    name,
    help,
    value,
    ...(labels && { labels }),
  });
  const quantileGauges = (
    name: string,
    help: string,
    of: LoadResult['latencyMs'],
    labels: Record<string, string>,
  ) =>
    Object.entries(quantiles).flatMap(([key, quantile]) => {
      const ms = of[key as keyof typeof quantiles];
      return ms === null ? [] : [gauge(name, help, ms / 1000, { ...labels, quantile })];
    });
  return {
    gauges: [
      gauge('load_answers_per_second', 'Answers a second, of any status.', result.rps),
      gauge('load_expected_answers_per_second', 'Answers a second with an expected status.', result.goodput),
      gauge('load_requests_per_second', 'Requests a second that were sent.', result.achievedRate),
      ...(result.targetRate === null
        ? []
        : [gauge('load_target_per_second', 'Requests a second that were wanted.', result.targetRate)]),
      ...(result.sent === 0
        ? []
        : [
            gauge(
              'load_error_ratio',
              'Share of the requests that failed or had an unexpected status.',
              result.errors.total / result.sent,
            ),
          ]),
      ...times.flatMap(([time, of]) =>
        quantileGauges('load_latency_quantile_seconds', 'Quantiles of response, service and wait time.', of, {
          time,
        }),
      ),
      ...result.byName.flatMap(({ name, latencyMs }) =>
        quantileGauges(
          'load_name_latency_quantile_seconds',
          'Quantiles of response time, by name.',
          latencyMs,
          {
            name,
          },
        ),
      ),
      ...result.thresholds.map(({ expression, verdict }) =>
        gauge(
          'load_threshold_passed',
          'Whether a threshold passed: 1, 0, or NaN without data.',
          verdict === 'no-data' ? NaN : verdict === 'passed' ? 1 : 0,
          { threshold: expression },
        ),
      ),
    ],
    histograms: [
      {
        name: 'load_response_seconds',
        help: 'Response time of expected answers, from the intended start.',
        buckets: bucketsS.map((upTo) => ({ upTo, count: response.countUpTo(upTo * 1000) })),
        count: response.count,
        sum: response.sum / 1000,
      },
    ],
  };
}
