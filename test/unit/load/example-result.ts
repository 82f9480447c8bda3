import type { LoadResult, NameResult } from '../../../src/lib/load/result.js';
import type { TimelineEntry } from '../../../src/lib/load/timeline-entry.js';

const latencyMs = { p50: 12, p90: 80, p95: 120, p99: 1500, p999: 2500, max: 3000 };

export function exampleName(name: string, changed: Partial<NameResult> = {}): NameResult {
  return {
    name,
    sent: 100,
    answered: 97,
    failed: 2,
    incomplete: 1,
    unexpected: 5,
    latencyMs,
    lowerBounds: ['p99', 'p999', 'max'],
    checks: [],
    bytes: 4096,
    ...changed,
  };
}

function second(i: number): TimelineEntry {
  return {
    startMs: 1000 * i,
    lengthMs: 1000,
    targetRate: 50,
    due: 50,
    sent: 50,
    answered: 48,
    unexpected: 3,
    failed: 1,
    incomplete: 1,
    checks: { passed: 0, failed: 0 },
    starts: 50,
    ends: 48,
    bytes: 2048,
    connections: 4,
    latencyMs,
    lowerBounds: [],
  };
}

/** An open loop of 2 seconds in which something of every kind went wrong. */
export function exampleResult(changed: Partial<LoadResult> = {}): LoadResult {
  return {
    startedAt: '2026-11-29T02:00:00.000Z',
    requests: 100,
    sent: 100,
    answered: 97,
    failed: 2,
    incomplete: 1,
    unsent: 0,
    rps: 48.5,
    goodput: 46,
    targetRate: 50,
    achievedRate: 50,
    durationMs: 2000,
    latencyCount: 93,
    latencyMs,
    serviceTimeMs: { ...latencyMs, p50: 4 },
    waitMs: { ...latencyMs, p50: 8 },
    lowerBounds: ['p99', 'p999', 'max'],
    serviceLowerBounds: [],
    latencyNote: 'At p50, response time is 3 times service time.',
    errors: {
      total: 7,
      byKind: { 'status 503': 5, reset: 2 },
      reasons: { reset: 'it reset the connection' },
    },
    statuses: { 200: 92, 503: 5 },
    byName: [exampleName('GET /readings')],
    checks: [{ name: 'has a body', passed: 90, failed: 2 }],
    slowest: [
      {
        name: 'GET /readings',
        dueMs: 20,
        responseMs: 3000,
        serviceMs: 2990,
        waitMs: 10,
        outcome: 200,
        traceId: '0af7651916cd43dd8448eb211c80319c',
      },
    ],
    timeline: [second(0), second(1)],
    bytes: 4096,
    resent: 0,
    generator: {
      threads: 1,
      lostThreads: 0,
      mostConnections: 4,
      busy: 0.1,
      lateSends: 0,
      lookups: 1,
      byAddress: [{ address: '127.0.0.1:8080', connections: 4, failed: 0 }],
      lagMs: { p99: 1, max: 3 },
    },
    thresholds: [{ expression: 'p95<200ms', verdict: 'passed', observed: '120ms' }],
    ...changed,
  };
}
