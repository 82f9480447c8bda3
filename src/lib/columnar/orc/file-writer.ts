import type { Batch } from '../batch.js';
import type { FileWriter, Sink } from '../sink.js';
import type { Schema } from '../type.js';
import { blockBytes, compressStream, type OrcCodec } from './codec.js';
import { messageOf, type ProtobufWriter } from './protobuf.js';
import { type Statistics, sum, writeStatistics } from './statistics.js';
import { groupRows, writeStripe } from './stripe.js';
import { type TypeNode, typesOf, writeType } from './types.js';

const magic = Buffer.from('ORC');
/** Version 0.12, which all readers know. */
const fileVersion = [0, 12];
/** "ORC-135": timestamps' statistics are in UTC. */
const writerVersion = 6;
/** No code of the list of writers is ours: that of unknown ones. */
const unknownWriter = 2 ** 31 - 1;
/** Readers would take days before 1582-10-15 for those of the Julian calendar. */
const prolepticGregorian = 2;

interface PlacedStripe {
  readonly offset: number;
  readonly indexLength: number;
  readonly dataLength: number;
  readonly footerLength: number;
  readonly rows: number;
  /** Of all columns, as the file has them. */
  readonly statistics: Buffer;
}

export interface OrcOptions {
  readonly codec: OrcCodec;
}

/** Writes an ORC file, a stripe for each batch. https://orc.apache.org/specification/ORCv1/ */
export class OrcFileWriter implements FileWriter {
  rows = 0;
  bytes = 0;
  readonly #sink: Sink;
  readonly #schema: Schema;
  readonly #options: OrcOptions;
  readonly #types: readonly TypeNode[];
  readonly #stripes: PlacedStripe[] = [];
  /** Of all stripes. */
  #statistics: readonly Statistics[] | undefined;

  constructor(sink: Sink, schema: Schema, options: OrcOptions) {
    this.#sink = sink;
    this.#schema = schema;
    this.#options = options;
    this.#types = typesOf(schema);
  }

  async write(batch: Batch): Promise<void> {
    const { index, data, footer, statistics } = writeStripe(batch, this.#schema, this.#options.codec);
    const beginning = this.#beginning();
    const [indexLength, dataLength] = [lengthOf(index), lengthOf(data)];
    this.#stripes.push({
      offset: this.bytes,
      indexLength,
      dataLength,
      footerLength: footer.length,
      rows: batch.rows,
      statistics: messageOf((message) => this.#writeStatistics(message, 1, statistics)),
    });
    this.#statistics = this.#statistics
      ? statistics.map((each, i) => sum(this.#types[i]!.type, this.#statistics![i]!, each))
      : statistics;
    this.rows += batch.rows;
    this.bytes += indexLength + dataLength + footer.length;
    await this.#sink.write([...beginning, ...index, ...data, footer]);
  }

  /** Writes the file's end. */
  async end(metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    const { codec } = this.#options;
    const beginning = this.#beginning();
    const stripes = compressStream(
      messageOf((message) => {
        for (const { statistics } of this.#stripes) message.bytesField(1, statistics);
      }),
      codec,
    ).bytes;
    const footer = compressStream(
      messageOf((message) => this.#writeFooter(message, metadata)),
      codec,
    ).bytes;
    const postscript = messageOf((message) => {
      message.number(1, footer.length);
      message.number(2, codec.id);
      message.number(3, blockBytes);
      message.packed(4, fileVersion);
      message.number(5, stripes.length);
      message.number(6, writerVersion);
      message.bytesField(8000, magic);
    });
    const end = [stripes, footer, postscript, Buffer.of(postscript.length)];
    this.bytes += lengthOf(end);
    await this.#sink.write([...beginning, ...end]);
  }

  #beginning(): Buffer[] {
    if (this.bytes > 0) return [];
    this.bytes = magic.length;
    return [magic];
  }

  #writeFooter(message: ProtobufWriter, metadata: Readonly<Record<string, string>>): void {
    message.number(1, magic.length);
    message.number(2, this.bytes - magic.length);
    for (const { offset, indexLength, dataLength, footerLength, rows } of this.#stripes)
      message.message(3, (stripe) => {
        stripe.number(1, offset);
        stripe.number(2, indexLength);
        stripe.number(3, dataLength);
        stripe.number(4, footerLength);
        stripe.number(5, rows);
      });
    for (const { type, children } of this.#types)
      message.message(4, (element) => writeType(element, type, children));
    for (const [name, value] of Object.entries(metadata))
      message.message(5, (item) => {
        item.bytesField(1, name);
        item.bytesField(2, value);
      });
    message.number(6, this.rows);
    if (this.#statistics) this.#writeStatistics(message, 7, this.#statistics);
    message.number(8, groupRows);
    message.number(9, unknownWriter);
    message.number(11, prolepticGregorian);
  }

  #writeStatistics(message: ProtobufWriter, field: number, statistics: readonly Statistics[]): void {
    for (const [i, each] of statistics.entries())
      message.message(field, (column) => writeStatistics(column, this.#types[i]!.type, each));
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((total, { length }) => total + length, 0);
}
