/* Numbers of parquet.thrift. https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
import type { Field, ScalarType } from '../type.js';
import type { ThriftWriter } from './thrift.js';

export const encodings = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  bitPacked: 4,
  deltaBinaryPacked: 5,
  deltaLengths: 6,
  deltaStrings: 7,
  rleDictionary: 8,
  byteStreamSplit: 9,
} as const;
export const pageTypes = { data: 0, dictionary: 2 } as const;
export const magic = Buffer.from('PAR1');

const physical = {
  boolean: 0,
  int32: 1,
  int64: 2,
  float32: 4,
  float64: 5,
  bytes: 6,
  fixed: 7,
} as const;

const int96 = 3;

export function physicalType({ storage, meaning }: ScalarType): number {
  return meaning.kind === 'timestamp96' ? int96 : physical[storage];
}

/** A field, with its parts, as elements of the schema: each with its meaning in the old form and the new one. */
export function writeSchemaElements(thrift: ThriftWriter, { name, type }: Field): void {
  if (type.storage === 'list') {
    group(name, repetitions.optional, 1, { converted: 3, logical: 3 });
    group('list', repetitions.repeated, 1);
    writeSchemaElements(thrift, { name: 'element', type: type.element });
  } else if (type.storage === 'struct') {
    group(name, repetitions.optional, type.fields.length);
    for (const field of type.fields) writeSchemaElements(thrift, field);
  } else writeScalar(thrift, name, type);

  function group(
    called: string,
    repetition: number,
    parts: number,
    meaning?: { readonly converted: number; readonly logical: number },
  ): void {
    thrift.struct(() => {
      thrift.i32(3, repetition);
      thrift.binary(4, called);
      thrift.i32(5, parts);
      if (!meaning) return;
      thrift.i32(6, meaning.converted);
      thrift.structField(10, () => thrift.structField(meaning.logical, () => {}));
    });
  }
}

/** How many elements `writeSchemaElements` writes. */
export function countSchemaElements({ type }: Field): number {
  if (type.storage === 'list') return 2 + countSchemaElements({ name: 'element', type: type.element });
  if (type.storage !== 'struct') return 1;
  return type.fields.reduce((sum, field) => sum + countSchemaElements(field), 1);
}

const repetitions = { optional: 1, repeated: 2 } as const;

function writeScalar(thrift: ThriftWriter, name: string, type: ScalarType): void {
  const { meaning, width } = type;
  const converted = convertedType(type);
  thrift.struct(() => {
    thrift.i32(1, physicalType(type));
    if (width !== undefined && meaning.kind !== 'timestamp96') thrift.i32(2, width);
    thrift.i32(3, repetitions.optional);
    thrift.binary(4, name);
    if (converted !== undefined) thrift.i32(6, converted);
    if (meaning.kind === 'decimal') {
      thrift.i32(7, meaning.scale);
      thrift.i32(8, meaning.precision);
    }
    const logical = logicalType(thrift, type);
    if (logical) thrift.structField(10, () => thrift.structField(logical.id, logical.write));
  });
}

function convertedType({ meaning }: ScalarType): number | undefined {
  switch (meaning.kind) {
    case 'text':
      return 0;
    case 'decimal':
      return 5;
    case 'date':
      return 6;
    case 'time':
      return 8;
    case 'timestamp':
      // It would say UTC.
      return meaning.isInstant ? 10 : undefined;
    case 'integer':
      return meaning.bits === 16 ? 16 : undefined;
    case 'json':
      return 19;
    case 'plain':
    case 'uuid':
    case 'timestamp96':
      return undefined;
  }
}

function logicalType(
  thrift: ThriftWriter,
  { meaning }: ScalarType,
): { readonly id: number; readonly write: () => void } | undefined {
  const empty = () => {};
  const micros = () => thrift.structField(2, empty);
  switch (meaning.kind) {
    case 'text':
      return { id: 1, write: empty };
    case 'decimal':
      return {
        id: 5,
        write: () => {
          thrift.i32(1, meaning.scale);
          thrift.i32(2, meaning.precision);
        },
      };
    case 'date':
      return { id: 6, write: empty };
    case 'time':
      return {
        id: 7,
        write: () => {
          thrift.boolean(1, false);
          thrift.structField(2, micros);
        },
      };
    case 'timestamp':
      return {
        id: 8,
        write: () => {
          thrift.boolean(1, meaning.isInstant);
          thrift.structField(2, micros);
        },
      };
    case 'json':
      return { id: 12, write: empty };
    case 'uuid':
      return { id: 14, write: empty };
    case 'integer':
    case 'plain':
    case 'timestamp96':
      return undefined;
  }
}
