import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { cacheStatus, isNotCacheable } from '../../../src/lib/cache/http-warm/cache-status.js';
import { FrequentKeys } from '../../../src/lib/access-log/frequent.js';
import { sampleByCount } from '../../../src/lib/cache/http-warm/hit-ratio.js';
import { safeTarget } from '../../../src/lib/access-log/target.js';
import {
  maxVariants,
  otherVariants,
  variantKey,
  variantOf,
  type VariantHeaders,
} from '../../../src/lib/cache/http-warm/variants.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';

function counted(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Few keys are frequent and many rare. */
const stream = fc.array(
  fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]) => `/${Math.min(a, b) === 0 ? 0 : a * b}`),
  { maxLength: 600 },
);

describe('frequent keys', () => {
  test('are counted exactly while they fit', () => {
    fc.assert(
      fc.property(stream, (keys) => {
        const frequent = new FrequentKeys(10_000, 1e6);
        keys.forEach((key) => frequent.add(key));
        expect([...frequent.entries()]).toEqual([...counted(keys)]);
        expect(frequent.maxError).toBe(0);
      }),
    );
  });

  test('keep the bounds of Space-Saving when they do not fit', () => {
    fc.assert(
      fc.property(
        stream,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 20, max: 300 }),
        (keys, size, bytes) => {
          const frequent = new FrequentKeys(size, bytes);
          keys.forEach((key) => frequent.add(key));
          const truth = counted(keys);
          const found = new Map(frequent.entries());
          expect(found.size).toBeLessThanOrEqual(size);
          expect([...found.keys()].join('').length).toBeLessThanOrEqual(bytes);
          for (const [key, count] of found) {
            expect(count).toBeGreaterThanOrEqual(truth.get(key)!);
            expect(count).toBeLessThanOrEqual(truth.get(key)! + frequent.maxError);
          }
          for (const [key, count] of truth)
            if (!found.has(key)) expect(count).toBeLessThanOrEqual(frequent.maxError);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('with fixed slots, the error stays below lines ÷ slots', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 40 }), (keys, size) => {
        const frequent = new FrequentKeys(size, 1e9);
        keys.forEach((key) => frequent.add(key));
        expect(frequent.maxError).toBeLessThanOrEqual(keys.length / size);
      }),
    );
  });
});

describe('targets', () => {
  test.each([
    ['/a?b=1', '/a?b=1'],
    ['/', '/'],
    ['//evil.example/x', '//evil.example/x'],
    ['/caf\xc3\xa9', '/caf\xc3\xa9'],
    ['/a?next=/../b', '/a?next=/../b'],
    ['/a..b/...', '/a..b/...'],
    ['http://evil.example/x?y', '/x?y'],
    ['HTTPS://evil.example', '/'],
    ['http://evil.example?x=1', '/?x=1'],
  ])('%s is asked for as %s', (target, path) => expect(safeTarget(target as ByteString)?.path).toBe(path));

  test.each([
    ...[
      '',
      '*',
      'a',
      'example.com:443',
      'ftp://x/y',
      '/a b',
      '/a\r\nHost: evil',
      '/a\tb',
      '/a\0',
      '/a\x7f',
      '/a#b',
    ],
    ...[
      '/%0d%0aSet-Cookie:x',
      '/%00',
      '/../etc/passwd',
      '/a/%2e%2E/b',
      '/a/..',
      '/..%2fetc',
      '/./a',
      '/..\\x',
      `/${'a'.repeat(9000)}`,
    ],
    ...['/\u0100'],
  ])('%j is not asked for', (target) => expect(safeTarget(target as ByteString)).toBeUndefined());
});

const statuses: [headers: Record<string, string>, status: string | undefined][] = [
  [{ 'x-cache-status': 'HIT' }, 'hit'],
  [{ 'x-cache-status': 'MISS' }, 'miss'],
  [{ 'x-cache-status': 'EXPIRED' }, 'miss'],
  [{ 'x-cache-status': 'STALE' }, 'hit'],
  [{ 'x-cache-status': 'UPDATING' }, 'hit'],
  [{ 'x-cache-status': 'REVALIDATED' }, 'miss'],
  [{ 'x-cache-status': 'BYPASS' }, 'bypass'],
  [{ 'cf-cache-status': 'DYNAMIC' }, 'bypass'],
  [{ 'x-cache': 'Hit from cloudfront' }, 'hit'],
  [{ 'x-cache': 'RefreshHit from cloudfront' }, 'miss'],
  [{ 'x-cache': 'Miss from cloudfront' }, 'miss'],
  [{ 'x-cache': 'HIT, MISS' }, 'miss'],
  [{ 'x-cache': 'MISS, HIT' }, 'hit'],
  [{ 'x-cache': 'TCP_MEM_HIT from a1.deploy' }, 'hit'],
  [{ 'x-varnish': '32770 5' }, 'hit'],
  [{ 'x-varnish': '5' }, 'miss'],
  [{ 'x-varnish': '5', age: '3' }, 'miss'],
  [{ age: '3' }, 'hit'],
  [{ age: '0' }, undefined],
  [{}, undefined],
  [{ 'cache-status': 'Origin; hit; ttl=30, "Edge, 1"; fwd=miss; stored' }, 'miss'],
  [{ 'cache-status': 'Origin; fwd=uri-miss, Edge; hit; ttl=2' }, 'hit'],
  [{ 'cache-status': 'Edge; fwd=bypass', 'x-cache': 'HIT' }, 'bypass'],
];
test.each(statuses)('%j says %s', (headers, status) => expect(cacheStatus(headers)?.status).toBe(status));

test.each([
  [{ 'cache-control': 'max-age=0, no-store' }, true],
  [{ 'cache-control': 'private' }, true],
  [{ 'cache-control': 'max-age=60' }, false],
  [{ vary: '*' }, true],
  [{ 'set-cookie': ['a=b'] }, true],
  [{ 'set-cookie': ['a=b'], 'x-cache': 'HIT' }, false],
])('%j: not to be kept is %s', (headers, expected) => expect(isNotCacheable(headers)).toBe(expected));

describe('variants', () => {
  const seen = [
    { 'accept-encoding': 'br', 'accept-language': 'de' },
    { 'accept-encoding': 'br', 'accept-language': 'fr' },
    { 'accept-encoding': '', 'accept-language': 'de' },
  ];

  test('without Vary there are none', () =>
    expect(otherVariants(seen as VariantHeaders[], undefined)).toEqual([]));
  test('only what Vary names is told apart', () => {
    expect(
      otherVariants(seen as VariantHeaders[], 'Accept-Language, User-Agent').map((h) => h['accept-language']),
    ).toEqual(['fr']);
    expect(
      otherVariants(seen as VariantHeaders[], 'accept-encoding').map((h) => h['accept-encoding']),
    ).toEqual(['']);
    expect(otherVariants(seen as VariantHeaders[], 'Accept-Encoding,Accept-Language')).toHaveLength(2);
    expect(otherVariants(seen as VariantHeaders[], 'User-Agent, Cookie')).toEqual([]);
  });
  test('what the log does not tell is taken from usual clients, for the encoding only', () => {
    expect(otherVariants([], 'Accept-Encoding').map((h) => h['accept-encoding'])).toEqual([
      'gzip, deflate, br',
      'gzip',
      '',
    ]);
    expect(otherVariants([], 'Accept-Language')).toEqual([]);
  });
  test('a path has no more than a few', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ 'accept-language': `l${i}` }));
    expect(otherVariants(many as VariantHeaders[], 'accept-language')).toHaveLength(maxVariants - 1);
  });
  test('headers survive being part of a key', () => {
    const value = fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: 20 }), { nil: undefined });
    fc.assert(
      fc.property(value, value, value, (acceptEncoding, acceptLanguage, accept) => {
        const key = variantKey({
          method: 'GET',
          target: toBytes('/'),
          acceptEncoding: acceptEncoding as ByteString | undefined,
          acceptLanguage: acceptLanguage as ByteString | undefined,
          accept: accept as ByteString | undefined,
        });
        const { 'accept-encoding': a, 'accept-language': b, accept: c } = variantOf(key);
        expect([a, b, c]).toEqual([acceptEncoding, acceptLanguage, accept]);
      }),
    );
  });
  test('a value with control characters is as good as not told', () => {
    expect(variantKey({ method: 'GET', target: toBytes('/'), accept: toBytes('a\r\nX: y') })).toBe('');
  });
});

test('a sample is drawn in proportion to the counts', () => {
  const items = Array.from({ length: 1000 }, (_, i) => ({ count: 1 + (i % 7) * 10, hit: i % 3 === 0 }));
  const total = items.reduce((sum, { count }) => sum + count, 0);
  const truth = items.reduce((sum, { count, hit }) => sum + (hit ? count : 0), 0) / total;
  let mean = 0;
  for (let round = 0; round < 200; round++) {
    const sample = sampleByCount(items, 100, () => (round + 0.5) / 200);
    const weight = sample.reduce((sum, one) => sum + one.weight, 0);
    expect(weight).toBe(100);
    mean += sample.reduce((sum, one) => sum + (one.item.hit ? one.weight : 0), 0) / weight / 200;
  }
  expect(mean).toBeCloseTo(truth, 2);
  expect(sampleByCount(items, 1000).map(({ weight }) => weight)).toEqual(items.map(({ count }) => count));
});
