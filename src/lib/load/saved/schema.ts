import * as z from 'zod/mini';

import type { FailureKind } from '../tally.js';
import { countsOfSlice } from '../timeline.js';

const count = z.int().check(z.nonnegative());
const ms = z.number().check(z.nonnegative());
const counts = <T>(key: z.ZodMiniType<T>) => z.array(z.tuple([key, count]));
const status = z.int().check(z.minimum(0), z.maximum(999));
const checks = z.object({ passed: count, failed: count });
/** What a later version may name otherwise is kept as it is. */
const kind = z.string() as unknown as z.ZodMiniType<FailureKind>;
const encoded = z.string();

const tally = {
  sent: count,
  bytes: count,
  statuses: counts(status),
  unexpectedStatuses: counts(status),
  failures: counts(kind),
  checks: z.array(z.tuple([z.string(), checks])),
  histograms: z.object({
    response: z.optional(encoded),
    service: z.optional(encoded),
    wait: z.optional(encoded),
    unexpected: z.optional(encoded),
    incomplete: z.optional(encoded),
    incompleteService: z.optional(encoded),
  }),
};

const stage = z.object({ durationMs: ms, from: ms, to: ms });

const plan = z.object({
  targets: z.array(z.string()),
  arrivals: z.union([
    z.object({ loop: z.literal('closed'), users: count, stages: z.optional(z.array(stage)) }),
    z.looseObject({ loop: z.literal('open'), stages: z.array(stage) }),
  ]),
  durationMs: ms,
  drainMs: ms,
  timeoutMs: ms,
  connectTimeoutMs: ms,
  maxConnections: count,
  workload: z.string(),
});

export const savedFormat = 'metrify load run';
export const savedVersion = 1;

/** A saved run, as its file has it. Times are in milliseconds; `startedAt` is the wall clock's, in ISO 8601. */
export const savedRunSchema = z.object({
  format: z.literal(savedFormat),
  version: z.literal(savedVersion),
  /** Of this run, so that nobody adds it up with itself. */
  id: z.string(),
  startedAt: z.iso.datetime(),
  elapsedMs: ms,
  plan,
  shard: z.optional(z.object({ index: count, of: count })),
  threads: count,
  lost: z.array(z.object({ thread: count, reason: z.string() })),
  thresholds: z.array(z.string()),
  abortedBy: z.optional(z.string()),
  stopped: z.optional(z.literal(true)),
  due: count,
  resent: count,
  mostConnections: count,
  lastSentMs: ms,
  endedMs: ms,
  busy: z.number().check(z.nonnegative()),
  shortfall: z.optional(z.string()),
  network: z.object({
    lookups: count,
    byAddress: z.array(z.object({ address: z.string(), connections: count, failed: count })),
    reasons: z.record(z.string(), z.string()),
  }),
  lag: encoded,
  slowest: z.array(
    z.object({
      name: z.string(),
      dueMs: z.number(),
      responseMs: z.number(),
      serviceMs: z.number(),
      waitMs: z.number(),
      outcome: z.union([z.int(), z.string() as unknown as z.ZodMiniType<FailureKind | 'incomplete'>]),
      traceId: z.optional(z.string()),
    }),
  ),
  pinned: z.array(z.string()),
  names: z.object({
    rows: z.array(
      z.object({ name: z.string(), tags: z.optional(z.record(z.string(), z.string())), ...tally }),
    ),
    other: z.optional(z.object(tally)),
  }),
  timeline: z.object({
    sliceMs: ms,
    slices: z.array(
      z.object({
        startMs: ms,
        counts: z.array(count).check(z.length(countsOfSlice.length)),
        checks,
        connections: count,
        response: z.optional(encoded),
        ages: z.optional(encoded),
      }),
    ),
  }),
});

export type SavedRunData = z.infer<typeof savedRunSchema>;
