import { UserError } from '../../core/errors.js';
import type { TypeRules } from '../postgres/types.js';
import { listOf, namedType, type RowType } from './named-type.js';
import type { RowColumn } from './row-batches.js';

/** Types of an object's fields: names of PostgreSQL's types, `int8` or `text[]`, and objects for objects. */
export interface ObjectSchema {
  readonly [field: string]: string | ObjectSchema;
}

type Kind = 'bool' | 'float8' | 'int8' | 'text' | 'bytea' | 'timestamptz';

/** What values have shown of their type so far. */
type Shape =
  | { readonly kind: Kind }
  | { readonly kind: 'array'; readonly element: Shape | undefined }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Shape | undefined> };

/** @throws UserError `TYPE_UNKNOWN` */
export function columnsOf(schema: ObjectSchema, rules: TypeRules): RowColumn[] {
  return Object.entries(schema).map(([name, type]) => ({ name, ...declaredType(type, rules) }));
}

function declaredType(type: string | ObjectSchema, rules: TypeRules): RowType {
  if (typeof type === 'string') return namedType(type, rules);
  return structOf(columnsOf(type, rules));
}

/**
 * Types by what values are in JavaScript: numbers are float8, bigints int8, Dates timestamptz. What is always null is text.
 * @throws UserError `TYPE_UNCLEAR` where a column has values of several kinds
 */
export function inferredColumns(rows: readonly object[], rules: TypeRules): RowColumn[] {
  const shapes = new Map<string, Shape | undefined>();
  for (const row of rows)
    for (const [name, value] of Object.entries(row)) shapes.set(name, merged(name, shapes.get(name), value));
  return [...shapes].map(([name, shape]) => ({ name, ...shapedType(shape, rules) }));
}

function shapedType(shape: Shape | undefined, rules: TypeRules): RowType {
  if (!shape) return namedType('text', rules);
  if (shape.kind === 'array') return listOf(shapedType(shape.element, rules));
  if (shape.kind === 'object')
    return structOf([...shape.fields].map(([name, field]) => ({ name, ...shapedType(field, rules) })));
  return namedType(shape.kind, rules);
}

function merged(name: string, known: Shape | undefined, value: unknown): Shape | undefined {
  if (value === null || value === undefined) return known;
  const kind = kindOf(value);
  if (kind === undefined || (known && known.kind !== kind))
    throw new UserError(
      kind === undefined
        ? `'${name}' has a ${typeof value}, which no type holds`
        : `'${name}' has values of several kinds: ${known!.kind} and ${kind}`,
      { code: 'TYPE_UNCLEAR', hint: `Give its type: { schema: { '${name}': 'int8', … } }.` },
    );
  if (kind === 'array') {
    let element = known?.kind === 'array' ? known.element : undefined;
    for (const each of value as unknown[]) element = merged(`${name}[]`, element, each);
    return { kind, element };
  }
  if (kind === 'object') {
    const fields = new Map(known?.kind === 'object' ? known.fields : []);
    for (const [field, each] of Object.entries(value))
      fields.set(field, merged(`${name}.${field}`, fields.get(field), each));
    return { kind, fields };
  }
  return { kind };
}

function kindOf(value: NonNullable<unknown>): Shape['kind'] | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return 'float8';
    case 'bigint':
      return 'int8';
    case 'string':
      return 'text';
    case 'object':
      if (Array.isArray(value)) return 'array';
      if (value instanceof Date) return 'timestamptz';
      return value instanceof Uint8Array ? 'bytea' : 'object';
    default:
      return undefined;
  }
}

function structOf(fields: readonly RowColumn[]): RowType {
  const type = { storage: 'struct', fields: fields.map(({ name, type }) => ({ name, type })) } as const;
  return {
    type,
    isJson: false,
    convert: (value, note) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      const record: Record<string, unknown> = { ...value };
      for (const { name, convert } of fields) {
        const part = record[name];
        if (convert && part !== null && part !== undefined) record[name] = convert(part, note);
      }
      return record;
    },
  };
}
