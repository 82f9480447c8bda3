import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openCache } from '../../../src/lib/cache/multi-level/open.js';
import { type OpenSettings, readOpenSettings } from '../../../src/lib/cache/multi-level/open-settings.js';
import { UserError } from '../../../src/lib/core/errors.js';
import { scaled } from '../../scale.js';

const memory = { name: 'hot', type: 'memory' } as const;

describe('what openCache is given', () => {
  it('takes text as the configuration file has it, or numbers', () => {
    const text = readOpenSettings({
      connectTimeout: '1s',
      redis: { url: 'redis://h:1, redis://h:2' },
      memcached: { servers: '10.0.0.1:11211' },
      hazelcast: { url: 'hazelcast://h' },
      cache: { levels: [{ ...memory, ttl: '5m', size: '64MiB' }], writeBehind: {} },
    });
    const numbers = readOpenSettings({
      connectTimeoutMs: 1000,
      requestTimeout: 30_000,
      redis: { nodes: ['redis://h:1', 'redis://h:2'] },
      memcached: { servers: ['10.0.0.1:11211'] },
      hazelcast: { url: ['hazelcast://h'] },
      cache: { levels: [{ ...memory, ttl: 300_000, size: 64 << 20 }], writeBehind: { durability: 'memory' } },
    });
    expect(text).toEqual(numbers);
    expect(text.cache.levels[0]).toEqual({ ...memory, ttl: 300_000, size: 64 << 20 });
  });

  it.each([
    [{ cache: { levels: [{ ...memory, ttl: -5 }] } }, 'cache.levels[0].ttl: must be above zero'],
    [{ cache: { levels: [{ ...memory, ttl: NaN }] } }, 'cache.levels[0].ttl'],
    [{ cache: { levels: [{ ...memory, ttl: 'soon' }] } }, "'soon' is not a duration"],
    [{ cache: { levels: [{ ...memory, tll: '5m' }] } }, "unknown setting 'tll'; did you mean 'ttl'?"],
    [{ cache: { levels: [{ name: 'hot', type: 'radis' }] } }, 'must be one of memory, redis'],
    [{ cache: { levels: [memory, memory] } }, "there are two levels named 'hot'"],
    [
      { cache: { levels: [memory], tiers: [{ pattern: 'x', levels: ['cold'] }] } },
      "there is no level 'cold'",
    ],
    [
      { redis: { urls: ['redis://h'] }, cache: { levels: [memory] } },
      "unknown setting 'urls'; did you mean 'url'?",
    ],
    [{ redis: { nodes: [17] }, cache: { levels: [memory] } }, 'redis.nodes[0]: must be text'],
    [{ cache: { levels: [] } }, 'openCache needs cache.levels'],
    [{ cache: {} }, 'openCache needs cache.levels'],
    [undefined, 'openCache needs cache.levels'],
  ])('is refused where it is wrong: %j', async (given, said) => {
    const refused = openCache(given as unknown as OpenSettings);
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await expect(refused).rejects.toThrow(said);
  });

  it('is never answered by anything but a UserError, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), fc.anything({ maxDepth: 3 }), (levels, more) => {
        const given = { ...(more as object), cache: { levels } } as unknown as OpenSettings;
        try {
          readOpenSettings(given);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: scaled(300) },
    );
  });
});
