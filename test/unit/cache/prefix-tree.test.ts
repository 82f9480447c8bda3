import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { describe, expect, test } from 'vitest';

import { compileGlob } from '../../../src/lib/cache/glob.js';
import { PrefixTree } from '../../../src/lib/cache/inspect/prefix-tree.js';
import { seeded } from '../../random.js';

function treeOf(keys: Iterable<string>, bytes = 10): PrefixTree {
  const tree = new PrefixTree();
  for (const key of keys) tree.add(key as ByteString, bytes, -1);
  return tree;
}
const counts = (tree: PrefixTree) =>
  Object.fromEntries(tree.shapes().map(({ prefix, keys }) => [prefix, keys]));
const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const word = (i: number) =>
  `${'bcdfghjklmnprstvwz'[i % 18]}${'aeiou'[i % 5]}${'lmnrst'[i % 6]}${'aeiou'[(i >> 3) % 5]}`;

const uniform = seeded(42);
const random = (below: number) => Math.floor(uniform() * below);
const hex = (length: number) => times(length, () => '0123456789abcdef'[random(16)]).join('');
const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
const letters = (length: number) => times(length, () => 'abcdefghijklmnopqrstuvwxyz'[random(26)]).join('');

describe('the shapes it finds', () => {
  test('numbers, UUIDs and hashes vary; words stay', () => {
    expect(
      counts(
        treeOf([
          ...times(500, (i) => `meter:${i}:latest`),
          ...times(300, () => `session:${uuid()}`),
          ...times(200, () => `blob/${hex(32)}/meta`),
          ...times(100, (i) => `{meter:${i}}:day`),
          'config:tariff',
        ]),
      ),
    ).toEqual({
      'meter:*:latest': 500,
      'session:*': 300,
      'blob/*/meta': 200,
      '{meter:*:day': 100,
      'config:tariff': 1,
    });
  });

  test('60 equal prefixes stay apart, each with its keys', () => {
    const region = (i: number) => `region-${word(i * 7)}${word(i * 13)}${'abcdefghij'[i % 10]}`;
    const names = new Set(times(60, region));
    expect(names.size).toBeGreaterThan(50);
    const found = counts(treeOf([...names].flatMap((name) => times(50, (i) => `${name}:${i}`))));
    expect(Object.keys(found).sort()).toEqual([...names].map((name) => `${name}:*`).sort());
    expect(new Set(Object.values(found))).toEqual(new Set([50]));
  });

  test('user names without digits vary', () => {
    const names = times(3000, () => letters(9));
    const found = counts(treeOf(names.map((name) => `user:${name}:profile`)));
    expect(found).toEqual({ 'user:*:profile': 3000 });
  });

  test('keys without a separator', () => {
    expect(counts(treeOf(times(1000, (i) => `meter${i}`)))).toEqual({ 'meter*': 1000 });
    expect(counts(treeOf(times(1000, (i) => String(i))))).toEqual({ '*': 1000 });
    const found = counts(treeOf(times(2000, () => letters(12))));
    expect(found).toEqual({ '*': 2000 });
  });

  test('a heavy word stays apart in a position that varies', () => {
    const keys = times(5000, (i) => (i % 5 < 2 ? 'u:batch:x' : `u:${letters(9)}:x`));
    expect(counts(treeOf(keys))['u:batch:x']).toBe(2000);
  });

  test('every key matches the glob of exactly the shape that counts it', () => {
    const keys = times(3000, () =>
      times(1 + random(4), () => ['a', 'b*c', 'd?', '[x]', 'e\\f', '', '42', 'ä€'][random(8)]!).join(
        ':|/'[random(3)],
      ),
    );
    const tree = treeOf(new Set(keys));
    const shapes = tree.shapes();
    expect(shapes.reduce((sum, { keys: count }) => sum + count, 0)).toBe(new Set(keys).size);
    const globs = shapes.map(({ prefix }) => compileGlob(prefix));
    for (const key of new Set(keys)) {
      const bytes = Buffer.from(key, 'utf8').toString('latin1');
      expect(
        globs.some((matches) => matches(bytes as ByteString) || matches(key as ByteString)),
        key,
      ).toBe(true);
    }
  });

  test('trees of several nodes add up', () => {
    const keys = times(4000, (i) => `meter:${i}:${i % 2 ? 'latest' : 'day'}`);
    const merged = new PrefixTree();
    for (let part = 0; part < 3; part++) merged.merge(treeOf(keys.filter((_, i) => i % 3 === part)));
    expect(merged.shapes()).toEqual(treeOf(keys).shapes());
  });

  test('sizes and times to live are added up', () => {
    const tree = new PrefixTree();
    for (let i = 1; i <= 100; i++) tree.add(toBytes(`m:${i}`), i, i % 2 ? i * 1000 : -1);
    expect(tree.shapes()).toEqual([
      { prefix: 'm:*', keys: 100, bytes: 5050, bytesSquared: 338_350, withoutTtl: 50, ttlSum: 2_500_000 },
    ]);
  });
});

describe('its memory stays bounded', () => {
  const vocabulary = times(40, () => letters(6));
  const shapes: Record<string, (i: number) => string> = {
    'six words out of 40 each': () => times(6, () => vocabulary[random(40)]).join(':'),
    'twelve words out of 3 each': () => times(12, () => vocabulary[random(3)]).join('/'),
    'random words on every level': () => times(5, () => letters(5)).join(':'),
    'a few words, then random ones': () =>
      `${vocabulary[random(40)]}:${vocabulary[random(40)]}:${letters(8)}:${letters(8)}`,
    'numbered words': (i) => `${letters(3)}${i}:${letters(2)}${i}x:${i}`,
    'random bytes': () => times(12, () => String.fromCharCode(random(256))).join(''),
    'only separators': (i) => ':/|'[i % 3]!.repeat(random(400)),
  };

  test.each(Object.keys(shapes))('%s', (name) => {
    const make = shapes[name]!;
    const tree = new PrefixTree();
    for (let i = 0; i < 60_000; i++) tree.add(make(i) as ByteString, 100, 1000);
    const found = tree.shapes();
    expect(found.length).toBeLessThan(20_000);
    expect(found.reduce((sum, { keys }) => sum + keys, 0)).toBe(60_000);
    expect(found.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(6_000_000);
  });

  test('keys of all kinds hold less than 30 MB together', () => {
    global.gc?.();
    const makers = Object.values(shapes);
    const before = process.memoryUsage().heapUsed;
    const tree = new PrefixTree();
    for (let i = 0; i < 700_000; i++)
      tree.add(`${'pqrstuv'[i % 7]}:${makers[i % 7]!(i)}` as ByteString, 100, 1000);
    global.gc?.();
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    expect(tree.shapes().reduce((sum, { keys }) => sum + keys, 0)).toBe(700_000);
    expect(grown).toBeLessThan(30);
  });

  test('a key of a hundred thousand separators', () => {
    const tree = treeOf([':'.repeat(100_000), 'a:'.repeat(100_000)]);
    const merged = new PrefixTree();
    merged.merge(tree);
    expect(merged.shapes().reduce((sum, { keys }) => sum + keys, 0)).toBe(2);
  });
});
