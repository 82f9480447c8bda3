import type { Threshold } from '../threshold.js';
import { type Code, literal, secondsText, wholeNumbers } from './code.js';
import { type ExportSource, requestsIn } from './source.js';

const seconds = (ms: number) => literal(`${secondsText(ms)}s`);

/** k6's options, and what they cannot say. */
export function k6Options(source: ExportSource): {
  readonly options: Code[];
  readonly losses: readonly string[];
} {
  const { thresholds, verifiesTls, timing } = source;
  const translated = thresholds.map((threshold) => ({ threshold, ...thresholdOf(threshold, source) }));
  const byMetric = new Map<string, string[]>();
  for (const { threshold, metric, code } of translated)
    if (metric !== undefined)
      byMetric.set(metric, [...(byMetric.get(metric) ?? []), limitOf(threshold, code!)]);
  const { warmupMs, timeoutMs } = timing;
  return {
    options: [
      `const requestTimeout = ${seconds(timeoutMs)};`,
      '',
      '/** @type {import("k6/options").Options} */',
      'export const options = {',
      [
        'scenarios: {',
        [
          ...(warmupMs > 0 ? [`warmup: { ${executor(source, 'warmup').join(', ')} },`] : []),
          `main: { ${executor(source, 'main').join(', ')} },`,
        ],
        '},',
        ...(byMetric.size > 0
          ? [
              'thresholds: {',
              [...byMetric].map(([metric, limits]) => `${literal(metric)}: [${limits.join(', ')}],`),
              '},',
            ]
          : []),
        '// A redirect is an answer.',
        'maxRedirects: 0,',
        "userAgent: 'metrify',",
        ...(verifiesTls ? [] : ['insecureSkipTLSVerify: true,']),
      ],
      '};',
    ],
    losses: [
      ...translated.flatMap(({ loss }) => (loss === undefined ? [] : [loss])),
      ...(thresholds.some(({ passesWithoutData }) => !passesWithoutData)
        ? ['A threshold passes where nothing was observed: k6 has no third verdict.']
        : []),
    ],
  };
}

function limitOf({ abortAfterMs }: Threshold, code: string): string {
  return abortAfterMs === undefined
    ? literal(code)
    : `{ threshold: ${literal(code)}, abortOnFail: true, delayAbortEval: ${seconds(abortAfterMs)} }`;
}

/** One of k6's scenarios: the warm-up goes before all that thresholds speak of. */
function executor({ load, timing }: ExportSource, which: 'warmup' | 'main'): string[] {
  const { of, stages, maxConnections } = load;
  const { warmupMs, drainMs } = timing;
  const first = stages[0]!;
  const level = first.from > 0 ? first.from : first.to;
  const isWarmup = which === 'warmup';
  const curve = isWarmup ? [{ durationMs: warmupMs, from: level, to: level }] : stages;
  const isFlat = curve.length === 1 && curve[0]!.from === curve[0]!.to;
  const start = isWarmup || warmupMs === 0 ? [] : [`startTime: ${seconds(warmupMs)}`];
  const end = `gracefulStop: ${seconds(isWarmup ? 0 : drainMs)}`;
  const points = pointsOf(curve);
  if (of === 'users')
    return isFlat
      ? [
          "executor: 'constant-vus'",
          `vus: ${Math.ceil(curve[0]!.to)}`,
          `duration: ${seconds(curve[0]!.durationMs)}`,
          ...start,
          end,
        ]
      : [
          "executor: 'ramping-vus'",
          `startVUs: ${Math.ceil(curve[0]!.from)}`,
          `stages: [${points.map(([ms, to]) => `{ duration: ${seconds(ms)}, target: ${Math.ceil(to)} }`).join(', ')}]`,
          `gracefulRampDown: ${seconds(drainMs)}`,
          ...start,
          end,
        ];
  const { whole, scale } = wholeNumbers([curve[0]!.from, ...points.map(([, to]) => to)]);
  const users = [
    `timeUnit: '${scale}s'`,
    `preAllocatedVUs: ${Math.min(maxConnections, 100)}`,
    `maxVUs: ${maxConnections}`,
  ];
  return isFlat
    ? [
        "executor: 'constant-arrival-rate'",
        `rate: ${whole[0]}`,
        `duration: ${seconds(curve[0]!.durationMs)}`,
        ...users,
        ...start,
        end,
      ]
    : [
        "executor: 'ramping-arrival-rate'",
        `startRate: ${whole[0]}`,
        `stages: [${points.map(([ms], i) => `{ duration: ${seconds(ms)}, target: ${whole[i + 1]} }`).join(', ')}]`,
        ...users,
        ...start,
        end,
      ];
}

/** Where each stage leads, and a jump where one begins elsewhere than the last one ended. */
function pointsOf(stages: ExportSource['load']['stages']): [ms: number, to: number][] {
  return stages.flatMap(({ durationMs, from, to }, i): [number, number][] => [
    ...(i > 0 && stages[i - 1]!.to !== from ? [[0, from] as [number, number]] : []),
    [durationMs, to],
  ]);
}

interface Translated {
  /** With the tags by which k6 chooses. */
  readonly metric?: string;
  readonly code?: string;
  readonly loss?: string;
}

function thresholdOf(threshold: Threshold, source: ExportSource): Translated {
  const { expression, metric, operator, limit, isShare } = threshold;
  const lost = (why: string): Translated => ({ loss: `The threshold ${expression} is left out: ${why}.` });
  const tags = tagsOf(threshold, source);
  if (tags === undefined) return lost('k6 cannot choose these requests');
  const of = (name: string, more: readonly string[] = []) => {
    const all = [...more, ...tags];
    return all.length === 0 ? name : `${name}{${all.join(',')}}`;
  };
  const told = (name: string, code: string, loss?: string): Translated => ({
    metric: name,
    code,
    ...(loss !== undefined && { loss: `The threshold ${expression}: ${loss}.` }),
  });
  if (typeof metric === 'object') {
    if (!('quantile' in metric)) return lost('k6 has no counts by status');
    if (metric.of === 'wait') return lost('k6 does not measure how long requests wait to be sent');
    const aggregate = metric.quantile === 1 ? 'max' : `p(${Number((metric.quantile * 100).toPrecision(12))})`;
    const name = of('http_req_duration', ['expected_response:true']);
    const code = `${aggregate}${operator}${limit}`;
    return metric.of === 'service'
      ? told(name, code)
      : told(name, code, 'k6 measures from the send, not from when a request was due');
  }
  switch (metric) {
    case 'error_rate':
      return told(of('http_req_failed'), `rate${operator}${limit}`);
    case 'checks':
      return told(of('checks'), `rate${operator}${limit}`);
    case 'rps':
    case 'achieved_rate':
      return told(of('http_reqs'), `rate${operator}${limit}`);
    case 'goodput':
      return told(of('http_reqs', ['expected_response:true']), `rate${operator}${limit}`);
    case 'sent':
      if (isShare) return lost('k6 has no shares of counts');
      return told(of('http_reqs'), `count${operator}${limit}`);
    default:
      return lost(`k6 has no count of ${metric}`);
  }
}

/** Undefined where a value would end its tag. */
function tagsOf({ filter }: Threshold, source: ExportSource): readonly string[] | undefined {
  const entries = Object.entries(filter);
  const requests = requestsIn(source.tasks).map(({ request: { name, tags } }) => ({ ...tags, name }));
  const isKnown = ([key, value]: readonly [string, string]) =>
    key === 'check' || requests.some((tags: Readonly<Record<string, string>>) => tags[key] === value);
  if (!entries.every(isKnown) || entries.some(([, value]) => /[{}:,"]/.test(value))) return undefined;
  const chosen = entries.map(([key, value]) => `${key}:${value}`);
  const { setup, teardown, timing } = source;
  // Requests of setup and teardown belong to no scenario.
  return setup || teardown || timing.warmupMs > 0 ? ['scenario:main', ...chosen] : chosen;
}
