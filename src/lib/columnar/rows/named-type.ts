import { UserError } from '../../core/errors.js';
import { mapType, type TypeRules } from '../postgres/types.js';
import type { Type } from '../type.js';
import { parseArray } from './array-text.js';
import { type Convert, convertOf } from './convert.js';

/** What a named type becomes, and how its values go there. */
export interface RowType {
  readonly type: Type;
  /** Makes of a value, which is not null, what `appendValue` takes. @throws ValueUnfit */
  readonly convert: Convert | undefined;
  /** Whether a value is a JSON document. */
  readonly isJson: boolean;
  /** Of lists. */
  readonly element?: RowType;
}

/** Names of SQL for PostgreSQL's own. */
const synonyms: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  int: 'int4',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  decimal: 'numeric',
  'character varying': 'varchar',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

const readable = [
  ...['text', 'varchar', 'bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'date', 'time'],
  ...['timetz', 'timestamp', 'timestamptz', 'interval', 'uuid', 'json', 'jsonb', 'bytea', 'inet', 'cidr'],
];

/**
 * A type of PostgreSQL by its name: `int8`, `double precision`, `numeric(9,2)`, `text[]`.
 * @throws UserError `TYPE_UNKNOWN`
 */
export function namedType(written: string, rules: TypeRules): RowType {
  const [, name = '', modifier, brackets = ''] =
    /^([a-z][a-z0-9 ]*?)\s*(?:\(([^)]*)\))?((?:\s*\[\])*)$/.exec(written.trim().toLowerCase()) ?? [];
  const words = name.replace(/\s+/g, ' ');
  const known = synonyms[words] ?? words;
  const isDimensioned = brackets.replace(/\s/g, '').length > 2;
  if (!readable.includes(known) || isDimensioned) throw unknown(written);
  const scalar = scalarOf(known, modifierOf(known, modifier, written), rules);
  return brackets === '' ? scalar : listOf(scalar);
}

function scalarOf(name: string, modifier: number, rules: TypeRules): RowType {
  const catalogType = { kind: 'scalar', name, isBuiltIn: true, output: '' } as const;
  const { type } = mapType(catalogType, modifier, rules)!;
  return { type, convert: convertOf(name, type, rules), isJson: name === 'json' || name === 'jsonb' };
}

export function listOf(element: RowType): RowType {
  const { type, convert } = element;
  return {
    element,
    isJson: false,
    type: { storage: 'list', element: type },
    convert: (value, note) => {
      const elements: unknown = typeof value === 'string' ? parseArray(value) : value;
      if (!convert || !Array.isArray(elements)) return elements;
      return (elements as unknown[]).map((each) => (each === null ? null : convert(each, note)));
    },
  };
}

/** As pg_attribute has it. */
function modifierOf(name: string, modifier: string | undefined, written: string): number {
  if (modifier === undefined) return -1;
  const [, precision, scale = '0'] = /^\s*(\d{1,4})\s*(?:,\s*(-?\d{1,4})\s*)?$/.exec(modifier) ?? [];
  const [p, s] = [Number(precision), Number(scale)];
  if (name !== 'numeric' || !(p >= 1 && p <= 1000 && s >= -1000 && s <= 1000)) throw unknown(written);
  return ((p << 16) | (s & 0x7ff)) + 4;
}

function unknown(written: string): UserError {
  return new UserError(`'${written}' is not a type that rows can have`, {
    code: 'TYPE_UNKNOWN',
    hint: `Give one of ${readable.join(', ')}; numeric may say its digits, as numeric(9,2), and [] makes an array.`,
  });
}
