import { describe, expect, it } from 'vitest';

import type { ClusterFacts, IndexFacts, NodeFacts } from '../../../../src/lib/search/status/facts.js';
import { findings } from '../../../../src/lib/search/status/findings.js';
import { neededBytes, readWatermark } from '../../../../src/lib/search/status/watermarks.js';

const gib = 1024 ** 3;

function node(name: string, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name,
    isData: true,
    shards: 10,
    heapPercent: 50,
    disk: { totalBytes: 1000 * gib, freeBytes: 500 * gib },
    rejected: { writes: 0, searches: 0 },
    ...more,
  };
}

function index(name: string, more: Partial<IndexFacts> = {}): IndexFacts {
  return {
    name,
    health: 'green',
    isClosed: false,
    documents: 1,
    bytes: 1,
    primaryBytes: [1],
    shards: 1,
    replicas: 1,
    unassigned: [],
    queries: { count: 0, totalMs: 0, current: 0 },
    blocks: [],
    refreshInterval: undefined,
    isReindexed: false,
    isSetAside: false,
    usualSettings: undefined,
    logsSlowQueries: false,
    ...more,
  };
}

const marks = {
  low: readWatermark('85%', '200GB'),
  high: readWatermark('90%', '150GB'),
  flood: readWatermark('95%', '100GB'),
};

function found(more: Partial<ClusterFacts>): string[] {
  const facts: ClusterFacts = {
    health: 'green',
    nodes: [node('a'), node('b')],
    indices: [],
    aliases: {},
    watermarks: marks,
    pendingTasks: [],
    tasks: [],
    ...more,
  };
  return findings(facts).map(({ what }) => what);
}

const copy = { shard: 0, isPrimary: false, reason: 'NODE_LEFT', since: undefined, explanation: undefined };

describe('what is not well with a cluster', () => {
  it('is nothing where all is well', () => {
    expect(found({ indices: [index('sensors')] })).toEqual([]);
  });

  it('is said once of all indices that have it, the worst first', () => {
    const indices = ['a', 'b', 'c', 'd', 'e'].map((name) => index(name, { unassigned: [copy] }));
    const lost = index('z', { unassigned: [{ ...copy, isPrimary: true }] });
    expect(found({ indices: [...indices, lost] })).toEqual([
      'z: shard 0 of 1 cannot be read or written (NODE_LEFT)',
      'a, b, c and 2 more, each: 1 copy of its shards is missing (NODE_LEFT)',
    ]);
  });

  it.each([
    [{ shards: 40 }, { shards: 10 }, 'node a has 40 of 50 shards, the mean is 25.0'],
    [{ shards: 3 }, { shards: 2 }, undefined],
    [{ shards: 12 }, { shards: 10 }, undefined],
    [{ heapPercent: 93 }, {}, 'node a uses 93% of its heap'],
    [
      { rejected: { writes: 2, searches: 0 } },
      {},
      'node a has refused 2 writes since it started: its queue was full',
    ],
  ])('with nodes %j and %j is %s', (one, other, what) => {
    expect(found({ nodes: [node('a', one), node('b', other)] })).toEqual(what === undefined ? [] : [what]);
  });

  it.each([
    [40, 'the flood stage: its indices become read-only'],
    [60, 'the high watermark: shards are moved away from it'],
    [120, 'the low watermark: it gets no more replicas'],
    [151, undefined],
  ])('with %d of 1000 GiB free is %s', (free, meaning) => {
    const disk = { totalBytes: 1000 * gib, freeBytes: free * gib };
    const what = found({ nodes: [node('a', { disk }), node('b')] });
    expect(what).toEqual(meaning === undefined ? [] : [expect.stringContaining(meaning)]);
  });

  it.each([
    [{ primaryBytes: [9 * gib, gib, gib] }, 'its largest shard has 9.0 GiB'],
    [{ primaryBytes: [60 * gib, 59 * gib] }, 'has a shard of 60.0 GiB'],
    [{ primaryBytes: [9, 1, 1] }, undefined],
    [{ queries: { count: 100, totalMs: 90_000, current: 0 } }, 'a query takes 900ms on each shard'],
    [{ queries: { count: 3, totalMs: 90_000, current: 0 } }, undefined],
    [{ replicas: 0 }, 'has no replicas'],
    [{ blocks: ['write'], isSetAside: true }, undefined],
    [{ blocks: ['write'], isReindexed: true }, 'takes no writes: index.blocks.write is set by a reindex'],
  ])('with an index of %j is %s', (more, what) => {
    const said = found({ indices: [index('sensors', more)] });
    expect(said).toEqual(what === undefined ? [] : [expect.stringContaining(what)]);
  });

  it('is a change of the cluster that waits', () => {
    const waiting = (ms: number) => [{ source: 'create-index', waitingMs: ms }];
    expect(found({ pendingTasks: waiting(29_000) })).toEqual([]);
    expect(found({ pendingTasks: waiting(31_000) })).toEqual([
      '1 task of the cluster waits, one for 31s: create-index',
    ]);
  });
});

it.each([
  ['85%', undefined, 1000, 150],
  ['0.9', undefined, 1000, 100],
  ['85%', '100b', 1000, 100],
  ['85%', '-1', 1000, 150],
  ['95%', '100GB', 10 * 1024 ** 4, 100 * gib],
  ['500mb', undefined, 10 * gib, 500 * 1024 ** 2],
])('a watermark of %s, at most %s, of %d bytes needs %d free', (text, headroom, total, free) => {
  expect(neededBytes(readWatermark(text, headroom), total)).toBeCloseTo(free);
});
