import { Batch, type Column } from '../../../src/lib/columnar/batch.js';
import { BytesColumn } from '../../../src/lib/columnar/bytes-column.js';
import { ListColumn, StructColumn } from '../../../src/lib/columnar/nested-columns.js';
import type { FileFormat } from '../../../src/lib/columnar/sink.js';
import type { Schema, Type } from '../../../src/lib/columnar/type.js';

/** As hyparquet gives it: null, numbers, big integers, texts, bytes, arrays, objects. */
export type Value = unknown;

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

export function batchOf(schema: Schema, rows: readonly (readonly Value[])[]): Batch {
  const batch = new Batch(schema, rows.length);
  for (const row of rows) {
    for (const [i, { type }] of schema.entries()) put(batch.columns[i]!, type, batch.rows, row[i]);
    batch.rows++;
  }
  return batch;
}

/** A whole file, a row group or stripe for each batch. */
export async function fileOf(
  open: FileFormat['open'],
  batches: readonly Batch[],
  schema: Schema,
  metadata?: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const writer = open({ write: async (more) => void parts.push(...more) }, schema);
  for (const batch of batches) await writer.write(batch);
  await writer.end(metadata);
  return Buffer.concat(parts);
}
