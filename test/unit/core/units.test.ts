import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { UserError } from '../../../src/lib/core/errors.js';
import {
  counted,
  formatBytes,
  formatCount,
  formatDuration,
  parseDuration,
  parsePercent,
  parseSize,
} from '../../../src/lib/core/units.js';

describe('what is written', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
  ])('the duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each([
    ['100KB', 100_000],
    ['64MiB', 67_108_864],
    ['1GB', 1e9],
    ['1.5 kib', 1536],
    ['7B', 7],
  ])('the size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));
  test.each([
    ['10%', 0.1],
    ['0.5%', 0.005],
  ])('the percentage %s', (text, share) => expect(parsePercent(text)).toBe(share));

  test.each(['', '5', 's', '-1s', '1 week', '1h30m', '1e3s', 'Infinitys', '٣s'])(
    '%j is no duration',
    (text) => {
      expect(() => parseDuration(text)).toThrow(UserError);
    },
  );
  test.each(['', '5', 'KB', '-1KB', '1PB', '1KiBs'])('%j is no size', (text) => {
    expect(() => parseSize(text)).toThrow(UserError);
  });
  test.each(['', '5', '%', '-1%', '0.1'])('%j is no percentage', (text) => {
    expect(() => parsePercent(text)).toThrow(UserError);
  });
});

describe('what is shown', () => {
  test.each([
    [0, '0ms'],
    [1.26, '1.3ms'],
    [12.6, '13ms'],
    [999.7, '1s'],
    [2440, '2.4s'],
    [59_999, '1m'],
    [65_000, '1m 5s'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  test('no duration shows 60 of a unit, none is empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 10 }), (ms) => {
        const text = formatDuration(ms);
        expect(text).toMatch(/^[\d.]+(ms|s|m|h|d)( \d+(s|m|h))?$/);
        expect(text).not.toMatch(/\b(60s|60m|24h|1000ms)\b/);
      }),
    );
  });

  test('bytes and counts', () => {
    expect([0, 1023, 1024, 1_048_575, 1_572_864, 2 ** 40].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.0 MiB',
      '1.5 MiB',
      '1.0 TiB',
    ]);
    expect([0, 999, 1000, 1_234_567.4].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 49 }), (count) => {
        expect(Number(formatCount(count).replaceAll(',', ''))).toBe(count);
        expect(formatBytes(count)).not.toMatch(/^1024/);
      }),
    );
  });
});

test.each([
  [0, '0 keys'],
  [1, '1 key'],
  [2, '2 keys'],
  [1.4, '1 key'],
  [1000, '1,000 keys'],
])('%d is counted as %s', (count, text) => {
  expect(counted(count, 'key')).toBe(text);
  expect(counted(count, 'entry', 'entries')).toBe(text.replace('keys', 'entries').replace('key', 'entry'));
});
