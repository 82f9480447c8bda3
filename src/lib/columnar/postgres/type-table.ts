import { typeName } from '../type-name.js';
import type { CatalogType } from './catalog.js';
import { profileOf, type Reader, readers } from '../reader-profiles.js';
import { asText, mapType } from './types.js';

const scalar = (name: string): CatalogType => ({ kind: 'scalar', name, isBuiltIn: true, output: '' });
const numeric = (precision: number, scale: number) => ((precision << 16) | (scale & 0x7ff)) + 4;

/** What people declare, as an example for each rule. */
const examples: readonly (readonly [declared: string, type: CatalogType, modifier?: number])[] = [
  ['boolean', scalar('bool')],
  ['smallint', scalar('int2')],
  ['integer', scalar('int4')],
  ['bigint', scalar('int8')],
  ['real', scalar('float4')],
  ['double precision', scalar('float8')],
  ['numeric(9, 2)', scalar('numeric'), numeric(9, 2)],
  ['numeric(5, -2)', scalar('numeric'), numeric(5, -2)],
  ['numeric, numeric(50, 2)', scalar('numeric')],
  ['text, varchar, char(n), citext, name', scalar('text')],
  ['enum types', { kind: 'enum' }],
  ['bytea', scalar('bytea')],
  ['date', scalar('date')],
  ['time', scalar('time')],
  ['time with time zone', scalar('timetz')],
  ['timestamp', scalar('timestamp')],
  ['timestamp with time zone', scalar('timestamptz')],
  ['interval', scalar('interval')],
  ['uuid', scalar('uuid')],
  ['json, jsonb', scalar('jsonb')],
  ['inet, cidr', scalar('inet')],
  ['oid', scalar('oid')],
  ['integer[]', { kind: 'array', element: scalar('int4') }],
  ['composite types', { kind: 'composite', fields: [{ name: 'a', type: scalar('int4'), modifier: -1 }] }],
  ['all other types: ranges, money, bit, hstore, …', scalar('int4range')],
];

/** What each type of PostgreSQL becomes, and where it becomes something else, as rows of a table. */
export function typeTable(): string[][] {
  return examples.map(([declared, type, modifier = -1]) => {
    const writtenFor = (format: 'parquet' | 'orc', reader: Reader) =>
      typeName(
        (mapType(type, modifier, { profile: profileOf(format, reader), numeric: undefined }) ?? asText).type,
      );
    const usual = writtenFor('parquet', 'all');
    const places = [
      ...readers.map((reader) => [`\`${reader}\``, writtenFor('parquet', reader)] as const),
      ['ORC', writtenFor('orc', 'all')] as const,
    ];
    const others = new Set(places.map(([, name]) => name).filter((name) => name !== usual));
    const exceptions = [...others].map(
      (other) =>
        `\`${other}\` for ${places.flatMap(([place, name]) => (name === other ? [place] : [])).join(', ')}`,
    );
    return [declared, `\`${usual}\``, exceptions.join('; ')];
  });
}
