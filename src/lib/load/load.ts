import * as z from 'zod/mini';

import { UserError } from '../core/errors.js';
import { silentProgress } from '../core/progress.js';
import { read } from '../core/schema/findings.js';
import { pathName } from '../core/schema/leaves.js';
import { duration, setting, text, whole } from '../core/schema/setting.js';
import { arrivalsOf } from './arrivals.js';
import { parseHeader, prepare, targetOf } from './request.js';
import type { LoadResult } from './result.js';
import { runPlan } from './run-plan.js';
import { readAmount } from './scenario/values.js';
import { parseStages } from './stages.js';
import { parseThreshold } from './threshold.js';
import { requireThresholds } from './thresholds-met.js';

/** Milliseconds, or text with a unit: `500ms 30s 5m`. */
export type Duration = number | string;

/** A load test of one URL. Whatever is not known here is refused. */
export interface LoadOptions {
  readonly url: string;
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined;
  /** An open loop: requests a second, due at fixed times whatever the answers are. */
  readonly rate?: number | undefined;
  /** An open loop whose rate goes in straight lines: `30s:100,1m:500`. */
  readonly stages?: string | undefined;
  /** Without `rate` and `stages` a closed loop over so many connections, else the most of them. */
  readonly connections?: number | undefined;
  /** How long requests are due. Default 10s. */
  readonly duration?: Duration | undefined;
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
}

const schema = z.strictObject({
  url: text({ help: 'what is requested' }),
  method: z.optional(text({ help: 'the method' }, readMethod)),
  headers: z.optional(z.record(z.string(), z.string())),
  body: z.optional(z.union([z.string(), z.instanceof(Uint8Array)])),
  rate: z.optional(
    setting((value) => readAmount(value, 'more'), { help: 'requests a second', json: { type: 'number' } }),
  ),
  stages: z.optional(text({ help: 'an open loop whose rate changes' }, parseStages)),
  connections: z.optional(whole({ help: 'connections' }, 1)),
  duration: z.optional(duration({ help: 'how long requests are due' })),
  drain: z.optional(duration({ help: 'how long requests under way at the end are waited for' })),
  requestTimeout: z.optional(duration({ help: 'a request without a whole answer fails after this' })),
  thresholds: z.optional(z.array(text({ help: 'what must hold' }, parseThreshold))),
  threads: z.optional(whole({ help: 'threads of the generator' }, 1)),
  assert: z.optional(z.boolean()),
  signal: z.optional(z.instanceof(AbortSignal)),
});

/**
 * Sends requests to a service, and judges its answers: `metrify load run` as a function. The load comes from worker threads.
 * @returns the result, also where thresholds failed or nothing was answered
 * @throws UserError `SETTINGS_INVALID` with everything that is wrong; with `assert`, ThresholdsNotMet
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { value, findings } = read(schema, options);
  if (value === undefined)
    throw new UserError(
      `load: ${findings.map(({ path, message }) => `${pathName(path)}: ${message}`).join('; ')}`,
      { code: 'SETTINGS_INVALID', hint: "For example: load({ url, rate: 100, duration: '5s' })" },
    );
  const { method = 'GET', headers = {}, body, duration: due = 10_000, drain = 5000 } = value;
  const { requestTimeout = 30_000, thresholds = [], threads = 1 } = value;
  const { target, path, host } = targetOf(value.url);
  const request = prepare(`${method} ${path.replace(/\?.*/, '')}`, path, host, {
    method,
    headers: Object.entries(headers).map(([name, each]) => parseHeader(`${name}: ${each}`)),
    ...(body !== undefined && { body: typeof body === 'string' ? Buffer.from(body) : body }),
  });
  const plan = {
    targets: [target],
    workload: { requests: [{ weight: 1, request }] },
    ...arrivalsOf({ ...value, duration: due, threads }),
    drainMs: drain,
    timeoutMs: requestTimeout,
    connectTimeoutMs: Math.min(requestTimeout, 5000),
    threads,
  };
  const signal = value.signal ?? new AbortController().signal;
  const { result } = await runPlan(plan, thresholds, signal, silentProgress);
  if (value.assert) requireThresholds(result);
  return result;
}

function readMethod(method: string): string {
  if (/^[A-Z][A-Z_-]*$/.test(method) && method !== 'CONNECT') return method;
  throw new UserError(`'${method}' is not a method`, { hint: 'Write it like GET or POST.' });
}
