import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { orcCodecs } from '../../../src/lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../../src/lib/columnar/orc/file-writer.js';
import { openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import type { Schema } from '../../../src/lib/columnar/type.js';
import { type Lake, type LakeTable, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { batchOf, fileOf } from '../../unit/columnar/batches.js';

const text = { storage: 'bytes', meaning: { kind: 'text' } } as const;
const float64 = { storage: 'float64', meaning: { kind: 'plain' } } as const;
const schema: Schema = [
  { name: 'id', type: { storage: 'int32', meaning: { kind: 'integer', bits: 32 } } },
  { name: 'nothing', type: text },
  { name: 'gap', type: text },
  { name: 'f', type: float64 },
  { name: 'plus', type: float64 },
  { name: 'minus', type: float64 },
  { name: 'maybe', type: float64 },
  { name: 'long', type: text },
  { name: 'app', type: text },
  { name: 'seen', type: { storage: 'int64', meaning: { kind: 'timestamp', isInstant: false } } },
  { name: 'amount', type: { storage: 'int64', meaning: { kind: 'decimal', precision: 18, scale: 2 } } },
];

/** Of a page of Parquet, and of two groups of a stripe of ORC. */
const pageRows = 20_000;
const highest = '\u{10ffff}'.repeat(20);
const accents = 'é'.repeat(40);

/** Three pages. */
const rows = Array.from({ length: 3 * pageRows }, (_, i) => {
  const page = Math.floor(i / pageRows);
  const isOdd = i % 2 === 1;
  const f = [NaN, isOdd ? 0 : -0, isOdd ? 1 : NaN][page]!;
  return [
    i,
    null,
    page === 1 ? null : `x${page}`,
    f,
    0,
    -0,
    i % 7 === 0 ? null : f,
    [`${accents}a`, highest, i % 7 === 0 ? null : accents][page],
    isOdd ? 'app' : 'apple',
    BigInt(i) * 1_000_000n - 30_000_000_000n,
    BigInt(i - 30_000),
  ];
});

/** In SQL that DuckDB and Spark understand alike. */
const conditions = [
  'f = 0.0',
  'f = cast(-0.0 as double)',
  'plus = cast(-0.0 as double)',
  'minus = 0.0',
  'f > 0.5',
  'f > 5',
  'f < 0.5',
  'f <> 1',
  'isnan(f)',
  'not isnan(f)',
  'maybe > 5',
  'maybe = 0.0',
  'maybe is null',
  "app = 'apple'",
  "app = 'app'",
  "app > 'app'",
  `long > '${accents}'`,
  `long = '${accents}'`,
  `long = '${highest}'`,
  `long >= '${highest}'`,
  'long is null',
  "gap = 'x1'",
  "gap = 'x2'",
  'gap is null',
  'nothing is null',
  'nothing is not null',
  "nothing = 'x'",
  'id between 19998 and 20003',
  'id = 59999',
  "seen = timestamp '1970-01-01 00:00:00'",
  "seen < timestamp '1969-12-31 16:00:00'",
  'amount = -0.01',
  'amount > 299.98',
];

/** Those in which readers were known to err: each costs Spark time. */
const sparkConditions = [
  'f = 0.0',
  'f > 5',
  'isnan(f)',
  'plus = cast(-0.0 as double)',
  'minus = 0.0',
  "app = 'apple'",
  `long > '${accents}'`,
  'gap is null',
  "seen = timestamp '1970-01-01 00:00:00'",
  'amount = -0.01',
];

needs('lake')('filters on files', () => {
  let lake: Lake;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const path = (name: string) => join(directory.path, name);

  beforeAll(async () => {
    directory = await temporaryDirectory('filters');
    lake = await openLake();
    const batches = [batchOf(schema, rows)];
    const createdBy = 'metrify version 1.2.3 (build unknown)';
    const parquet = { scratch: new Scratch(), codec: await openCodec('snappy'), createdBy };
    for (const format of ['parquet', 'orc']) await mkdir(path(format));
    await writeFile(
      path('parquet/part.parquet'),
      await fileOf((sink) => new ParquetFileWriter(sink, schema, parquet), batches, schema),
    );
    await writeFile(
      path('orc/part.orc'),
      await fileOf((sink) => new OrcFileWriter(sink, schema, { codec: orcCodecs.zlib }), batches, schema),
    );
  });
  afterAll(async () => {
    await lake?.close();
    await directory?.remove();
  });

  const idsOf = ({ rows }: LakeTable) => rows.map(([ids]) => ids);

  for (const format of ['parquet', 'orc'] as const)
    it(`find in Spark what a scan of ${format} finds, and Spark trusts the statistics`, async () => {
      const table = `${format}.\`${path(format)}\``;
      const answers = (scans: readonly string[]) =>
        lake.spark(`select n, count(*), sum(id) from (${scans.join(' union all ')}) group by n order by n`);
      const filtered = await answers(
        sparkConditions.map((condition, i) => `select ${i} as n, id from ${table} where ${condition}`),
      );
      // A condition of a scan's columns, not of the file's, leaves nothing out.
      const cases = sparkConditions.map((condition, i) => `if(${condition}, ${i}, null)`);
      const scanned = await answers([`select explode(array(${cases.join(', ')})) as n, id from ${table}`]);
      const expected = scanned.rows.filter(([n]) => n !== null);
      expect(filtered.rows).toEqual(expected);
      expect(expected.length).toBe(sparkConditions.length);
      expect(await lake.sparkLog()).not.toContain('CorruptStatistics');
    });

  it('find in DuckDB what a table has', async () => {
    const file = `read_parquet('${path('parquet')}/*.parquet')`;
    await lake.duckdb(`create or replace table scanned as select * from ${file}`, 'select 1');
    for (const condition of conditions) {
      const [found, expected] = [
        await lake.duckdb(`select count(*), sum(id) from ${file} where ${condition}`),
        await lake.duckdb(`select count(*), sum(id) from scanned where ${condition}`),
      ];
      expect([condition, ...found.rows]).toEqual([condition, ...expected.rows]);
    }
  });

  const pyarrowFilters: readonly (readonly [string, (row: (typeof rows)[number]) => boolean])[] = [
    ["pc.field('f') == 0.0", (row) => row[3] === 0],
    ["pc.field('f') == -0.0", (row) => row[3] === 0],
    ["pc.field('plus') == -0.0", () => true],
    ["pc.field('f') > 0.5", (row) => (row[3] as number) > 0.5],
    ["pc.is_nan(pc.field('f'))", (row) => Number.isNaN(row[3])],
    ["pc.field('app') == 'apple'", (row) => row[8] === 'apple'],
    [`pc.field('long') > '${accents}'`, (row) => Buffer.compare(bytes(row[7]), bytes(accents)) > 0],
    [`pc.field('long') == '${highest}'`, (row) => row[7] === highest],
    ["pc.field('long').is_null()", (row) => row[7] === null],
    ["pc.field('gap').is_null()", (row) => row[2] === null],
    ["pc.field('nothing').is_null()", () => true],
    ["pc.field('id') == 20000", (row) => row[0] === 20_000],
  ];
  for (const format of ['parquet', 'orc'] as const)
    it(`find in pyarrow what is in ${format}`, async () => {
      for (const [filter, isMeant] of pyarrowFilters) {
        const found = await lake.pyarrow(path(format), { format, columns: ['id'], filter });
        expect([filter, idsOf(found)]).toEqual([filter, rows.filter(isMeant).map(([id]) => String(id))]);
      }
    });

  function bytes(value: unknown): Buffer {
    return Buffer.from((value as string | null) ?? '');
  }
});
