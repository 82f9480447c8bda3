import { compareValues } from '../../columnar/bounds.js';
import type { FooterChunk } from '../../columnar/parquet-reader/footer.js';
import { codecWithId } from '../../columnar/parquet/codec-ids.js';
import { encodings } from '../../columnar/parquet/format.js';
import { readBounds } from '../../columnar/parquet-reader/bounds.js';
import { withParquetFile } from '../../columnar/parquet-reader/parquet-file.js';
import { plainText } from '../../columnar/plain-text.js';
import { typeName } from '../../columnar/type-name.js';
import type { Field, ScalarType, Type } from '../../columnar/type.js';
import type { FoundDataset } from './find-dataset.js';
import { orcManifest } from './open-dataset.js';

export interface InspectedColumn {
  readonly name: string;
  readonly type: string;
  /** In the files, compressed and not. Unknown of ORC. */
  readonly bytes?: number;
  readonly uncompressedBytes?: number;
  readonly encodings?: readonly string[];
  readonly codecs?: readonly string[];
  /** Unknown where a file does not say, and of lists and records. */
  readonly nulls?: number;
  readonly min?: string;
  readonly max?: string;
}

export interface Inspection {
  readonly path: string;
  readonly format: 'parquet' | 'orc';
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  /** Unknown of ORC. */
  readonly rowGroups?: number;
  readonly createdBy: readonly string[];
  /** For whom metrify wrote it. */
  readonly reader?: string;
  /** Of the files, or of the dataset where those are ORC, which is not read. */
  readonly readFrom: 'footers' | 'manifest';
  readonly partitionBy: readonly string[];
  readonly partitions: number;
  readonly columns: readonly InspectedColumn[];
}

/** Of Parquet files, by what stands in their footers. @throws UserError exit 2 */
export async function inspectParquet(found: FoundDataset): Promise<Inspection> {
  const columns = new Map<string, ColumnTotals>();
  const createdBy = new Set<string>();
  const total = { rows: 0, bytes: 0, rowGroups: 0 };
  for (const file of found.files) {
    await withParquetFile(file.absolute, ({ schema, footer, source }) => {
      total.rows += footer.rows;
      total.bytes += source.size;
      total.rowGroups += footer.groups.length;
      createdBy.add(footer.createdBy);
      for (const field of schema) {
        const totals = columns.get(field.name) ?? new ColumnTotals(field);
        columns.set(field.name, totals);
        for (const group of footer.groups)
          for (const { index } of field.leaves) totals.add(group.chunks[index]!, field.type);
      }
    });
  }
  return {
    ...about(found),
    ...total,
    createdBy: [...createdBy],
    columns: [...columns.values()].map((totals) => totals.column),
  };
}

/** Of ORC files, by the manifest: they are not read. @throws UserError `ORC_UNREAD` where there is none */
export function inspectOrc(found: FoundDataset): Inspection {
  const { rows, bytes, createdBy, columns } = orcManifest(found);
  return { ...about(found), rows, bytes, createdBy: [createdBy], columns };
}

function about({ name, format, files, manifest, partitionBy }: FoundDataset) {
  const partitions = new Set(files.map(({ partition }) => JSON.stringify(partition)));
  return {
    path: name,
    format,
    files: files.length,
    ...(manifest && { reader: manifest.reader }),
    readFrom: format === 'orc' ? ('manifest' as const) : ('footers' as const),
    partitionBy,
    partitions: partitionBy.length === 0 ? 0 : partitions.size,
  };
}

const encodingNames: Readonly<Record<number, string>> = {
  [encodings.plain]: 'plain',
  [encodings.plainDictionary]: 'dictionary',
  [encodings.rle]: 'rle',
  [encodings.bitPacked]: 'bit packed',
  [encodings.deltaBinaryPacked]: 'delta',
  [encodings.deltaLengths]: 'delta length',
  [encodings.deltaStrings]: 'delta strings',
  [encodings.rleDictionary]: 'dictionary',
  [encodings.byteStreamSplit]: 'byte stream split',
};

class ColumnTotals {
  readonly #field: Field;
  readonly #encodings = new Set<string>();
  readonly #codecs = new Set<string>();
  #bytes = 0;
  #uncompressedBytes = 0;
  /** Undefined from when on something is unknown. */
  #nulls: number | undefined = 0;
  #bounds: Bounds | 'none yet' | undefined = 'none yet';

  constructor(field: Field) {
    this.#field = field;
  }

  add(chunk: FooterChunk, type: Type): void {
    this.#bytes += chunk.place.length;
    this.#uncompressedBytes += chunk.uncompressedBytes;
    for (const encoding of chunk.encodings) this.#encodings.add(encodingNames[encoding] ?? `${encoding}`);
    this.#codecs.add(codecWithId(chunk.codec) ?? `${chunk.codec}`);
    const isScalar = 'meaning' in type;
    this.#nulls =
      !isScalar || this.#nulls === undefined || chunk.nulls === undefined
        ? undefined
        : this.#nulls + chunk.nulls;
    if (chunk.nulls === chunk.values) return;
    const bounds = isScalar ? boundsOf(chunk, type) : undefined;
    if (this.#bounds === 'none yet' || !bounds) this.#bounds = this.#bounds && bounds;
    else this.#bounds = this.#bounds && joined(type as ScalarType, this.#bounds, bounds);
  }

  get column(): InspectedColumn {
    const { name, type } = this.#field;
    const bounds = this.#bounds === 'none yet' ? undefined : this.#bounds;
    // −0 is the bound of all zeros.
    const shown = (value: Buffer) => plainText(value, type as ScalarType).replace(/^-0$/, '0');
    const text = (value: Buffer) => shown(value) + (bounds!.isExact ? '' : '…');
    return {
      name,
      type: typeName(type),
      bytes: this.#bytes,
      uncompressedBytes: this.#uncompressedBytes,
      // Levels are always run lengths: it says nothing of the values.
      encodings: [...this.#encodings].filter((each) => each !== 'rle' || type.storage === 'boolean'),
      codecs: [...this.#codecs],
      ...(this.#nulls !== undefined && { nulls: this.#nulls }),
      ...(bounds && { min: text(bounds.min), max: text(bounds.max) }),
    };
  }
}

interface Bounds {
  readonly min: Buffer;
  readonly max: Buffer;
  readonly isExact: boolean;
}

function boundsOf({ min, max, isExact }: FooterChunk, type: ScalarType): Bounds | undefined {
  const read = readBounds(type, min, max);
  return read.min && read.max && { min: read.min, max: read.max, isExact };
}

function joined(type: ScalarType, one: Bounds, other: Bounds): Bounds {
  return {
    min: compareValues(type, one.min, other.min) <= 0 ? one.min : other.min,
    max: compareValues(type, one.max, other.max) >= 0 ? one.max : other.max,
    isExact: one.isExact && other.isExact,
  };
}
