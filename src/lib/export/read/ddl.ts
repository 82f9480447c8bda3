import type { Field, Schema, Type } from '../../columnar/type.js';
import { UserError } from '../../core/errors.js';
import { quoteIdentifier } from '../../sql/quote.js';
import { backticks, hiveType, trinoType } from '../reader-types.js';

export const ddlReaders = ['spark', 'hive', 'trino', 'duckdb'] as const;
export type DdlReader = (typeof ddlReaders)[number];

/** What a table is made of. */
export interface TableFiles {
  readonly name: string;
  /** Absolute path or URL of the folder. */
  readonly location: string;
  readonly format: 'parquet' | 'orc';
  /** Of the files. */
  readonly columns: Schema;
  readonly partitions: Schema;
}

/** Statements that make a dataset a table of a reader. @throws UserError `ORC_UNREAD` for DuckDB, which has no reader of ORC */
export function createTable(reader: DdlReader, files: TableFiles): string {
  return { spark, hive, trino, duckdb }[reader]({ ...files, partitions: files.partitions.map(asInFolder) });
}

/** What every reader makes of a folder's name is a whole number or a date; the others stay text. */
function asInFolder(field: Field): Field {
  const { type } = field;
  const isRead = 'meaning' in type && (type.meaning.kind === 'integer' || type.meaning.kind === 'date');
  return isRead ? field : { name: field.name, type: { storage: 'bytes', meaning: { kind: 'text' } } };
}

function spark({ name, location, format, columns, partitions }: TableFiles): string {
  // ORC has one type, which Spark reads as this one.
  const wallTimestamp = format === 'orc' ? 'TIMESTAMP' : 'TIMESTAMP_NTZ';
  const fields = [...columns, ...partitions].map((field) =>
    column(backticks(field.name), hiveType(field.type, wallTimestamp)),
  );
  const keys = partitions.map((key) => backticks(key.name)).join(', ');
  return (
    `CREATE TABLE ${backticks(name)} (\n${fields.join(',\n')}\n)\nUSING ${format.toUpperCase()}${partitionedBy(keys)}\n` +
    `LOCATION ${sparkText(location)};\n${repair(name, partitions)}`
  );
}

function hive({ name, location, format, columns, partitions }: TableFiles): string {
  const declared = (field: Field) => `${backticks(field.name)} ${hiveType(field.type, 'TIMESTAMP')}`;
  const keys = partitions.map(declared).join(', ');
  return (
    `CREATE EXTERNAL TABLE ${backticks(name)} (\n${columns.map((field) => `  ${declared(field)}`).join(',\n')}\n)${partitionedBy(keys)}\n` +
    `STORED AS ${format.toUpperCase()}\nLOCATION ${sparkText(location)};\n${repair(name, partitions)}`
  );
}

function partitionedBy(keys: string): string {
  return keys === '' ? '' : `\nPARTITIONED BY (${keys})`;
}

/** Until then its catalog knows no partition. */
function repair(name: string, partitions: Schema): string {
  return partitions.length === 0 ? '' : `MSCK REPAIR TABLE ${backticks(name)};\n`;
}

function trino({ name, location, format, columns, partitions }: TableFiles): string {
  const fields = [...columns, ...partitions].map((field) =>
    column(quoteIdentifier(field.name), trinoType(field.type)),
  );
  const keys = partitions.map((key) => sqlText(key.name)).join(', ');
  const options = [
    `external_location = ${sqlText(location)}`,
    `format = '${format.toUpperCase()}'`,
    ...(keys === '' ? [] : [`partitioned_by = ARRAY[${keys}]`]),
  ];
  const sync =
    keys === ''
      ? ''
      : `CALL system.sync_partition_metadata(schema_name => CURRENT_SCHEMA, table_name => ${sqlText(name)}, mode => 'FULL');\n`;
  return (
    `CREATE TABLE ${quoteIdentifier(name)} (\n${fields.join(',\n')}\n)\n` +
    `WITH (\n${options.map((option) => `  ${option}`).join(',\n')}\n);\n${sync}`
  );
}

/** DuckDB takes the types of the files; those of partitions it would guess. */
function duckdb({ name, location, format, partitions }: TableFiles): string {
  if (format === 'orc')
    throw new UserError(`${location} has ORC files, which DuckDB does not read`, {
      code: 'ORC_UNREAD',
      hint: 'Export Parquet, or give --ddl another reader.',
    });
  const types = partitions.map((key) => `${sqlText(key.name)}: ${duckdbType(key.type)}`).join(', ');
  const hive =
    types === '' ? 'hive_partitioning = false' : `hive_partitioning = true, hive_types = {${types}}`;
  return (
    `CREATE VIEW ${quoteIdentifier(name)} AS\nSELECT * FROM read_parquet(${sqlText(`${location}/**/*.parquet`)},\n` +
    `  ${hive}, union_by_name = true);\n`
  );
}

/** DuckDB's names of what partitions have are Trino's. */
function duckdbType(type: Type): string {
  return trinoType(type).toUpperCase();
}

function column(name: string, type: string): string {
  return `  ${name} ${type}`;
}

/** Not PostgreSQL's: `quoteLiteral` writes E'' where there is a backslash. */
function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Spark and Hive take backslashes for escapes. */
function sparkText(text: string): string {
  return `'${text.replace(/[\\']/g, String.raw`\$&`)}'`;
}
