import { toBytes } from '../../../src/lib/core/bytes.js';
import { describe, expect, test } from 'vitest';

import { inspect } from '../../../src/lib/cache/inspect/inspect.js';
import type { BulkLevel, KeyInfo } from '../../../src/lib/cache/bulk-level.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { replayable } from '../../random.js';

const { random } = replayable('samples of keys');

/** Keys in memory; a scan with a limit gives a random sample, as the hash order of a server does. */
function population(keys: KeyInfo[]): BulkLevel {
  return {
    name: 'made',
    type: 'redis',
    target: 'memory',
    hashes: true,
    nodes: async () => [{ node: 'one', keys: keys.length, memoryBytes: 0 }],
    async *scan({ limit = keys.length }: { limit?: number }) {
      const left = [...keys];
      const taken = Array.from({ length: Math.min(limit, left.length) }, () => {
        const at = Math.floor(random() * left.length);
        const info = left[at]!;
        left[at] = left.at(-1)!;
        left.pop();
        return info;
      });
      yield { node: 'one', keys: taken };
    },
    elements: async (infos: KeyInfo[]) => infos.map(() => undefined),
  } as unknown as BulkLevel;
}

/** As many as keep chance out of it: of 100, one series in some dozens has fewer than 88. */
const runs = 500;

describe('the error that a sample states', () => {
  const sizes: Record<string, (i: number) => number> = {
    equal: () => 100,
    spread: (i) => 50 + ((i * 7919) % 1000),
    'with some large ones': (i) => (i % 50 === 0 ? 20_000 : 100),
  };
  test.each(Object.keys(sizes))('holds the truth in nine of ten samples (sizes %s)', async (name) => {
    const keys = Array.from({ length: 8000 }, (_, i): KeyInfo => {
      const kind = i % 10 < 6 ? 'meter' : i % 10 < 9 ? 'tariff' : 'session';
      return { key: toBytes(`${kind}:${i}`), bytes: sizes[name]!(i), ttlMs: -1, type: 'string' };
    });
    const level = population(keys);
    const total = keys.reduce((sum, { bytes }) => sum + bytes!, 0);
    let held = 0;
    const prefixHeld: Record<string, number> = { 'meter:*': 0, 'tariff:*': 0, 'session:*': 0 };
    for (let run = 0; run < runs; run++) {
      const result = await inspect({
        level,
        sample: 800,
        top: 3,
        signal: new AbortController().signal,
        progress: silentProgress,
      });
      if (Math.abs(result.memoryBytes - total) <= result.memoryError! + 1) held++;
      for (const { prefix, keys: count, keysError } of result.prefixes) {
        const truth = keys.filter(({ key }) => key.startsWith(prefix.slice(0, -1))).length;
        if (Math.abs(count - truth) <= keysError! + 1) prefixHeld[prefix]!++;
      }
    }
    expect(held / runs).toBeGreaterThanOrEqual(0.88);
    for (const [prefix, count] of Object.entries(prefixHeld))
      expect(count / runs, prefix).toBeGreaterThanOrEqual(0.88);
  });
});
