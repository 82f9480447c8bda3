import type { Column } from '../batch.js';
import { BytesColumn } from '../bytes-column.js';
import { FixedColumn } from '../fixed-column.js';
import { ListColumn, type StructColumn } from '../nested-columns.js';
import type { ScalarType, Type } from '../type.js';
import { writeDecimals } from './decimal.js';
import {
  bitStream,
  type Cuts,
  integerStream,
  sharedIntegers,
  type Stream,
  streamKinds,
  streamOf,
} from './streams.js';
import { timestampParts } from './timestamp.js';

/* Numbers of orc_proto.proto. */
export const encodingKinds = { direct: 0, directV2: 2, dictionaryV2: 3 } as const;

/** One column of a stripe, without its parts. */
export interface ColumnStreams {
  /** Those whose positions count come first, in the order in which readers expect them. */
  readonly streams: readonly Stream[];
  readonly encoding: number;
  readonly dictionarySize?: number;
}

/**
 * The streams of a column.
 * @param rows where groups begin and end, with rows that are null
 * @param values the same, without them
 */
export function streamsOf(column: Column, type: Type, rows: Cuts, values: Cuts): ColumnStreams {
  const made = valuesOf(column, type, values);
  const { presence } = column;
  if (presence.nulls === 0) return made;
  let next = 0;
  const present = bitStream(streamKinds.present, rows, (row) => {
    if (presence.nullRow(next) !== row) return true;
    next++;
    return false;
  });
  return { ...made, streams: [present, ...made.streams] };
}

function valuesOf(column: Column, type: Type, cuts: Cuts): ColumnStreams {
  if (column instanceof ListColumn) {
    const { offsets, count } = column;
    const lengths = new Int32Array(count).map((_, i) => offsets[i + 1]! - offsets[i]!);
    return {
      streams: [integerStream(streamKinds.length, cuts, lengths, false)],
      encoding: encodingKinds.directV2,
    };
  }
  if (column instanceof BytesColumn) return bytesStreams(column, type as ScalarType, cuts);
  if (!(column instanceof FixedColumn)) return { streams: [], encoding: encodingKinds.direct };
  return fixedStreams(column, type as ScalarType, cuts);
}

function bytesStreams(column: BytesColumn, { meaning }: ScalarType, cuts: Cuts): ColumnStreams {
  const { codes, count, entries, offsets, data, isPlain } = column;
  const length = (entry: number) => offsets[entry + 1]! - offsets[entry]!;
  // Bytes that are not text have no dictionary.
  if (isPlain || meaning.kind === 'plain' || 2 * entries > count) {
    const entryOf = (i: number) => (isPlain ? i : codes[i]!);
    const bytes = streamOf(streamKinds.data, cuts, [], (from, to, out) => {
      if (isPlain) out.append(data.subarray(offsets[from], offsets[to]));
      else
        for (let i = from; i < to; i++) out.append(data.subarray(offsets[codes[i]!], offsets[codes[i]! + 1]));
    });
    const lengths = new Int32Array(count).map((_, i) => length(entryOf(i)));
    return {
      streams: [bytes, integerStream(streamKinds.length, cuts, lengths, false)],
      encoding: encodingKinds.directV2,
    };
  }
  const dictionary = data.subarray(0, entries === 0 ? 0 : column.length);
  return {
    streams: [
      integerStream(streamKinds.data, cuts, codes, false),
      { kind: streamKinds.dictionary, bytes: dictionary, positions: [] },
      sharedIntegers(
        streamKinds.length,
        new Int32Array(entries).map((_, i) => length(i)),
      ),
    ],
    encoding: encodingKinds.dictionaryV2,
    dictionarySize: entries,
  };
}

function fixedStreams(column: FixedColumn, type: ScalarType, cuts: Cuts): ColumnStreams {
  const { storage, meaning } = type;
  const { bytes, int32, count, width } = column;
  const { directV2, direct } = encodingKinds;
  const asTheyAre = streamOf.bind(undefined, streamKinds.data, cuts, [], (from, to, out) =>
    out.append(bytes.subarray(from * width, to * width)),
  );
  if (meaning.kind === 'decimal') {
    const units = streamOf(streamKinds.data, cuts, [], (from, to, out) =>
      writeDecimals(column, type, from, to, out),
    );
    const scales = new Int32Array(count).fill(meaning.scale);
    return { streams: [units, integerStream(streamKinds.secondary, cuts, scales, true)], encoding: directV2 };
  }
  if (meaning.kind === 'timestamp') {
    const { seconds, nanos } = timestampParts(column);
    return {
      streams: [
        integerStream(streamKinds.data, cuts, seconds, true),
        integerStream(streamKinds.secondary, cuts, nanos, false),
      ],
      encoding: directV2,
    };
  }
  switch (storage) {
    case 'boolean':
      return { streams: [bitStream(streamKinds.data, cuts, (i) => bytes[i] !== 0)], encoding: direct };
    case 'float32':
    case 'float64':
      return { streams: [asTheyAre()], encoding: direct };
    case 'int32':
      return { streams: [integerStream(streamKinds.data, cuts, int32, true)], encoding: directV2 };
    case 'int64': {
      const values = new BigInt64Array(bytes.buffer, 0, count);
      return { streams: [integerStream(streamKinds.data, cuts, values, true)], encoding: directV2 };
    }
    default: {
      const lengths = new Int32Array(count).fill(width);
      return {
        streams: [asTheyAre(), integerStream(streamKinds.length, cuts, lengths, false)],
        encoding: directV2,
      };
    }
  }
}

/** The parts of a column, with their types, and where groups begin and end in them. */
export function partsOf(
  column: Column,
  type: Type,
  values: Cuts,
): { readonly column: Column; readonly type: Type; readonly rows: Cuts }[] {
  if (type.storage === 'list') {
    const { elements, offsets, count } = column as ListColumn;
    const rows = values.map((cut) => (count === 0 ? 0 : offsets[cut]!));
    return [{ column: elements, type: type.element, rows }];
  }
  if (type.storage !== 'struct') return [];
  const { fields } = column as StructColumn;
  return type.fields.map((field, i) => ({ column: fields[i]!, type: field.type, rows: values }));
}
