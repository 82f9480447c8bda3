import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';

import { Batch } from '../../../src/lib/columnar/batch.js';
import { gather, placesOf } from '../../../src/lib/columnar/gather.js';
import { type CodecName, codecNames, openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import type { Sink } from '../../../src/lib/columnar/sink.js';
import type { Schema } from '../../../src/lib/columnar/type.js';
import { scaled } from '../../scale.js';
import { batchOf, fileOf, type Value } from './batches.js';
import { plain, sequences, tables, text } from './tables.js';

async function parquetOf(batches: readonly Batch[], schema: Schema, codec: CodecName): Promise<Buffer> {
  const options = {
    scratch: new Scratch(),
    codec: await openCodec(codec),
    createdBy: 'metrify version 0.0.0 (build unknown)',
  };
  return fileOf((sink) => new ParquetFileWriter(sink, schema, options), batches, schema);
}

/** Without what JavaScript tells apart and a file does not, and the other way around. */
function comparable(value: Value): Value {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : `${value}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, comparable(part)]));
  return value;
}

async function read(file: Buffer): Promise<Value[][]> {
  const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer;
  const rows = await parquetReadObjects({ file: buffer, compressors, utf8: false });
  return rows.map((row) => Object.values(row));
}

describe('a Parquet file', () => {
  it('has the rows that were written, as another reader sees them', async () => {
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.constantFrom(...codecNames),
        fc.integer({ min: 1, max: 3 }),
        async ([schema, rows], codec, groups) => {
          const size = Math.ceil(rows.length / groups);
          const batches = Array.from({ length: groups }, (_, i) => rows.slice(i * size, (i + 1) * size))
            .filter((part) => part.length > 0)
            .map((part) => batchOf(schema, part));
          const found = await read(await parquetOf(batches, schema, codec));
          expect(found.map(comparable)).toEqual(rows.map((row) => comparable([...row])));
        },
      ),
      { numRuns: scaled(300) },
    );
  });

  it('has integers in runs, steps and jumps', async () => {
    await fc.assert(
      fc.asyncProperty(sequences, async ([schema, rows]) => {
        const found = await read(await parquetOf([batchOf(schema, rows)], schema, 'none'));
        expect(found.map(comparable)).toEqual(rows.map(comparable));
      }),
      { numRuns: scaled(100) },
    );
  });

  it('has metadata', async () => {
    const schema: Schema = [{ name: 'c', type: text }];
    const options = { scratch: new Scratch(), codec: await openCodec('none'), createdBy: 'someone' };
    const metadata = { 'metrify.query': 'SELECT 1', 'metrify.snapshot': '7:9:8' };
    const open = (sink: Sink) => new ParquetFileWriter(sink, schema, options);
    const file = await fileOf(open, [batchOf(schema, [['a']])], schema, metadata);
    const found = parquetMetadata(
      file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer,
    );
    expect(found.created_by).toBe('someone');
    expect(found.key_value_metadata).toEqual(
      Object.entries(metadata).map(([key, value]) => ({ key, value })),
    );
  });

  it('has whole numbers that rise in fewer bytes than they take', async () => {
    const schema: Schema = [{ name: 'at', type: { storage: 'int64', meaning: plain } }];
    const rows = Array.from({ length: 10_000 }, (_, i): Value[] => [
      1_700_000_000_000_000n + BigInt(i) * 900n,
    ]);
    const file = await parquetOf([batchOf(schema, rows)], schema, 'none');
    expect(file.length).toBeLessThan(10_000);
    expect((await read(file)).map(comparable)).toEqual(rows.map(comparable));
  });

  it('has any rows of a batch, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        tables.chain(([schema, rows]) =>
          fc.tuple(
            fc.constant(schema),
            fc.constant(rows),
            rows.length === 0 ? fc.constant([]) : fc.array(fc.nat(rows.length - 1), { maxLength: 80 }),
          ),
        ),
        async ([schema, rows, chosen]) => {
          const source = batchOf(schema, rows);
          const target = new Batch(schema, 1);
          for (let from = 0; from < chosen.length; from += 30) {
            const part = Int32Array.from(chosen.slice(from, from + 30));
            for (const [i, column] of target.columns.entries())
              gather(
                column,
                source.columns[i]!,
                placesOf(source.columns[i]!, source.rows),
                part,
                target.rows,
              );
            target.rows += part.length;
          }
          const found = target.rows === 0 ? [] : await read(await parquetOf([target], schema, 'none'));
          expect(found.map(comparable)).toEqual(chosen.map((i) => comparable([...rows[i]!])));
        },
      ),
      { numRuns: scaled(200) },
    );
  });

  it('has many rows, with a dictionary, without one, and where it is given up', async () => {
    const schema: Schema = [
      { name: 'few', type: text },
      { name: 'many', type: text },
      { name: 'runs', type: { storage: 'int32', meaning: plain } },
      { name: 'distinct', type: { storage: 'int64', meaning: plain } },
    ];
    const rows = Array.from({ length: 70_000 }, (_, i): Value[] => [
      i % 7 === 0 ? null : `meter-${i % 13}`,
      `meter-${i}-${'x'.repeat(i % 20)}`,
      Math.floor(i / 1000),
      BigInt(i) * 1_000_003n,
    ]);
    const found = await read(await parquetOf([batchOf(schema, rows)], schema, 'snappy'));
    expect(found.length).toBe(rows.length);
    expect(found.map(comparable)).toEqual(rows.map(comparable));
  });
});
