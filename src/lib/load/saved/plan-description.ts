import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import type { LoadPlan } from '../generator.js';
import type { PlannedArrivals, Target } from '../job.js';

/** What was planned, without anything secret: runs with the same description did the same. Times are in milliseconds. */
export interface PlanDescription {
  readonly targets: readonly string[];
  readonly arrivals: PlannedArrivals;
  readonly durationMs: number;
  readonly drainMs: number;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Of all shards together. */
  readonly maxConnections: number;
  /** SHA-256 of what is sent, but for the values of headers. */
  readonly workload: string;
}

export const planTitles: Readonly<Record<keyof PlanDescription, string>> = {
  targets: 'targets',
  arrivals: 'rate or connections',
  durationMs: 'duration',
  drainMs: 'drain',
  timeoutMs: 'time-out of a request',
  connectTimeoutMs: 'time-out of a connection',
  maxConnections: 'maximum of connections',
  workload: 'requests',
};

/** In what two plans differ. */
export function differingKeys(a: PlanDescription, b: PlanDescription): (keyof PlanDescription)[] {
  const keys = Object.keys(planTitles) as (keyof PlanDescription)[];
  return keys.filter((key) => !isDeepStrictEqual(a[key], b[key]));
}

export function describePlan(plan: LoadPlan): PlanDescription {
  const { targets, arrivals, durationMs, drainMs, timeoutMs, connectTimeoutMs, maxConnections } = plan;
  if (arrivals.loop === 'recorded' || durationMs === undefined)
    throw new Error('a recording is not planned, and its run is not saved');
  return {
    targets: targets.map(targetName),
    arrivals,
    durationMs,
    drainMs,
    timeoutMs,
    connectTimeoutMs,
    maxConnections,
    workload: createHash('sha256').update(JSON.stringify(plan.workload, hidden)).digest('hex'),
  };
}

/** Headers without their values, which may be secret and differ; bytes as one text. */
function hidden(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (key === 'headers' && Array.isArray(value))
    return value.map((header: unknown) => (Array.isArray(header) ? (header[0] as unknown) : header));
  return value;
}

function targetName({ host, port, socketPath, tls }: Target): string {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
