import type { Batch, Column } from '../batch.js';
import type { FileWriter, Sink } from '../sink.js';
import type { Schema, ScalarType, Type } from '../type.js';
import { compressStream, blockBytes, type OrcCodec } from './codec.js';
import { partsOf, streamsOf } from './column-streams.js';
import { messageOf, type ProtobufWriter } from './protobuf.js';
import { type Statistics, statisticsOf, sum, writeStatistics } from './statistics.js';

const magic = Buffer.from('ORC');
/** Version 0.12, which all readers know. */
const fileVersion = [0, 12];
/** "ORC-135": timestamps' statistics are in UTC. */
const writerVersion = 6;
/** No code of the list of writers is ours: that of unknown ones. */
const unknownWriter = 2 ** 31 - 1;
/** Readers would take days before 1582-10-15 for those of the Julian calendar. */
const prolepticGregorian = 2;
const root: Type = { storage: 'struct', fields: [] };

interface Stripe {
  readonly offset: number;
  readonly dataLength: number;
  readonly footerLength: number;
  readonly rows: number;
  /** Of all columns, the root first. */
  readonly statistics: readonly Statistics[];
}

export interface OrcOptions {
  readonly codec: OrcCodec;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes an ORC file, a stripe for each batch. https://orc.apache.org/specification/ORCv1/ */
export class OrcFileWriter implements FileWriter {
  rows = 0;
  bytes = 0;
  readonly #sink: Sink;
  readonly #schema: Schema;
  readonly #options: OrcOptions;
  readonly #stripes: Stripe[] = [];

  constructor(sink: Sink, schema: Schema, options: OrcOptions) {
    this.#sink = sink;
    this.#schema = schema;
    this.#options = options;
  }

  async write(batch: Batch): Promise<void> {
    const { codec } = this.#options;
    const parts: Buffer[] = [];
    const statistics: Statistics[] = [{ values: batch.rows, hasNull: false, bounds: undefined }];
    const streams: { kind: number; column: number; length: number }[] = [];
    const encodings: { kind: number; dictionarySize: number | undefined }[] = [
      { kind: 0, dictionarySize: undefined },
    ];
    const visit = (column: Column, type: Type, rows: number) => {
      const id = statistics.length;
      statistics.push(statisticsOf(column, type));
      const made = streamsOf(column, type, rows);
      encodings.push({ kind: made.encoding, dictionarySize: made.dictionarySize });
      for (const { kind, bytes } of made.streams) {
        const compressed = compressStream(bytes, codec);
        streams.push({ kind, column: id, length: compressed.length });
        parts.push(compressed);
      }
      for (const part of partsOf(column, type)) visit(part.column, part.type, part.rows);
    };
    for (const [i, { type }] of this.#schema.entries()) visit(batch.columns[i]!, type, batch.rows);
    const dataLength = parts.reduce((total, { length }) => total + length, 0);
    const footer = compressStream(
      messageOf((message) => {
        for (const { kind, column, length } of streams)
          message.message(1, (stream) => {
            stream.number(1, kind);
            stream.number(2, column);
            stream.number(3, length);
          });
        for (const { kind, dictionarySize } of encodings)
          message.message(2, (encoding) => {
            encoding.number(1, kind);
            if (dictionarySize !== undefined) encoding.number(2, dictionarySize);
          });
        // Without it readers shift timestamps by their own zone.
        message.bytesField(3, 'UTC');
      }),
      codec,
    );
    const beginning = this.#beginning();
    this.#stripes.push({
      offset: this.bytes,
      dataLength,
      footerLength: footer.length,
      rows: batch.rows,
      statistics,
    });
    this.rows += batch.rows;
    this.bytes += dataLength + footer.length;
    await this.#sink.write([...beginning, ...parts, footer]);
  }

  /** Writes the file's end. */
  async end(): Promise<void> {
    const { codec } = this.#options;
    const beginning = this.#beginning();
    const metadata = compressStream(
      messageOf((message) => {
        for (const { statistics } of this.#stripes)
          message.message(1, (stripe) => this.#writeStatistics(stripe, 1, statistics));
      }),
      codec,
    );
    const footer = compressStream(
      messageOf((message) => this.#writeFooter(message)),
      codec,
    );
    const postscript = messageOf((message) => {
      message.number(1, footer.length);
      message.number(2, codec.id);
      message.number(3, blockBytes);
      message.packed(4, fileVersion);
      message.number(5, metadata.length);
      message.number(6, writerVersion);
      message.bytesField(8000, magic);
    });
    const end = [metadata, footer, postscript, Buffer.of(postscript.length)];
    this.bytes += end.reduce((total, { length }) => total + length, 0);
    await this.#sink.write([...beginning, ...end]);
  }

  #beginning(): Buffer[] {
    if (this.bytes > 0) return [];
    this.bytes = magic.length;
    return [magic];
  }

  #writeFooter(message: ProtobufWriter): void {
    message.number(1, magic.length);
    message.number(2, this.bytes - magic.length);
    for (const { offset, dataLength, footerLength, rows } of this.#stripes)
      message.message(3, (stripe) => {
        stripe.number(1, offset);
        stripe.number(2, 0);
        stripe.number(3, dataLength);
        stripe.number(4, footerLength);
        stripe.number(5, rows);
      });
    for (const { type, children } of typesOf(this.#schema))
      message.message(4, (element) => writeType(element, type, children));
    for (const [name, value] of Object.entries(this.#options.metadata))
      message.message(5, (item) => {
        item.bytesField(1, name);
        item.bytesField(2, value);
      });
    message.number(6, this.rows);
    const [first, ...others] = this.#stripes.map(({ statistics }) => statistics);
    const types = typesOf(this.#schema);
    if (first)
      this.#writeStatistics(
        message,
        7,
        others.reduce((total, each) => each.map((one, i) => sum(types[i]!.type, total[i]!, one)), first),
      );
    message.number(8, 0);
    message.number(9, unknownWriter);
    message.number(11, prolepticGregorian);
  }

  #writeStatistics(message: ProtobufWriter, field: number, statistics: readonly Statistics[]): void {
    const types = typesOf(this.#schema);
    for (const [i, each] of statistics.entries())
      message.message(field, (column) => writeStatistics(column, types[i]!.type, each));
  }
}

interface TypeNode {
  readonly type: Type;
  readonly children: readonly { readonly id: number; readonly name: string }[];
}

/** All types, each before its parts: the place is its number. The root is a record of the schema. */
function typesOf(schema: Schema): TypeNode[] {
  const nodes: TypeNode[] = [];
  const add = (type: Type, fields: Schema): number => {
    const id = nodes.length;
    const children: { id: number; name: string }[] = [];
    nodes.push({ type, children });
    for (const field of fields)
      children.push({ id: add(field.type, fieldsOf(field.type)), name: field.name });
    return id;
  };
  add(root, schema);
  return nodes;
}

function fieldsOf(type: Type): Schema {
  if (type.storage === 'struct') return type.fields;
  return type.storage === 'list' ? [{ name: 'element', type: type.element }] : [];
}

/* Numbers of orc_proto.proto. */
const kinds = {
  boolean: 0,
  short: 2,
  int: 3,
  long: 4,
  float: 5,
  double: 6,
  string: 7,
  binary: 8,
  timestamp: 9,
  list: 10,
  struct: 12,
  decimal: 14,
  date: 15,
} as const;

function writeType(message: ProtobufWriter, type: Type, children: TypeNode['children']): void {
  message.number(1, kindOf(type));
  if (children.length > 0)
    message.packed(
      2,
      children.map(({ id }) => id),
    );
  if (type.storage === 'struct') for (const { name } of children) message.bytesField(3, name);
  if (type.storage !== 'list' && type.storage !== 'struct' && type.meaning.kind === 'decimal') {
    message.number(5, type.meaning.precision);
    message.number(6, type.meaning.scale);
  }
}

function kindOf(type: Type): number {
  if (type.storage === 'list' || type.storage === 'struct') return kinds[type.storage];
  const { storage, meaning }: ScalarType = type;
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return kinds.string;
    case 'date':
    case 'decimal':
    case 'timestamp':
      return kinds[meaning.kind];
    case 'integer':
      return meaning.bits === 16 ? kinds.short : meaning.bits === 32 ? kinds.int : kinds.long;
    case 'time':
    case 'plain':
    case 'uuid':
    case 'timestamp96':
      return {
        boolean: kinds.boolean,
        int32: kinds.int,
        int64: kinds.long,
        float32: kinds.float,
        float64: kinds.double,
        fixed: kinds.binary,
        bytes: kinds.binary,
      }[storage];
  }
}
