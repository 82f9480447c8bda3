import type { Batch, Column } from '../batch.js';
import { ListColumn, StructColumn } from '../nested-columns.js';
import type { ScalarType, Schema, Type } from '../type.js';

/** A column of a Parquet file: a field without parts, or such a part of one. */
export interface Leaf {
  /** Names from the schema down, with the two that a list adds. */
  readonly path: readonly string[];
  readonly type: ScalarType;
  /** Definition and repetition level of a value. */
  readonly definition: number;
  readonly repetition: number;
  /** The field of the schema, and which part of each record on the way is the next one. */
  readonly route: readonly number[];
}

/** The leaves of a schema, in the file's order. */
export function leavesOf(schema: Schema): Leaf[] {
  return schema.flatMap(({ name, type }, i) => leavesWithin(type, [name], [i], 0, 0));
}

function leavesWithin(
  type: Type,
  path: readonly string[],
  route: readonly number[],
  definition: number,
  repetition: number,
): Leaf[] {
  if (type.storage === 'list')
    return leavesWithin(type.element, [...path, 'list', 'element'], route, definition + 2, repetition + 1);
  if (type.storage === 'struct')
    return type.fields.flatMap((field, i) =>
      leavesWithin(field.type, [...path, field.name], [...route, i], definition + 1, repetition),
    );
  return [{ path, type, definition: definition + 1, repetition, route }];
}

/** The columns of a batch from the field of the schema down to the leaf. */
export function chainOf({ route }: Leaf, batch: Batch): Column[] {
  const [first, ...parts] = route;
  let column = batch.columns[first!]!;
  const chain = [column];
  for (let part = 0; column instanceof ListColumn || column instanceof StructColumn;) {
    column = column instanceof ListColumn ? column.elements : column.fields[parts[part++]!]!;
    chain.push(column);
  }
  return chain;
}
