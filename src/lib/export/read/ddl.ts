import type { Field, ScalarType, Schema, Type } from '../../columnar/type.js';
import { quoteIdentifier } from '../../sql/quote.js';

export const ddlReaders = ['spark', 'hive', 'trino', 'duckdb'] as const;
export type DdlReader = (typeof ddlReaders)[number];

/** What a table is made of. */
export interface TableFiles {
  readonly name: string;
  /** Absolute path or URL of the folder. */
  readonly location: string;
  readonly format: 'parquet' | 'orc';
  /** Without the columns of partitions. */
  readonly columns: Schema;
  readonly partitionBy: readonly string[];
}

/** Statements that make a dataset a table of a reader. */
export function createTable(reader: DdlReader, files: TableFiles): string {
  return { spark, hive, trino, duckdb }[reader](files);
}

function spark({ name, location, format, columns, partitionBy }: TableFiles): string {
  const fields = columns.map((field) => column(backticks(field.name), hiveType(field.type, 'spark')));
  const keys = partitionBy.map((key) => column(backticks(key), 'STRING'));
  const parts = partitionBy.length === 0 ? '' : `\nPARTITIONED BY (${partitionBy.map(backticks).join(', ')})`;
  return (
    `CREATE TABLE ${backticks(name)} (\n${[...fields, ...keys].join(',\n')}\n)\nUSING ${format.toUpperCase()}${parts}\n` +
    `LOCATION ${sparkText(location)};\n${repair(name, partitionBy)}`
  );
}

function hive({ name, location, format, columns, partitionBy }: TableFiles): string {
  const fields = columns.map((field) => column(backticks(field.name), hiveType(field.type, 'hive')));
  const keys = partitionBy.map((key) => `${backticks(key)} STRING`).join(', ');
  const parts = partitionBy.length === 0 ? '' : `\nPARTITIONED BY (${keys})`;
  return (
    `CREATE EXTERNAL TABLE ${backticks(name)} (\n${fields.join(',\n')}\n)${parts}\nSTORED AS ${format.toUpperCase()}\n` +
    `LOCATION ${sparkText(location)};\n${repair(name, partitionBy)}`
  );
}

/** Until then its catalog knows no partition. */
function repair(name: string, partitionBy: readonly string[]): string {
  return partitionBy.length === 0 ? '' : `MSCK REPAIR TABLE ${backticks(name)};\n`;
}

function trino({ name, location, format, columns, partitionBy }: TableFiles): string {
  const fields = columns.map((field) => column(quoteIdentifier(field.name), trinoType(field.type)));
  const keys = partitionBy.map((key) => column(quoteIdentifier(key), 'varchar'));
  const options = [
    `external_location = ${sqlText(location)}`,
    `format = '${format.toUpperCase()}'`,
    ...(partitionBy.length === 0 ? [] : [`partitioned_by = ARRAY[${partitionBy.map(sqlText).join(', ')}]`]),
  ];
  const sync =
    partitionBy.length === 0
      ? ''
      : `CALL system.sync_partition_metadata(schema_name => CURRENT_SCHEMA, table_name => ${sqlText(name)}, mode => 'FULL');\n`;
  return (
    `CREATE TABLE ${quoteIdentifier(name)} (\n${[...fields, ...keys].join(',\n')}\n)\n` +
    `WITH (\n${options.map((option) => `  ${option}`).join(',\n')}\n);\n${sync}`
  );
}

/** DuckDB takes the types of the files; those of partitions it would guess. */
function duckdb({ name, location, format, partitionBy }: TableFiles): string {
  if (format === 'orc') return '-- DuckDB does not read ORC.\n';
  const types = partitionBy.map((key) => `${sqlText(key)}: VARCHAR`).join(', ');
  const hive =
    partitionBy.length === 0
      ? 'hive_partitioning = false'
      : `hive_partitioning = true, hive_types = {${types}}`;
  return (
    `CREATE VIEW ${quoteIdentifier(name)} AS\nSELECT * FROM read_parquet(${sqlText(`${location}/**/*.parquet`)},\n` +
    `  ${hive}, union_by_name = true);\n`
  );
}

function hiveType(type: Type, reader: 'spark' | 'hive'): string {
  if (type.storage === 'list') return `ARRAY<${hiveType(type.element, reader)}>`;
  if (type.storage === 'struct') {
    const part = ({ name, type: part }: Field) => `${backticks(name)}: ${hiveType(part, reader)}`;
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
      return reader === 'spark' && !meaning.isInstant ? 'TIMESTAMP_NTZ' : 'TIMESTAMP';
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

function trinoType(type: Type): string {
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
    default:
      return names.bytes;
  }
}

function column(name: string, type: string): string {
  return `  ${name} ${type}`;
}

function backticks(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Spark and Hive take backslashes for escapes. */
function sparkText(text: string): string {
  return `'${text.replace(/[\\']/g, String.raw`\$&`)}'`;
}
