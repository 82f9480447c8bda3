import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  folderOf,
  guessedValues,
  parsePartition,
  partitionPath,
} from '../../../src/lib/export/partition-path.js';

const nullText = '__HIVE_DEFAULT_PARTITION__';
/** What makes trouble in a path, and in Hive's escapes. */
const awkward = fc.constantFrom(
  'a/b',
  'a=b',
  'a%2Fb',
  '%',
  '+',
  ' ',
  'é',
  '\u0080',
  '.',
  '..',
  '~',
  '\\',
  '\n',
  '007',
  nullText + ' ',
);
const text = fc
  .oneof(awkward, fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }))
  .filter((each) => !each.includes('\0'));
const partitions = fc.array(fc.record({ name: text, value: fc.option(text) }), {
  minLength: 1,
  maxLength: 3,
});

describe('the folder of a partition', () => {
  test('says what its values are, one folder for each column, and does not lead out of the dataset', () => {
    fc.assert(
      fc.property(partitions, (values) => {
        const path = partitionPath(
          values.map(({ name }) => name),
          values.map(({ value }) => value),
        );
        expect(parsePartition(path)).toEqual(values);
        const folders = path.split('/');
        expect(folders).toHaveLength(values.length);
        for (const folder of folders) expect(folder).toMatch(/^[^/]+=[^/]+$/);
        expect(folderOf(`${path}/part-00000.parquet`)).toBe(path);
      }),
    );
  });

  test('is written as Hive writes it', () => {
    expect(partitionPath(['a b', 'k=1'], ['2026-01-01 00:00', null])).toBe(
      `a b=2026-01-01 00%3A00/k%3D1=${nullText}`,
    );
  });

  test.each([
    ['', 'an empty text'],
    [nullText, `the text ${nullText}`],
    ['é'.repeat(130), 'a text of 130 characters'],
  ])('is refused for %j', (value, what) => {
    expect(() => partitionPath(['k'], [value])).toThrow(
      expect.objectContaining({ code: 'PARTITION_VALUE', message: expect.stringContaining(what) }),
    );
  });

  test('of other writers may be escaped byte by byte, or be none', () => {
    expect(parsePartition('k=%C3%A9%e9/plain/=x')).toEqual([{ name: 'k', value: 'Ã©é' }]);
    expect(parsePartition('k=%C3%A9')).toEqual([{ name: 'k', value: 'é' }]);
    expect(parsePartition('')).toEqual([]);
  });

  test('is warned of where readers take a text for something else', () => {
    const warnings = guessedValues(
      ['k', 'other'],
      ['k=a/part-0.orc', 'j=1/k=1e3/part-0.orc', 'other=x/part-0.orc'],
    );
    expect(warnings).toEqual([
      expect.stringContaining(`'k' is text, and readers that guess types take '1e3'`),
    ]);
  });
});
