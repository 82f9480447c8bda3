import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';

import { Batch, type Column } from '../../../src/lib/columnar/batch.js';
import { BytesColumn } from '../../../src/lib/columnar/bytes-column.js';
import { gather, placesOf } from '../../../src/lib/columnar/gather.js';
import { ListColumn, StructColumn } from '../../../src/lib/columnar/nested-columns.js';
import { codecs } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import type { Field, Schema, Type } from '../../../src/lib/columnar/type.js';
import { scaled } from '../../scale.js';

/** As hyparquet gives it: null, numbers, big integers, texts, bytes, arrays, objects. */
type Value = unknown;

const plain = { kind: 'plain' } as const;
const text: Type = { storage: 'bytes', meaning: { kind: 'text' } };
const scalars: readonly (readonly [Type, fc.Arbitrary<Value>])[] = [
  [{ storage: 'boolean', meaning: plain }, fc.boolean()],
  [{ storage: 'int32', meaning: plain }, fc.oneof(fc.integer(), fc.integer({ min: -2, max: 2 }))],
  [
    { storage: 'int64', meaning: plain },
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -2n, max: 2n })),
  ],
  [{ storage: 'float64', meaning: plain }, fc.double()],
  [{ storage: 'float32', meaning: plain }, fc.float()],
  [{ storage: 'bytes', meaning: plain }, fc.uint8Array({ maxLength: 20 })],
  [
    text,
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom('', 'app', 'apple', 'é'.repeat(60)),
    ),
  ],
  [{ storage: 'fixed', width: 5, meaning: plain }, fc.uint8Array({ minLength: 5, maxLength: 5 })],
];
const scalar = fc.constantFrom(...scalars);

/** A type, and its values; some of those are null. */
const typed: fc.Arbitrary<readonly [Type, fc.Arbitrary<Value>]> = fc.letrec<{
  type: readonly [Type, fc.Arbitrary<Value>];
}>((tie) => ({
  type: fc.oneof<fc.MaybeWeightedArbitrary<readonly [Type, fc.Arbitrary<Value>]>[]>(
    { maxDepth: 2, withCrossShrink: true },
    scalar,
    tie('type').map(([element, value]): readonly [Type, fc.Arbitrary<Value>] => [
      { storage: 'list', element } as Type,
      fc.array(fc.option(value, { freq: 4 }), { maxLength: 5 }) as fc.Arbitrary<Value>,
    ]),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 3 })
      .map((parts): readonly [Type, fc.Arbitrary<Value>] => [
        {
          storage: 'struct',
          fields: parts.map(([type], i): Field => ({ name: `f${i}`, type })),
        } as Type,
        fc.record(Object.fromEntries(parts.map(([, value], i) => [`f${i}`, fc.option(value, { freq: 4 })])), {
          noNullPrototype: true,
        }) as fc.Arbitrary<Value>,
      ]),
  ),
})).type;

/** Columns, and rows of as many values. */
const tables = fc
  .array(typed, { minLength: 1, maxLength: 4 })
  .chain((columns) =>
    fc.tuple(
      fc.constant(columns.map(([type], i): Field => ({ name: `c${i}`, type }))),
      fc.array(fc.tuple(...columns.map(([, value]) => fc.option(value, { freq: 5 }))), { maxLength: 60 }),
    ),
  );

function put(column: Column, type: Type, row: number, value: Value): void {
  if (value === null) return column.presence.addNull(row);
  if (type.storage === 'list') {
    const list = column as ListColumn;
    const values = value as Value[];
    const start = list.count === 0 ? 0 : list.offsets[list.count]!;
    list.reserve(list.count + 1);
    list.elements.reserve(start + values.length);
    for (const [i, element] of values.entries()) put(list.elements, type.element, start + i, element);
    list.offsets[list.count++] = start;
    list.offsets[list.count] = start + values.length;
  } else if (type.storage === 'struct') {
    const struct = column as StructColumn;
    struct.reserve(struct.count + 1);
    for (const [i, field] of type.fields.entries())
      put(struct.fields[i]!, field.type, struct.count, (value as Record<string, Value>)[field.name]);
    struct.count++;
  } else if (column instanceof BytesColumn) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
    column.reserve(column.count + 1);
    column.add(bytes, 0, bytes.length);
  } else if (!(column instanceof ListColumn) && !(column instanceof StructColumn)) {
    column.reserve(column.count + 1);
    const { count, width } = column;
    column.count++;
    switch (type.storage) {
      case 'boolean':
        return void (column.bytes[count] = value === true ? 1 : 0);
      case 'int32':
        return void (column.int32[count] = value as number);
      case 'int64':
        return void new DataView(column.bytes.buffer).setBigInt64(8 * count, value as bigint, true);
      case 'float32':
        return void (column.float32[count] = value as number);
      case 'float64':
        return void (column.float64[count] = value as number);
      default:
        return column.bytes.set(value as Uint8Array, width * count);
    }
  }
}

function batchOf(schema: Schema, rows: readonly (readonly Value[])[]): Batch {
  const batch = new Batch(schema, rows.length);
  for (const row of rows) {
    for (const [i, { type }] of schema.entries()) put(batch.columns[i]!, type, batch.rows, row[i]);
    batch.rows++;
  }
  return batch;
}

async function fileOf(
  batches: readonly Batch[],
  schema: Schema,
  codec: keyof typeof codecs,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const sink = { write: async (more: readonly Buffer[]) => void parts.push(...more) };
  const writer = new ParquetFileWriter(sink, schema, {
    scratch: new Scratch(),
    codec: codecs[codec],
    createdBy: 'metrify version 0.0.0 (build 0)',
    metadata: {},
  });
  for (const batch of batches) await writer.write(batch);
  await writer.end();
  return Buffer.concat(parts);
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
        fc.constantFrom(...(Object.keys(codecs) as (keyof typeof codecs)[])),
        fc.integer({ min: 1, max: 3 }),
        async ([schema, rows], codec, groups) => {
          const size = Math.ceil(rows.length / groups);
          const batches = Array.from({ length: groups }, (_, i) => rows.slice(i * size, (i + 1) * size))
            .filter((part) => part.length > 0)
            .map((part) => batchOf(schema, part));
          const found = await read(await fileOf(batches, schema, codec));
          expect(found.map(comparable)).toEqual(rows.map((row) => comparable([...row])));
        },
      ),
      { numRuns: scaled(300) },
    );
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
          const found = target.rows === 0 ? [] : await read(await fileOf([target], schema, 'none'));
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
    const found = await read(await fileOf([batchOf(schema, rows)], schema, 'snappy'));
    expect(found.length).toBe(rows.length);
    expect(found.map(comparable)).toEqual(rows.map(comparable));
  });
});
