import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openOrcCodec, type OrcCodecName, orcCodecNames } from '../../../src/lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../../src/lib/columnar/orc/file-writer.js';
import { type CodecName, codecNames, openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import type { Schema, Type } from '../../../src/lib/columnar/type.js';
import { scaled } from '../../scale.js';
import { type Lake, type LakeValue, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { batchOf, fileOf, type Value } from '../../unit/columnar/batches.js';
import { sequences, tables } from '../../unit/columnar/tables.js';

type Rows = readonly (readonly Value[])[];

const createdBy = 'metrify version 1.2.3 (build unknown)';

async function parquet(schema: Schema, groups: readonly Rows[], codec: CodecName): Promise<Buffer> {
  const options = { scratch: new Scratch(), codec: await openCodec(codec), createdBy };
  const batches = groups.map((rows) => batchOf(schema, rows));
  return fileOf((sink) => new ParquetFileWriter(sink, schema, options), batches, schema, { query: 'q' });
}

async function orc(schema: Schema, groups: readonly Rows[], codec: OrcCodecName): Promise<Buffer> {
  const options = { codec: await openOrcCodec(codec) };
  const batches = groups.map((rows) => batchOf(schema, rows));
  return fileOf((sink) => new OrcFileWriter(sink, schema, options), batches, schema, { query: 'q' });
}

/** A value as the readers' process gives it, but for numbers with a point, which Python prints in its own way. */
function expected(value: Value, type: Type): unknown {
  if (value === null || value === undefined) return null;
  if (type.storage === 'list') return (value as Value[]).map((each) => expected(each, type.element));
  if (type.storage === 'struct')
    return Object.fromEntries(
      type.fields.map((field) => [
        field.name,
        expected((value as Record<string, Value>)[field.name], field.type),
      ]),
    );
  if (type.meaning.kind === 'decimal')
    return decimal(value as number | bigint | Uint8Array, type.meaning.scale);
  if (value instanceof Uint8Array) return `base64:${Buffer.from(value).toString('base64')}`;
  if (type.storage === 'float32' || type.storage === 'float64') return numberKey(value as number);
  return typeof value === 'boolean' ? value : `${value as string | number | bigint}`;
}

function decimal(value: number | bigint | Uint8Array, scale: number): string {
  const units =
    value instanceof Uint8Array
      ? BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value).toString('hex')}`))
      : BigInt(value);
  const digits = `${units < 0n ? -units : units}`.padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}.${digits.slice(-scale)}`;
}

function found(value: LakeValue, type: Type): unknown {
  if (value === null) return null;
  if (type.storage === 'list') return (value as LakeValue[]).map((each) => found(each, type.element));
  if (type.storage === 'struct')
    return Object.fromEntries(
      type.fields.map((field) => [
        field.name,
        found((value as Record<string, LakeValue>)[field.name]!, field.type),
      ]),
    );
  return type.storage === 'float32' || type.storage === 'float64' ? numberKey(Number(value)) : value;
}

const numberKey = (value: number) => (Object.is(value, -0) ? '-0' : String(value));

const table = (rows: Rows, schema: Schema) =>
  rows.map((row) => row.map((value, i) => expected(value, schema[i]!.type)));
const tableFound = (rows: readonly (readonly LakeValue[])[], schema: Schema) =>
  rows.map((row) => row.map((value, i) => found(value, schema[i]!.type)));

/** `toEqual` takes seconds for many rows; it shows what differs. */
function expectSame(found: unknown[][], expected: unknown[][]): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
}

const integer = (storage: 'int32' | 'int64', bits: 16 | 32 | 64): Type => ({
  storage,
  meaning: { kind: 'integer', bits },
});
/** All types without parts, in an order of values that make all encodings useful. */
const wide: Schema = [
  { name: 'small', type: integer('int32', 16) },
  { name: 'id', type: integer('int32', 32) },
  { name: 'big', type: integer('int64', 64) },
  { name: 'huge', type: integer('int64', 64) },
  { name: 'day', type: { storage: 'int32', meaning: { kind: 'date' } } },
  { name: 'seen', type: { storage: 'int64', meaning: { kind: 'timestamp', isInstant: false } } },
  { name: 'few', type: { storage: 'int32', meaning: { kind: 'decimal', precision: 9, scale: 2 } } },
  { name: 'more', type: { storage: 'int64', meaning: { kind: 'decimal', precision: 18, scale: 4 } } },
  {
    name: 'most',
    type: { storage: 'fixed', width: 16, meaning: { kind: 'decimal', precision: 38, scale: 10 } },
  },
  { name: 'real', type: { storage: 'float32', meaning: { kind: 'plain' } } },
  { name: 'value', type: { storage: 'float64', meaning: { kind: 'plain' } } },
  { name: 'flag', type: { storage: 'boolean', meaning: { kind: 'plain' } } },
  { name: 'label', type: { storage: 'bytes', meaning: { kind: 'text' } } },
  { name: 'note', type: { storage: 'bytes', meaning: { kind: 'text' } } },
  { name: 'raw', type: { storage: 'bytes', meaning: { kind: 'plain' } } },
];
const hiveTypes =
  'small smallint, id int, big bigint, huge bigint, day date, seen timestamp, few decimal(9,2), more decimal(18,4), most decimal(38,10), real float, value double, flag boolean, label string, note string, raw binary';

/** More than a page of Parquet holds, and of two row groups the second is of another page as well. */
const wideRows: Rows = Array.from({ length: 25_000 }, (_, i) => {
  const sign = i % 2 === 0 ? 1 : -1;
  const most = Buffer.alloc(16, sign < 0 ? 0xff : 0);
  most.writeInt32BE(sign * i, 12);
  return [
    (i % 65_536) - 32_768,
    i - 12_000,
    BigInt(i) * 1_000_003n - 2n ** 40n,
    i % 2 === 0 ? 2n ** 63n - 1n - BigInt(i) : -(2n ** 63n) + BigInt(i),
    i - 15_000,
    BigInt(i) * 900_000_001n - 10_000_000_000_000n,
    sign * i,
    BigInt(sign) * 39_999_999_999_999n * BigInt(i),
    most,
    Math.fround(i / 7),
    i % 500,
    i % 3 === 0,
    `type-${i % 12}`,
    `${i} ${'é'.repeat(i % 5)}`,
    Buffer.from([i & 255, i >> 8]),
  ].map((value, column) => ((i + column) % 11 === 0 ? null : value));
});

needs('lake')('files that are written', () => {
  let lake: Lake;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const place = async (name: string, content: Buffer) => {
    const folder = join(directory.path, name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `part.${name.startsWith('orc') ? 'orc' : 'parquet'}`), content);
    return folder;
  };

  beforeAll(async () => {
    directory = await temporaryDirectory('readers');
    lake = await openLake();
  });
  afterAll(async () => {
    await lake?.close();
    await directory?.remove();
  });

  for (const [format, write, codecs] of [
    ['parquet', parquet, codecNames],
    ['orc', orc, orcCodecNames],
  ] as const)
    it(`are what was written: any ${format}, read by pyarrow`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(tables, sequences),
          fc.nat(),
          fc.integer({ min: 1, max: 3 }),
          async ([schema, rows], n, groups) => {
            const size = Math.max(1, Math.ceil(rows.length / groups));
            const parts = Array.from({ length: groups }, (_, i) => rows.slice(i * size, (i + 1) * size));
            const file = await (write as (...args: unknown[]) => Promise<Buffer>)(
              schema,
              parts.filter(({ length }) => length > 0),
              codecs[n % codecs.length],
            );
            const folder = await place(format, file);
            const read = await lake.pyarrow(folder, { format });
            expectSame(tableFound(read.rows, schema), table(rows, schema));
          },
        ),
        { numRuns: scaled(30) },
      );
    });

  for (const format of ['parquet', 'orc'] as const) {
    it(`have all types, as Spark and Hive's own reader read them from ${format}`, async () => {
      const groups = [wideRows.slice(0, 20_000), wideRows.slice(20_000)];
      const file = format === 'orc' ? await orc(wide, groups, 'zstd') : await parquet(wide, groups, 'zstd');
      const folder = await place(`${format}-wide`, file);
      const read = await lake.spark(`select * from ${format}.\`${folder}\``);
      expectSame(tableFound(read.rows, wide), table(wideRows, wide));
      const converting = `spark.sql.hive.convertMetastore${format === 'orc' ? 'Orc' : 'Parquet'}`;
      const name = `wide_${format}`;
      // Hive before version 3 reads other forms of these from Parquet: those of --for hive.
      const hiveColumns = wide.filter(
        ({ name }) => format === 'orc' || !['few', 'more', 'seen'].includes(name),
      );
      const hive = await lake.spark(
        `set ${converting} = false`,
        `create external table ${name} (${hiveTypes}) stored as ${format} location '${folder}'`,
        `select ${hiveColumns.map(({ name }) => name).join(', ')} from ${name}`,
      );
      const hiveRows = wideRows.map((row) => row.filter((_, i) => hiveColumns.includes(wide[i]!)));
      expectSame(tableFound(hive.rows, hiveColumns), table(hiveRows, hiveColumns));
      expect(await lake.sparkLog()).not.toContain('CorruptStatistics');
    });

    it(`have all types, as pyarrow reads them from ${format}, and DuckDB if it can`, async () => {
      const file =
        format === 'orc' ? await orc(wide, [wideRows], 'snappy') : await parquet(wide, [wideRows], 'brotli');
      const folder = await place(`${format}-wide-too`, file);
      const read = await lake.pyarrow(folder, { format });
      expectSame(tableFound(read.rows, wide), table(wideRows, wide));
      if (format === 'orc') return;
      const inDuckdb = await lake.duckdb(`select * from read_parquet('${folder}/*.parquet')`);
      expectSame(tableFound(inDuckdb.rows, wide), table(wideRows, wide));
    });
  }
});
