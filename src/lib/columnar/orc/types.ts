import type { ScalarType, Schema, Type } from '../type.js';
import type { ProtobufWriter } from './protobuf.js';

const root: Type = { storage: 'struct', fields: [] };

export interface TypeNode {
  readonly type: Type;
  readonly children: readonly { readonly id: number; readonly name: string }[];
}

/** All types, each before its parts: the place is its number. The root is a record of the schema. */
export function typesOf(schema: Schema): TypeNode[] {
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

export function writeType(message: ProtobufWriter, type: Type, children: TypeNode['children']): void {
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
