import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readParquet, saveParquet, UserError } from '../../../src/library/columnar.js';
import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list = [];
  for await (const row of rows) list.push(row);
  return list;
}

const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 5 });
const wellFormed = fc.string({ unit: 'grapheme' });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Rows whose values are, when they are read, what was written. */
const schema = {
  flag: 'bool',
  small: 'int2',
  number: 'int4',
  big: 'int8',
  float: 'float8',
  money: 'numeric(20,2)',
  text: 'text',
  bytes: 'bytea',
  list: 'int8[]',
  place: { lat: 'float8', names: 'text[]' },
} as const;
const row = fc.record(
  {
    flag: nullable(fc.boolean()),
    small: nullable(fc.integer({ min: -32_768, max: 32_767 })),
    number: nullable(fc.integer()),
    big: nullable(int64),
    float: nullable(fc.double()),
    money: nullable(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }).map((n) => `${n}.25`)),
    text: nullable(wellFormed),
    bytes: nullable(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))),
    list: nullable(fc.array(nullable(int64), { maxLength: 4 })),
    place: nullable(
      fc.record(
        { lat: nullable(fc.double()), names: nullable(fc.array(nullable(wellFormed), { maxLength: 3 })) },
        { noNullPrototype: true },
      ),
    ),
  },
  { noNullPrototype: true },
);

describe('saveParquet and readParquet', () => {
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    folder = await temporaryDirectory('library');
  });
  afterAll(() => folder.remove());
  const at = (name: string) => join(folder.path, name);

  it('give back what was saved, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 40 }),
        fc.constantFrom('none', 'snappy', 'gzip', 'brotli'),
        fc.integer({ min: 1, max: 50 }),
        async (rows, compression, rowGroupRows) => {
          const { rows: count } = await saveParquet(rows, at('any'), { schema, compression, rowGroupRows });
          expect(count).toBe(rows.length);
          expect(await all(readParquet(at('any')))).toEqual(rows);
        },
      ),
      { numRuns: scaled(40) },
    );
  });

  it('take the types of values without a schema, and rows from an async iterable', async () => {
    async function* rows() {
      yield { id: 1n, at: new Date('2026-01-02T03:04:05.678Z'), value: 1.5, kind: 'power', month: 1 };
      yield { id: 2n ** 63n - 1n, at: null, value: 2, tags: ['a', null], kind: 'gas/1', month: 2 };
    }
    const saved = await saveParquet(rows(), at('inferred'), { partitionBy: ['kind', 'month'] });
    expect(saved.schema).toEqual([
      { name: 'id', type: 'int64' },
      { name: 'at', type: 'timestamp (UTC)' },
      { name: 'value', type: 'float64' },
      { name: 'tags', type: 'list<text>' },
    ]);
    expect(saved.files.map(({ path }) => path)).toEqual([
      'kind=gas%2F1/month=2/part-00000.parquet',
      'kind=power/month=1/part-00000.parquet',
    ]);
    const read = await all(readParquet(at('inferred'), { columns: ['id', 'kind', 'tags'] }));
    expect(read).toEqual([
      { id: 2n ** 63n - 1n, kind: 'gas/1', tags: ['a', null] },
      { id: 1n, kind: 'power', tags: null },
    ]);
  });

  it('read the rows that all filters choose, and no more than the limit', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({ id: i, kind: i % 2 === 0 ? 'power' : 'gas' }));
    await saveParquet(rows, at('many'), {
      schema: { id: 'int4', kind: 'text' },
      partitionBy: ['kind'],
      rowGroupRows: 500,
    });
    const chosen = rows.filter(({ id, kind }) => id > 4900 && kind === 'gas');
    expect(await all(readParquet(at('many'), { filters: "id > 4900 AND kind = 'gas'" }))).toEqual(chosen);
    expect(await all(readParquet(at('many'), { filters: ['id > 4900', "kind = 'gas'"] }))).toEqual(chosen);
    expect(await all(readParquet(at('many'), { filters: "kind = 'gas'", limit: 3 }))).toHaveLength(3);
    await expect(all(readParquet(at('many'), { filters: 'nothing = 1' }))).rejects.toThrow(/nothing/);
  });

  it.each([
    [
      'a float beyond an integer',
      { id: 1.5 },
      { id: 'int8' },
      "row 1: column 'id': 1.5 is not a whole number",
    ],
    [
      'an integer beyond its type',
      { id: 40_000 },
      { id: 'int2' },
      "column 'id': 40000 is not in the range of int16",
    ],
    [
      'too many decimals',
      { v: '1.005' },
      { v: 'numeric(9,2)' },
      "'1.005' is not a number that decimal(9, 2) holds",
    ],
    ['half a surrogate pair', { v: 'a\ud800' }, { v: 'text' }, 'is not text that UTF-8 can hold'],
    ['a number for text', { v: 5 }, { v: 'text' }, '5 is not text'],
    ['an invalid Date', { v: new Date(NaN) }, { v: 'timestamptz' }, 'an invalid Date is not a time'],
    ['a day that is not', { v: '2026-02-30' }, { v: 'date' }, "'2026-02-30' is not a date"],
    ['a zone that would be lost', { v: '2026-01-01T00:00:00+02:00' }, { v: 'timestamp' }, 'without a zone'],
    ['nanoseconds', { v: '2026-01-01T00:00:00.123456789Z' }, { v: 'timestamptz' }, 'in microseconds'],
    ['an unknown field', { v: 1, w: 2 }, { v: 'int4' }, "row 1 has 'w', which is not a column"],
    ['an unknown type', { v: 1 }, { v: 'number' }, "'number' is not a type that rows can have"],
    ['values of two kinds', { v: [1, 'a'] }, undefined, "'v[]' has values of several kinds: float8 and text"],
  ])('refuse %s, and leave what was there', async (_, bad, schema, message) => {
    await saveParquet([{ id: 1n }], at('kept'));
    const before = await readFile(at('kept/part-00000.parquet'));
    const error: unknown = await saveParquet([bad], at('kept'), schema ? { schema } : {}).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(message);
    expect(await readFile(at('kept/part-00000.parquet'))).toEqual(before);
    expect(await all(readParquet(at('kept')))).toEqual([{ id: 1n }]);
  });

  it('refuse options that are not, and rows that say no types', async () => {
    // @ts-expect-error: it is called partitionBy.
    await expect(saveParquet([{ a: 1 }], at('wrong'), { partitionsBy: ['a'] })).rejects.toThrow(
      /partitionsBy/,
    );
    await expect(saveParquet([], at('wrong'))).rejects.toThrow(/there are no rows/);
    expect((await saveParquet([], at('empty'), { schema: { a: 'int4' } })).rows).toBe(0);
    expect(await all(readParquet(at('empty')))).toEqual([]);
  });

  it('end the source when a row is refused', async () => {
    let ended = false;
    function* rows() {
      try {
        yield { id: 'not a number' };
        yield { id: 2 };
      } finally {
        ended = true;
      }
    }
    await expect(saveParquet(rows(), at('ended'), { schema: { id: 'int4' } })).rejects.toThrow(/row 1/);
    expect(ended).toBe(true);
  });

  it('refuse a file that is no Parquet', async () => {
    await writeFile(at('text.parquet'), 'this is text, and long enough for a footer');
    await expect(all(readParquet(at('text.parquet')))).rejects.toBeInstanceOf(UserError);
  });

  needs('lake')('what others read', () => {
    let lake: Lake;
    beforeAll(async () => {
      lake = await openLake();
    });
    afterAll(() => lake.close());

    it('is what was saved', async () => {
      const rows = [
        {
          at: '2026-01-31 17:30:00.5+01',
          day: '1500-03-01',
          big: '9007199254740993',
          amount: '0.10',
          text: "it's",
        },
        { at: new Date(0), day: null, big: 7n, amount: -5, text: '' },
      ];
      await saveParquet(rows, at('typed'), {
        schema: { at: 'timestamptz', day: 'date', big: 'int8', amount: 'numeric(9,2)', text: 'text' },
      });
      const { rows: found } = await lake.duckdb(
        `select epoch_us("at")::text, day::text, big::text, amount::text, text from read_parquet('${at('typed')}/*.parquet')`,
      );
      expect(found).toEqual([
        [`${Date.UTC(2026, 0, 31, 16, 30, 0, 500) * 1000}`, '1500-03-01', '9007199254740993', '0.10', "it's"],
        ['0', null, '7', '-5.00', ''],
      ]);
    });
  });
});
