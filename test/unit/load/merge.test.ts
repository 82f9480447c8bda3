import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Accounts } from '../../../src/lib/load/accounts.js';
import type { LoadPlan, LoadTally } from '../../../src/lib/load/generator.js';
import { packForThread, packTimelineForThread } from '../../../src/lib/load/packed-tally.js';
import { mergeRuns } from '../../../src/lib/load/saved/merge.js';
import { describePlan } from '../../../src/lib/load/saved/plan-description.js';
import { decodeRun, encodeRun } from '../../../src/lib/load/saved/saved-run.js';
import type { Shard } from '../../../src/lib/load/shard.js';
import { latenciesOpener, NameTally } from '../../../src/lib/load/tally.js';
import { Timeline } from '../../../src/lib/load/timeline.js';
import { scaled } from '../../scale.js';

const open = await latenciesOpener();
const startedAt = Date.parse('2026-03-04T05:06:07.000Z');

const request = {
  name: 'GET /x',
  target: 0,
  method: 'GET',
  path: '/x',
  headers: [['Authorization', 'Bearer sesame-42']] as const,
  readsBody: false,
};

function planOf(shard?: Shard, changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    targets: [{ host: '127.0.0.1', port: 8080 }],
    workload: { requests: [{ weight: 1, request }] },
    arrivals: { loop: 'open', stages: [{ durationMs: 10_000, from: 100, to: 100 }] },
    durationMs: 10_000,
    drainMs: 1000,
    timeoutMs: 1000,
    connectTimeoutMs: 1000,
    maxConnections: 100,
    threads: 1,
    shard,
    ...changes,
  };
}

/** Requests that were due at these milliseconds, each answered after 5 ms. */
function tallyOf(due: readonly number[], at = startedAt): LoadTally {
  const accounts = new Accounts(open, { begin: 0, isClosedLoop: false, names: [], watch: [] });
  for (const ms of due) {
    const sent = { request, due: ms, sentAt: ms };
    accounts.becameDue(ms);
    accounts.sent(sent, ms);
    accounts.answered(sent, 200, true, 10, ms + 5);
  }
  const timeline = new Timeline(open);
  timeline.add(accounts.takeRecent());
  return {
    names: accounts.names,
    warmup: new NameTally(open),
    iterations: undefined,
    usedUpMs: undefined,
    due: accounts.due,
    slowest: accounts.slowest.list,
    lag: open(),
    resent: 0,
    mostConnections: 3,
    lastSentMs: Math.max(0, ...due),
    endedMs: 10_000,
    busy: 0.5,
    network: { lookups: 1, byAddress: [], reasons: { timeout: 'it was slow' } },
    startedAt: at,
    elapsedMs: 10_000,
    timeline,
    lost: [],
  };
}

const encoded = (tally: LoadTally, plan = planOf()) => encodeRun(tally, { plan, thresholds: ['p95<200ms'] });
const decoded = (text: string, path = 'run.json') => ({ path, run: decodeRun(text, path, open) });
const plain = ({ names, timeline, due, slowest }: LoadTally) => ({
  rows: [...names.rows].map(([name, tally]) => [name, packForThread(tally)]),
  timeline: packTimelineForThread(timeline),
  due,
  slowest: slowest.map(({ responseMs }) => responseMs),
});

describe('a saved run', () => {
  const ramp = [
    { durationMs: 5000, from: 0, to: 7 },
    { durationMs: 5000, from: 7, to: 7 },
  ];
  it.each([
    { loop: 'open', stages: ramp },
    { loop: 'open', stages: ramp, spacing: 'poisson' },
    { loop: 'closed', users: 7 },
    { loop: 'closed', users: 7, stages: ramp },
  ] satisfies LoadPlan['arrivals'][])('has its whole plan: %j', (arrivals) => {
    const plan = planOf(undefined, { arrivals });
    expect(decoded(encoded(tallyOf([0]), plan)).run.plan).toEqual(describePlan(plan));
  });

  it('is read as it was', () => {
    const tally = tallyOf([0, 10, 1500, 9000]);
    const { run } = decoded(encoded(tally, planOf({ index: 2, of: 3 })));
    expect(plain(run.tally)).toEqual(plain(tally));
    expect(run.tally.startedAt).toBe(startedAt);
    expect(run).toMatchObject({ shard: { index: 2, of: 3 }, threads: 1, thresholds: ['p95<200ms'] });
  });

  it('has no value of a header', () => {
    expect(encoded(tallyOf([1]))).not.toContain('sesame');
  });

  it.each([
    ['not JSON', '{', 'it is not JSON'],
    ['another file', '{"version":1}', "its 'format' is not"],
    ['no object', 'null', "its 'format' is not"],
  ])('that is %s is refused', (_, text, why) => {
    expect(() => decoded(text)).toThrow(why);
  });

  it.each([
    ['of another version', { version: 2 }, 'has version 2 of a saved run, and this metrify reads 1'],
    ['with a count that is none', { due: -1 }, 'due: '],
    ['with a histogram that is none', { lag: 'x' }, 'is not a saved run'],
    ['without its rows', { names: { rows: [] } }, 'do not add up'],
    ['with slices of a length that there is not', { timeline: { sliceMs: 1500, slices: [] } }, '1500 ms'],
  ])('%s is refused', (_, changes, why) => {
    const data = { ...(JSON.parse(encoded(tallyOf([1, 2]))) as object), ...changes };
    expect(() => decoded(JSON.stringify(data))).toThrow(why);
    expect(() => decoded(JSON.stringify(data))).toThrow(
      expect.objectContaining({ exitCode: 2, code: 'SAVED_RUN' }),
    );
  });

  it('whose requests do not add up is refused', () => {
    const text = encoded(tallyOf([1, 2])).replace('"sent":2', '"sent":3');
    expect(() => decoded(text)).toThrow('do not add up');
  });
});

describe('merged runs', () => {
  it('are what one machine would have counted', () => {
    const due = fc.array(fc.integer({ min: 0, max: 9999 }), { maxLength: 40 });
    fc.assert(
      fc.property(due, fc.integer({ min: 1, max: 4 }), (instants, of) => {
        const files = Array.from({ length: of }, (_, i) =>
          decoded(
            encoded(tallyOf(instants.filter((_, j) => j % of === i)), planOf({ index: i + 1, of })),
            `${i}.json`,
          ),
        );
        const { tally, threads, maxConnections, targetRateAt } = mergeRuns(files, open);
        expect(plain({ ...tally, timeline: withoutConnections(tally.timeline) })).toEqual(
          plain(tallyOf(instants)),
        );
        expect([threads, maxConnections]).toEqual([of, 100]);
        expect(targetRateAt(1000, 2000)).toBeCloseTo(100);
      }),
      { numRuns: scaled(40) },
    );
  });

  it('are on their wall clocks', () => {
    const first = decoded(encoded(tallyOf([100, 3100])), 'a.json');
    const later = decoded(encoded(tallyOf([100], startedAt + 3000)), 'b.json');
    const { tally, targetRateAt } = mergeRuns([later, first], open);
    expect(tally.startedAt).toBe(startedAt);
    expect(tally.elapsedMs).toBe(13_000);
    expect(tally.timeline.slices.map(({ startMs, slice }) => [startMs, slice.sent])).toEqual([
      [0, 1],
      [3000, 2],
    ]);
    expect(tally.slowest.map(({ dueMs }) => dueMs).sort((a, b) => a - b)).toEqual([100, 3100, 3100]);
    // Each of them wanted 100 a second, in its own time.
    expect([targetRateAt(1000, 2000), targetRateAt(4000, 5000), targetRateAt(11_000, 12_000)]).toEqual([
      100, 200, 100,
    ]);
  });

  const a = decoded(encoded(tallyOf([1])), 'a.json');
  const shard = (index: number, of: number) =>
    decoded(encoded(tallyOf([1]), planOf({ index, of })), `${index}-of-${of}.json`);
  const other = (changes: Partial<LoadPlan>) =>
    decoded(encoded(tallyOf([1]), planOf(undefined, changes)), 'b.json');
  it.each([
    ['the same run', [a, { ...a, path: 'copy.json' }], 'copy.json is the same run as a.json'],
    ['the same file', [a, a], 'a.json is given twice'],
    [
      'another target',
      [a, other({ targets: [{ host: '::1', port: 9, tls: { servername: 'x', verify: true } }] })],
      'they differ in targets: http://127.0.0.1:8080 and https://[::1]:9',
    ],
    ['another duration', [a, other({ durationMs: 9000 })], 'they differ in duration'],
    [
      'another request',
      [a, other({ workload: { requests: [{ weight: 1, request: { ...request, path: '/y' } }] } })],
      'they differ in requests',
    ],
    [
      'another time',
      [a, decoded(encoded(tallyOf([1], startedAt + 12_000)), 'b.json')],
      'b.json began 2s after a.json',
    ],
    ['a missing shard', [shard(1, 3), shard(3, 3)], 'shard 2 of 3 is missing'],
    ['missing shards', [shard(2, 3)], 'shards 1, 3 of 3 are missing'],
    ['a shard twice', [shard(1, 2), shard(1, 2)], 'are both shard 1 of 2'],
    ['shards of two runs', [shard(1, 2), shard(2, 3)], 'is one of 2 shards, and 2-of-3.json one of 3'],
    ['what is not a shard', [shard(1, 2), a], 'a.json is not a shard'],
  ])('with %s are refused', (_, files, why) => {
    expect(() => mergeRuns(files, open)).toThrow(why);
    expect(() => mergeRuns(files, open)).toThrow(
      expect.objectContaining({ code: 'RUNS_DIFFER', exitCode: 2 }),
    );
  });

  it('may have other values of headers', () => {
    const headers = [['Authorization', 'Bearer another']] as const;
    const twin = other({ workload: { requests: [{ weight: 1, request: { ...request, headers } }] } });
    expect(mergeRuns([a, twin], open).tally.due).toBe(2);
  });
});

function withoutConnections(timeline: Timeline): Timeline {
  for (const { slice } of timeline.slices) slice.connections = 0;
  return timeline;
}
