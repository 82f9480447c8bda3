import type { Field, ScalarType, Type } from '../columnar/type.js';
import { quoteIdentifier } from '../sql/quote.js';

/* Names of types in the SQL of readers. */

/** @param wallTimestamp what a timestamp without a zone is; Hive has one type */
export function hiveType(type: Type, wallTimestamp: 'TIMESTAMP' | 'TIMESTAMP_NTZ'): string {
  if (type.storage === 'list') return `ARRAY<${hiveType(type.element, wallTimestamp)}>`;
  if (type.storage === 'struct') {
    const part = ({ name, type: part }: Field) => `${backticks(name)}: ${hiveType(part, wallTimestamp)}`;
    return `STRUCT<${type.fields.map(part).join(', ')}>`;
  }
  const { meaning } = type;
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return 'STRING';
    case 'date':
      return 'DATE';
    case 'timestamp':
      return meaning.isInstant ? 'TIMESTAMP' : wallTimestamp;
    case 'timestamp96':
      return 'TIMESTAMP';
    case 'decimal':
      return `DECIMAL(${meaning.precision}, ${meaning.scale})`;
    case 'integer':
      return { 16: 'SMALLINT', 32: 'INT', 64: 'BIGINT' }[meaning.bits];
    case 'time':
      return 'BIGINT';
    case 'uuid':
      return 'BINARY';
    case 'plain':
      return plainType(type, { float: 'FLOAT', double: 'DOUBLE', bytes: 'BINARY' });
  }
}

export function trinoType(type: Type): string {
  if (type.storage === 'list') return `array(${trinoType(type.element)})`;
  if (type.storage === 'struct')
    return `row(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${trinoType(field.type)}`).join(', ')})`;
  const { meaning } = type;
  switch (meaning.kind) {
    case 'text':
    case 'json':
      return 'varchar';
    case 'timestamp':
    case 'timestamp96':
      return 'timestamp(6)';
    case 'decimal':
      return `decimal(${meaning.precision}, ${meaning.scale})`;
    case 'integer':
      return { 16: 'smallint', 32: 'integer', 64: 'bigint' }[meaning.bits];
    case 'time':
      return 'time(6)';
    case 'date':
    case 'uuid':
      return meaning.kind;
    case 'plain':
      return plainType(type, { float: 'real', double: 'double', bytes: 'varbinary' }).toLowerCase();
  }
}

/** As Spark and Hive quote a name. */
export function backticks(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function plainType(
  { storage }: ScalarType,
  names: { readonly float: string; readonly double: string; readonly bytes: string },
): string {
  switch (storage) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int32':
      return 'INT';
    case 'int64':
      return 'BIGINT';
    case 'float32':
      return names.float;
    case 'float64':
      return names.double;
    case 'fixed':
    case 'bytes':
      return names.bytes;
  }
}
