import type { Batch, Column } from '../batch.js';
import type { Schema, Type } from '../type.js';
import { compressStream, type OrcCodec, type StoredStream, blockBytes } from './codec.js';
import { partsOf, streamsOf } from './column-streams.js';
import { messageOf } from './protobuf.js';
import { type Statistics, statisticsOf, sum, writeStatistics } from './statistics.js';
import { type Cuts, type Position, type Stream, streamKinds } from './streams.js';

/** Rows of a group, whose statistics let a reader pass over it. */
export const groupRows = 10_000;

/** A part of a file. */
export interface Stripe {
  readonly index: readonly Buffer[];
  readonly data: readonly Buffer[];
  readonly footer: Buffer;
  /** Of all columns, the root first. */
  readonly statistics: readonly Statistics[];
}

interface StoredColumn {
  readonly streams: readonly (StoredStream & { readonly kind: number })[];
  readonly index: Buffer;
  readonly encoding: number;
  readonly dictionarySize: number | undefined;
  readonly statistics: Statistics;
}

export function writeStripe(batch: Batch, schema: Schema, codec: OrcCodec): Stripe {
  const rows = cutsOf(batch.rows);
  const columns = [rootColumn(rows, codec)];
  const visit = (column: Column, type: Type, rows: Cuts) => {
    const values = rows.map((cut) => column.presence.valuesBefore(cut));
    columns.push(storedColumn(column, type, rows, values, codec));
    for (const part of partsOf(column, type, values)) visit(part.column, part.type, part.rows);
  };
  for (const [i, { type }] of schema.entries()) visit(batch.columns[i]!, type, rows);
  return {
    index: columns.map(({ index }) => index),
    data: columns.flatMap(({ streams }) => streams.map(({ bytes }) => bytes)),
    footer: writeStripeFooter(columns, codec),
    statistics: columns.map(({ statistics }) => statistics),
  };
}

function cutsOf(rows: number): Cuts {
  return [...Array.from({ length: Math.ceil(rows / groupRows) }, (_, g) => g * groupRows), rows];
}

/** The record that a row is. */
function rootColumn(rows: Cuts, codec: OrcCodec): StoredColumn {
  const groups = rows
    .slice(1)
    .map((end, g) => ({ values: end - rows[g]!, hasNull: false, bounds: undefined }));
  return {
    streams: [],
    index: rowIndex({ storage: 'struct', fields: [] }, groups, [], codec),
    encoding: 0,
    dictionarySize: undefined,
    statistics: { values: rows.at(-1)!, hasNull: false, bounds: undefined },
  };
}

function storedColumn(column: Column, type: Type, rows: Cuts, values: Cuts, codec: OrcCodec): StoredColumn {
  const { streams, encoding, dictionarySize } = streamsOf(column, type, rows, values);
  const stored = streams.map((stream) => ({ ...stream, ...compressStream(stream.bytes, codec) }));
  const groups = rows
    .slice(1)
    .map((end, g) => statisticsOf(column, type, [rows[g]!, end], [values[g]!, values[g + 1]!]));
  return {
    streams: stored,
    index: rowIndex(type, groups, stored, codec),
    encoding,
    dictionarySize,
    statistics: groups.reduce((total, group) => sum(type, total, group)),
  };
}

/** Of each group its statistics, and where it begins in each stream. */
function rowIndex(
  type: Type,
  groups: readonly Statistics[],
  streams: readonly (Pick<Stream, 'positions'> & StoredStream)[],
  codec: OrcCodec,
): Buffer {
  const index = messageOf((message) => {
    for (const [g, statistics] of groups.entries())
      message.message(1, (entry) => {
        const positions = streams.flatMap((stream) => {
          const position = stream.positions[g];
          return position ? placeOf(position, stream, codec) : [];
        });
        if (positions.length > 0) entry.packed(1, positions);
        entry.message(2, (column) => writeStatistics(column, type, statistics));
      });
  });
  return compressStream(index, codec).bytes;
}

function placeOf(
  { offset, rest }: Position,
  { bytes, blocks }: StoredStream,
  { compress }: OrcCodec,
): number[] {
  if (!compress) return [offset, ...rest];
  return [blocks[Math.floor(offset / blockBytes)] ?? bytes.length, offset % blockBytes, ...rest];
}

function writeStripeFooter(columns: readonly StoredColumn[], codec: OrcCodec): Buffer {
  const footer = messageOf((message) => {
    const describe = (kind: number, column: number, length: number) =>
      message.message(1, (stream) => {
        stream.number(1, kind);
        stream.number(2, column);
        stream.number(3, length);
      });
    for (const [id, { index }] of columns.entries()) describe(streamKinds.rowIndex, id, index.length);
    for (const [id, { streams }] of columns.entries())
      for (const { kind, bytes } of streams) describe(kind, id, bytes.length);
    for (const { encoding: kind, dictionarySize } of columns)
      message.message(2, (encoding) => {
        encoding.number(1, kind);
        if (dictionarySize !== undefined) encoding.number(2, dictionarySize);
      });
    // Without it readers shift timestamps by their own zone.
    message.bytesField(3, 'UTC');
  });
  return compressStream(footer, codec).bytes;
}
