import { resolve } from 'node:path';

import * as z from 'zod/mini';

import { UserError } from '../core/errors.js';
import { silentProgress } from '../core/progress.js';
import { read } from '../core/schema/findings.js';
import { pathName } from '../core/schema/leaves.js';
import { duration, setting, text, whole } from '../core/schema/setting.js';
import { Redactor } from '../core/secrets/redactor.js';
import type { LoadPlan } from './generator.js';
import type { Target } from './job.js';
import { checkLimits } from './limits.js';
import { parseHeader, prepare, targetOf } from './request.js';
import type { LoadResult } from './result.js';
import { runPlan } from './run-plan.js';
import { loadPlanOf } from './scenario/load-settings.js';
import { overlayLoad } from './scenario/overlay.js';
import { readScenario } from './scenario/read.js';
import { startScenario } from './scenario/run.js';
import { readAmount } from './scenario/values.js';
import { parseStages } from './stages.js';
import { parseThreshold, type Threshold } from './threshold.js';
import { requireThresholds } from './thresholds-met.js';

/** Milliseconds, or text with a unit: `500ms 30s 5m`. */
export type Duration = number | string;

/** How much load, for how long, and what must hold. Over a scenario it wins, and its thresholds are added. */
export interface LoadCall {
  /** An open loop: requests, or tasks of a scenario, a second, due at fixed times whatever the answers are. */
  readonly rate?: number | undefined;
  /** An open loop whose rate goes in straight lines: `30s:100,1m:500`. */
  readonly stages?: string | undefined;
  /** A closed loop with this number of users, each with one request or task after the other. */
  readonly users?: number | undefined;
  /** The maximum of open connections. Without `rate`, `stages` and `users`, a closed loop over so many. */
  readonly connections?: number | undefined;
  /** Arrivals of an open loop as those of independent users. */
  readonly poisson?: boolean | undefined;
  /** How long requests are due. Default 10s. */
  readonly duration?: Duration | undefined;
  /** How long requests are sent before that, outside of the statistics. */
  readonly warmup?: Duration | undefined;
  /** How long requests under way at the end are waited for. Default 5s. */
  readonly drain?: Duration | undefined;
  /** A request without a whole answer fails after this. Default 30s. */
  readonly requestTimeout?: Duration | undefined;
  /** What must hold: `p95<200ms`, `error_rate<1%`. */
  readonly thresholds?: readonly string[] | undefined;
  /** Threads of the generator. Default 1. */
  readonly threads?: number | undefined;
  /** Throws `ThresholdsNotMet` unless all thresholds pass: as `assertThresholds` with the result. */
  readonly assert?: boolean | undefined;
  /** Ends the run early, with the result of what ran. */
  readonly signal?: AbortSignal | undefined;
  /** Is told what may make the result mean less, such as a teardown that failed. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A load test of one URL. Whatever is not known here is refused. */
export interface UrlLoad extends LoadCall {
  readonly url: string;
  readonly scenario?: undefined;
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined;
}

/** A load test of a scenario. */
export interface ScenarioLoad extends LoadCall {
  /**
   * Its YAML file; or what such a file has, as an object, in which secrets may also be text. References `{ env: NAME }` are
   * those of this process, and paths are relative to the file, or to the working directory.
   */
  readonly scenario: string | object;
  readonly url?: undefined;
}

export type LoadOptions = UrlLoad | ScenarioLoad;

const common = {
  rate: z.optional(
    setting((value) => readAmount(value, 'more'), { help: 'requests a second', json: { type: 'number' } }),
  ),
  stages: z.optional(text({ help: 'an open loop whose rate changes' }, parseStages)),
  users: z.optional(whole({ help: 'users' }, 1)),
  connections: z.optional(whole({ help: 'connections' }, 1)),
  poisson: z.optional(z.boolean()),
  duration: z.optional(duration({ help: 'how long requests are due' })),
  warmup: z.optional(duration({ help: 'how long requests are sent before' })),
  drain: z.optional(duration({ help: 'how long requests under way at the end are waited for' })),
  requestTimeout: z.optional(duration({ help: 'a request without a whole answer fails after this' })),
  thresholds: z.optional(z.array(text({ help: 'what must hold' }, parseThreshold))),
  threads: z.optional(whole({ help: 'threads of the generator' }, 1)),
  assert: z.optional(z.boolean()),
  signal: z.optional(z.instanceof(AbortSignal)),
  onWarning: z.optional(
    z.custom<(message: string) => void>((value) => typeof value === 'function', 'must be a function'),
  ),
};

const urlSchema = z.strictObject({
  ...common,
  url: text({ help: 'what is requested' }),
  scenario: z.optional(z.undefined()),
  method: z.optional(text({ help: 'the method' }, readMethod)),
  headers: z.optional(z.record(z.string(), z.string())),
  body: z.optional(z.union([z.string(), z.instanceof(Uint8Array)])),
});

const scenarioSchema = z.strictObject({
  ...common,
  url: z.optional(z.undefined()),
  scenario: z.union(
    [z.string(), z.record(z.string(), z.unknown())],
    'must be the name of a file, or an object',
  ),
});

/** What is sent, to whom, and how much of it. */
interface Test {
  readonly plan: Omit<LoadPlan, 'threads'>;
  readonly thresholds: readonly Threshold[];
  stop(): Promise<readonly string[]>;
}

/**
 * Sends requests to a service, and judges its answers: `metrify load run` as a function. The load comes from worker threads.
 * @returns the result, also where thresholds failed or nothing was answered
 * @throws UserError `SETTINGS_INVALID` with everything that is wrong, InvalidConfiguration with that of a scenario;
 * ServiceUnavailable when its setup is not answered; with `assert`, ThresholdsNotMet
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { url, scenario } = (options ?? {}) as Partial<LoadOptions>;
  const isScenario = scenario !== undefined;
  if (isScenario && url !== undefined)
    throw new UserError('load: url and scenario exclude each other', {
      code: 'SETTINGS_INVALID',
      hint: 'Leave one out: a scenario says its own target.',
    });
  const value = isScenario ? checked(scenarioSchema, options) : checked(urlSchema, options);
  const { thresholds = [], threads = 1, onWarning: warn = () => {} } = value;
  const signal = value.signal ?? new AbortController().signal;
  const test = value.scenario === undefined ? urlTest(value) : await scenarioTest(value, signal, warn);
  const run = async () => {
    try {
      const plan = { ...test.plan, threads };
      await checkLimits(plan, warn);
      return await runPlan(plan, [...test.thresholds, ...thresholds], signal, silentProgress);
    } finally {
      for (const problem of await test.stop()) warn(problem);
    }
  };
  const { result } = await run();
  if (value.assert) requireThresholds(result);
  return result;
}

/** @throws UserError `SETTINGS_INVALID` */
function checked<T>(schema: z.ZodMiniType<T>, options: unknown): T {
  const { value, findings } = read(schema, options);
  if (value !== undefined) return value;
  throw new UserError(
    `load: ${findings.map(({ path, message }) => `${pathName(path)}: ${message}`).join('; ')}`,
    { code: 'SETTINGS_INVALID', hint: "For example: load({ url, rate: 100, duration: '5s' })" },
  );
}

function urlTest(value: z.infer<typeof urlSchema>): Test {
  const { method = 'GET', headers = {}, body } = value;
  const { target, path, host } = targetOf(value.url);
  const request = prepare(`${method} ${path.replace(/\?.*/, '')}`, path, host, {
    method,
    headers: Object.entries(headers).map(([name, each]) => parseHeader(`${name}: ${each}`)),
    ...(body !== undefined && { body: typeof body === 'string' ? Buffer.from(body) : body }),
  });
  const plan = {
    targets: [target],
    workload: { requests: [{ weight: 1, request }] },
    ...loadPlanOf(overlayLoad({}, value)),
  };
  return { plan, thresholds: [], stop: async () => [] };
}

async function scenarioTest(
  value: z.infer<typeof scenarioSchema>,
  signal: AbortSignal,
  warn: (message: string) => void,
): Promise<Test> {
  const files = { add: async () => undefined };
  const around = { cwd: resolve(), env: process.env, redactor: new Redactor(), ...{ signal, files, warn } };
  const { scenario, materials } = await readScenario(value.scenario, around);
  const plan = loadPlanOf(overlayLoad(scenario, value));
  const isClosedLoop = plan.arrivals.loop === 'closed';
  const reach = async (targets: readonly Target[]) => targets;
  const started = await startScenario(scenario, materials, { isClosedLoop, transport: plan, reach }, signal);
  return {
    plan: { ...started.plan, ...plan },
    thresholds: (scenario.thresholds ?? []).map(parseThreshold),
    stop: () => started.stop(signal),
  };
}

function readMethod(method: string): string {
  if (/^[A-Z][A-Z_-]*$/.test(method) && method !== 'CONNECT') return method;
  throw new UserError(`'${method}' is not a method`, { hint: 'Write it like GET or POST.' });
}
