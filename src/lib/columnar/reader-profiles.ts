import type { Schema, Type } from './type.js';

/** Who reads the files. */
export const readers = ['all', 'duckdb', 'spark', 'hive', 'trino'] as const;
export type Reader = (typeof readers)[number];

/** How types are written of which readers know different forms. */
export interface Profile {
  readonly reader: Reader;
  readonly format: 'parquet' | 'orc';
  readonly uuid: 'text' | 'uuid';
  /** Microseconds since midnight in each case; `time` says so to the reader. */
  readonly time: 'integer' | 'time';
  readonly json: 'text' | 'json';
  /** Hive before version 4 reads INT96 only. */
  readonly timestamp: 'int64' | 'int96';
  /** Hive before version 3 reads decimals of fixed length only. */
  readonly decimal: 'shortest' | 'fixed';
}

const plain = {
  uuid: 'text',
  time: 'integer',
  json: 'text',
  timestamp: 'int64',
  decimal: 'shortest',
} as const;

const parquet: Readonly<Record<Reader, Omit<Profile, 'reader' | 'format'>>> = {
  all: { ...plain, json: 'json' },
  duckdb: { ...plain, uuid: 'uuid', time: 'time', json: 'json' },
  spark: { ...plain, json: 'json' },
  hive: { ...plain, timestamp: 'int96', decimal: 'fixed' },
  trino: { ...plain, uuid: 'uuid', time: 'time' },
};

/** ORC has one form of each type. */
export function profileOf(format: Profile['format'], reader: Reader): Profile {
  return { reader, format, ...(format === 'orc' ? plain : parquet[reader]) };
}

const unread: Readonly<Record<string, string>> = {
  uuid: 'Spark before version 4.2 and Hive cannot open',
  time: 'Spark 4.0 and Hive cannot open',
};

/** What a person who chose a profile should know of its columns, a sentence each. */
export function warningsFor(columns: Schema, { reader, format }: Profile): string[] {
  if (format === 'orc' && reader === 'duckdb')
    return ['DuckDB does not read ORC; other readers open the files'];
  const named = (kind: string) =>
    columns.filter(({ type }) => hasMeaning(type, kind)).map(({ name }) => `'${name}'`);
  return Object.entries(unread).flatMap(([kind, who]) => {
    const names = named(kind);
    if (names.length === 0) return [];
    const noun = names.length === 1 ? 'the column' : 'the columns';
    return [`${who} ${noun} ${names.join(', ')} (${kind.toUpperCase()}); --for all writes what they can`];
  });
}

function hasMeaning(type: Type, kind: string): boolean {
  if (type.storage === 'list') return hasMeaning(type.element, kind);
  if (type.storage === 'struct') return type.fields.some((field) => hasMeaning(field.type, kind));
  return type.meaning.kind === kind;
}
