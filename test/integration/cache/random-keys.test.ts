import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { BulkLevel } from '../../../src/lib/cache/bulk-level.js';
import { countMatches } from '../../../src/lib/cache/flush.js';
import { inspect } from '../../../src/lib/cache/inspect/inspect.js';
import { readKey } from '../../../src/lib/cache/key-text.js';
import { openRedisBulkLevel } from '../../../src/lib/cache/redis/bulk-level.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { Probe } from '../../e2e/cache/redis-probe.js';
import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { ownRedis, type OwnRedis } from '../../servers/shared.js';

const { signal } = new AbortController();
const { seed } = replayable('keys of any bytes');

needs('redis')('keys of any bytes', () => {
  let redis: OwnRedis;
  let probe: Probe;
  let level: BulkLevel;

  beforeAll(async () => {
    redis = await ownRedis();
    probe = await Probe.connect(redis.port, redis.database);
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    level = await openRedisBulkLevel({ name: 'redis', settings: { nodes: [redis.url] }, timeouts }, signal);
  });
  afterAll(async () => {
    probe.close();
    await level.close();
  });

  it('are matched by the globs that inspect prints, as redis-server matches them, and counted as printed', async () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
      fc.constantFrom(':', '/', '17', 'ab', '*', '?', '[', ']', '\\', '\\x41', '\xc3\xa9', '\xe2\x80\xae'),
    );
    const key = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 40 }), async (keys) => {
        await probe.askAll([['FLUSHDB'], ...keys.map((name) => ['SET', name, ''])]);
        const progress = silentProgress;
        const { prefixes, bigKeys } = await inspect({ level, top: 100, signal, progress });
        expect(bigKeys.map((shown) => readKey(shown.key)).sort()).toEqual(keys.sort());

        const matched = new Set<string>();
        for (const { prefix, keys: counted } of prefixes) {
          const theirs = (await probe.ask('KEYS', bytesOf(prefix))) as string[];
          theirs.forEach((name) => matched.add(name));
          const selection = { by: 'pattern' as const, pattern: prefix };
          const counts = await countMatches({ level, selection }, { signal, progress });
          expect(counts.matched + counts.kept).toBe(theirs.length);
          // A star matches separators too, and so keys of other shapes.
          if (isLiteral(prefix)) expect(theirs).toHaveLength(counted);
          else expect(theirs.length).toBeGreaterThanOrEqual(counted);
        }
        expect([...matched].sort()).toEqual(keys);
      }),
      { seed, numRuns: 150 },
    );
  });
});

/** The pattern that the text of a glob stands for, as Redis takes it: bytes that are special there are escaped. */
function bytesOf(glob: string): string {
  const bytes = Buffer.from(glob, 'utf8').toString('latin1');
  return bytes.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([^]))/g, (_, byte, code, other) => {
    if (byte !== undefined) return `\\${String.fromCharCode(parseInt(byte as string, 16))}`;
    if (code !== undefined)
      return Buffer.from(String.fromCharCode(parseInt(code as string, 16))).toString('latin1');
    return `\\${other as string}`;
  });
}

function isLiteral(glob: string): boolean {
  return !/[*?[]/.test(glob.replace(/\\./g, ''));
}
