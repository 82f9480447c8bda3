/* Numbers of parquet.thrift. https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
import type { Field } from '../type.js';
import type { ThriftWriter } from './thrift.js';

export const encodings = { plain: 0, rle: 3, rleDictionary: 8 } as const;
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

export function physicalType({ storage }: Field): number {
  return physical[storage];
}

/** The element of a column in the schema, with its meaning in the old form and the new one. */
export function writeSchemaElement(thrift: ThriftWriter, field: Field): void {
  const { meaning } = field;
  const converted = convertedType(field);
  thrift.struct(() => {
    thrift.i32(1, physicalType(field));
    if (field.width !== undefined) thrift.i32(2, field.width);
    thrift.i32(3, field.nullable ? 1 : 0);
    thrift.binary(4, field.name);
    if (converted !== undefined) thrift.i32(6, converted);
    if (meaning.kind === 'decimal') {
      thrift.i32(7, meaning.scale);
      thrift.i32(8, meaning.precision);
    }
    const logical = logicalType(thrift, field);
    if (logical) thrift.structField(10, () => thrift.structField(logical.id, logical.write));
  });
}

function convertedType({ meaning }: Field): number | undefined {
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
      return undefined;
  }
}

function logicalType(
  thrift: ThriftWriter,
  { meaning }: Field,
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
      return undefined;
  }
}
