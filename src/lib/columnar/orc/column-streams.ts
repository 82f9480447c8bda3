import type { Column } from '../batch.js';
import { BytesColumn } from '../bytes-column.js';
import { FixedColumn } from '../fixed-column.js';
import { ListColumn, type StructColumn } from '../nested-columns.js';
import type { ScalarType, Type } from '../type.js';
import { ByteBuffer, zigzag } from './byte-buffer.js';
import { writeBits } from './byte-run-length.js';
import { writeIntegers } from './integer-run-length.js';
import { decimalUnits } from './decimal.js';
import { timestampParts } from './timestamp.js';

/* Numbers of orc_proto.proto. */
export const streamKinds = { present: 0, data: 1, length: 2, dictionary: 3, secondary: 5 } as const;
export const encodingKinds = { direct: 0, directV2: 2, dictionaryV2: 3 } as const;

export interface Stream {
  readonly kind: number;
  readonly bytes: Buffer;
}

/** One column of a stripe, without its parts. */
export interface ColumnStreams {
  readonly streams: readonly Stream[];
  readonly encoding: number;
  readonly dictionarySize?: number;
}

/** The streams of a column. @param rows with those that are null */
export function streamsOf(column: Column, type: Type, rows: number): ColumnStreams {
  const streams: Stream[] = [];
  const add = (kind: number, write: (out: ByteBuffer) => void) => {
    const out = new ByteBuffer();
    write(out);
    streams.push({ kind, bytes: out.written });
  };
  const { presence } = column;
  if (presence.nulls > 0) {
    let next = 0;
    add(streamKinds.present, (out) =>
      writeBits(
        rows,
        (row) => {
          if (presence.nullRow(next) !== row) return true;
          next++;
          return false;
        },
        out,
      ),
    );
  }
  if (column instanceof ListColumn) {
    const lengths = Float64Array.from(
      { length: column.count },
      (_, i) => column.offsets[i + 1]! - column.offsets[i]!,
    );
    add(streamKinds.length, (out) => writeIntegers(lengths, lengths.length, false, out));
    return { streams, encoding: encodingKinds.directV2 };
  }
  if (column instanceof BytesColumn) {
    const dictionarySize = addBytes(column, type as ScalarType, add);
    return dictionarySize === undefined
      ? { streams, encoding: encodingKinds.directV2 }
      : { streams, encoding: encodingKinds.dictionaryV2, dictionarySize };
  }
  if (!(column instanceof FixedColumn)) return { streams, encoding: encodingKinds.direct };
  const encoding = addFixed(column, type as ScalarType, add);
  return { streams, encoding };
}

type Add = (kind: number, write: (out: ByteBuffer) => void) => void;

/** @returns how many entries the dictionary has, if there is one */
function addBytes(column: BytesColumn, { meaning }: ScalarType, add: Add): number | undefined {
  const { codes, count, entries, offsets, data, isPlain } = column;
  const length = (i: number) => offsets[i + 1]! - offsets[i]!;
  // Bytes that are not text have no dictionary.
  if (isPlain || meaning.kind === 'plain') {
    const entryOf = (i: number) => (isPlain ? i : codes[i]!);
    add(streamKinds.data, (out) => {
      if (isPlain) out.append(data.subarray(0, column.length));
      else
        for (let i = 0; i < count; i++) out.append(data.subarray(offsets[codes[i]!], offsets[codes[i]! + 1]));
    });
    const lengths = Float64Array.from({ length: count }, (_, i) => length(entryOf(i)));
    add(streamKinds.length, (out) => writeIntegers(lengths, count, false, out));
    return undefined;
  }
  add(streamKinds.data, (out) => writeIntegers(codes, count, false, out));
  add(streamKinds.dictionary, (out) => out.append(data.subarray(0, entries === 0 ? 0 : column.length)));
  const lengths = Float64Array.from({ length: entries }, (_, i) => length(i));
  add(streamKinds.length, (out) => writeIntegers(lengths, entries, false, out));
  return entries;
}

/** @returns the encoding */
function addFixed(column: FixedColumn, { storage, meaning }: ScalarType, add: Add): number {
  const { bytes, int32, count, width } = column;
  if (meaning.kind === 'decimal') {
    const { scale } = meaning;
    add(streamKinds.data, (out) => {
      for (let i = 0; i < count; i++) out.bigVarint(zigzag(decimalUnits(column, storage, i)));
    });
    add(streamKinds.secondary, (out) => writeIntegers(new Float64Array(count).fill(scale), count, true, out));
    return encodingKinds.directV2;
  }
  if (meaning.kind === 'timestamp') {
    const { seconds, nanos } = timestampParts(column);
    add(streamKinds.data, (out) => writeIntegers(seconds, count, true, out));
    add(streamKinds.secondary, (out) => writeIntegers(nanos, count, false, out));
    return encodingKinds.directV2;
  }
  switch (storage) {
    case 'boolean':
      add(streamKinds.data, (out) => writeBits(count, (i) => bytes[i] !== 0, out));
      return encodingKinds.direct;
    case 'float32':
    case 'float64':
      add(streamKinds.data, (out) => out.append(bytes.subarray(0, count * width)));
      return encodingKinds.direct;
    case 'int32':
      add(streamKinds.data, (out) => writeIntegers(int32, count, true, out));
      return encodingKinds.directV2;
    case 'int64': {
      const values = new BigInt64Array(bytes.buffer, 0, count);
      add(streamKinds.data, (out) => writeIntegers(values, count, true, out));
      return encodingKinds.directV2;
    }
    default: {
      add(streamKinds.data, (out) => out.append(bytes.subarray(0, count * width)));
      add(streamKinds.length, (out) => writeIntegers(new Float64Array(count).fill(width), count, false, out));
      return encodingKinds.directV2;
    }
  }
}

/** The parts of a column, with their types and rows. */
export function partsOf(column: Column, type: Type): { column: Column; type: Type; rows: number }[] {
  if (type.storage === 'list') {
    const list = column as ListColumn;
    return [
      { column: list.elements, type: type.element, rows: list.count === 0 ? 0 : list.offsets[list.count]! },
    ];
  }
  if (type.storage !== 'struct') return [];
  const struct = column as StructColumn;
  return type.fields.map((field, i) => ({ column: struct.fields[i]!, type: field.type, rows: struct.count }));
}
