import type { PostgresClient } from '../clients/postgres.js';
import { fromBytes, toBytes, type ByteString } from '../core/bytes.js';
import { errorMessage, ServiceUnavailable, systemCode, UserError } from '../core/errors.js';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.js';
import { columnIndex, refuseDuplicates } from './columns.js';
import { CopyTextDecoder, type CopyRow } from './copy-text.js';
import { jsonString, objectWriter } from './json-text.js';
import { canonical, resumableTypes, toJson, toText } from './postgres-values.js';
import type { ReadOptions, RowBatch, RowSource, SourceIdentity, SourcePosition } from './row-source.js';

export type SqlRow = CopyRow;

export interface SqlOptions {
  /** Unique and never null: rows come sorted by it, and reading can continue after its last value. */
  resumeColumn?: string | undefined;
  /**
   * How long the server may take for the next rows (milliseconds, 0: for ever). It is the wait that is bounded and not
   * the whole statement, since the reader may be paced.
   */
  statementTimeoutMs: number;
}

interface SqlColumn {
  name: string;
  /** The OID. */
  type: number;
}

const label = 'SQL';
const usualRows = 4096;

/**
 * The rows of a query that `selectOnly` has printed, streamed by COPY in a READ ONLY transaction. While it is read the
 * client can do nothing else.
 *
 * @throws UserError `SQL_INVALID`, `COLUMN_DUPLICATE`, `COLUMN_MISSING`, `RESUME_COLUMN_UNSUITABLE`; while reading
 * `RESUME_COLUMN_NOT_UNIQUE`; and as the client.
 */
export async function openSql(
  client: PostgresClient,
  sql: string,
  options: SqlOptions,
): Promise<RowSource<SqlRow>> {
  const { resumeColumn, statementTimeoutMs } = options;
  const { columns, typeNames, estimatedRows } = await describe(client, sql, statementTimeoutMs);
  const names = columns.map((column) => column.name);
  refuseDuplicates(names, label, 'Give each column a name of its own with AS.');
  const resume = resumeColumn === undefined ? undefined : resumeBy(resumeColumn, columns);
  const identity: SourceIdentity = {
    kind: 'sql',
    sql,
    ...(resumeColumn === undefined ? {} : { resumeColumn }),
  };
  return {
    identity,
    label,
    columns: columns.map(({ name, type }) => ({ name, type: { oid: type, name: typeNames.get(type)! } })),
    estimatedRows,
    rereadable: true,
    column(name) {
      const index = columnIndex(name, names, label);
      const convert = toText(columns[index]!.type);
      if (!convert) return (row) => row[index]!;
      return (row) => (row[index] === null ? null : convert(row[index]!));
    },
    json: jsonWriter(columns),
    fields: fieldLister(columns),
    batches: (reading) => read(client, query(sql, resume, reading), resume, statementTimeoutMs, reading),
    close: async () => {},
  };
}

async function describe(
  client: PostgresClient,
  sql: string,
  statementTimeoutMs: number,
): Promise<{ columns: SqlColumn[]; typeNames: Map<number, string>; estimatedRows: number | undefined }> {
  try {
    return await client.readOnly(
      async () => {
        const { columns } = await client.query(`SELECT * FROM (${sql}) AS query LIMIT 0`);
        if (columns.length === 0)
          throw new UserError('the SQL gives no columns', {
            code: 'SQL_INVALID',
            hint: 'Select at least one column.',
          });
        const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
          `EXPLAIN (FORMAT JSON) ${sql}`,
          [],
          { columns: ['QUERY PLAN'] },
        );
        const typeNames = await namesOfTypes(client, columns);
        return { columns, typeNames, estimatedRows: rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] };
      },
      { statementTimeoutMs },
    );
  } catch (error) {
    throw sqlError(error, client.target);
  }
}

async function namesOfTypes(client: PostgresClient, columns: SqlColumn[]): Promise<Map<number, string>> {
  const oids = columns.map(({ type }) => type);
  const { rows } = await client.query<{ oid: number; name: string }>(
    'SELECT oid, format_type(oid, NULL) AS name FROM unnest($1::oid[]) AS oid',
    [oids],
    { columns: ['oid', 'name'] },
  );
  return new Map(rows.map(({ oid, name }) => [oid, name]));
}

interface Resume extends SqlColumn {
  index: number;
}

function resumeBy(name: string, columns: SqlColumn[]): Resume {
  const index = columnIndex(
    name,
    columns.map((column) => column.name),
    label,
  );
  const { type } = columns[index]!;
  if (!resumableTypes.has(type))
    throw new UserError(`the resume column '${name}' has a type whose duplicates cannot be told`, {
      code: 'RESUME_COLUMN_UNSUITABLE',
      hint: 'Use a number, text, uuid, date or timestamp: the primary key is best.',
    });
  return { name, type, index };
}

function query(sql: string, resume: Resume | undefined, { from }: ReadOptions): string {
  if (from && (!resume || from.value === undefined))
    throw new UserError('SQL without a resume column starts over', {
      code: 'RESUME_UNSUPPORTED',
      hint: 'Name a unique column with --resume-column.',
    });
  if (!resume) return sql;
  const column = quoteIdentifier(resume.name);
  // The constant is unknown to PostgreSQL until it meets the column, and takes the column's type.
  const after = from ? ` WHERE ${column} > ${quoteLiteral(from.value!)}` : '';
  return `SELECT * FROM (${sql}) AS query${after} ORDER BY ${column}`;
}

async function* read(
  client: PostgresClient,
  sql: string,
  resume: Resume | undefined,
  statementTimeoutMs: number,
  { signal, from, maxRows = usualRows }: ReadOptions,
): AsyncGenerator<RowBatch<SqlRow>> {
  const decoder = new CopyTextDecoder();
  const position: SourcePosition = from ? { ...from } : { rows: 0 };
  const check = resume && uniqueness(resume, position.value);
  const endTransaction = await client.beginReadOnly({ statementTimeoutMs: 0 });
  try {
    const waits = { signal, timeoutMs: statementTimeoutMs };
    for await (const chunk of client.copyOut(`COPY (${sql}) TO STDOUT`, waits)) {
      const decoded = decoder.decode(chunk);
      for (let at = 0; at < decoded.length; at += maxRows) {
        const rows = decoded.length <= maxRows ? decoded : decoded.slice(at, at + maxRows);
        position.rows += rows.length;
        if (check) position.value = check(rows);
        yield { rows, rejected: [], position: { ...position } };
      }
    }
  } catch (error) {
    throw sqlError(error, client.target);
  } finally {
    await endTransaction();
  }
}

/**
 * Checks rows that come sorted, so that equal values stand side by side; gives the last value of each batch. Going on
 * after a value that stands twice, or beside nulls, which no comparison finds, would lose rows.
 */
function uniqueness({ index, name, type }: Resume, after: string | undefined): (rows: SqlRow[]) => string {
  const same = canonical(type);
  let previous = after === undefined ? undefined : same(toBytes(after));
  return (rows) => {
    for (const row of rows) {
      const value = row[index]!;
      if (value === null) throw notUnique(`the resume column '${name}' holds nulls`);
      const text = same(value);
      if (text === previous)
        throw notUnique(`the resume column '${name}' holds ${fromBytes(value)} more than once`);
      previous = text;
    }
    return fromBytes(rows[rows.length - 1]![index]!);
  };
}

function notUnique(message: string): UserError {
  return new UserError(message, {
    code: 'RESUME_COLUMN_NOT_UNIQUE',
    hint:
      'Reading could not continue after it without losing rows. Use a unique column, such as the primary key; of a ' +
      "key of several columns make one in the query: SELECT *, a || ':' || b AS row_id, with --resume-column row_id.",
  });
}

/** The server is up and understood us: what it dislikes is in the query, or in its own state. */
function sqlError(error: unknown, target: string): unknown {
  const state = systemCode(error);
  if (error instanceof UserError || state === undefined || !/^[0-9A-Z]{5}$/.test(state)) return error;
  const message = `PostgreSQL did not run the SQL: ${errorMessage(error)} (${state})`;
  const advice = (error as { hint?: string }).hint ?? adviceFor(state, target);
  const details = { code: 'SQL_FAILED', cause: error, ...(advice === undefined ? {} : { hint: advice }) };
  return /^(?:40|55|57)/.test(state)
    ? new ServiceUnavailable(message, details)
    : new UserError(message, details);
}

function adviceFor(state: string, target: string): string | undefined {
  if (state === '42P01' || state === '3F000')
    return `It was looked for in ${target}. Write it with its schema (metering.readings), or check that the URL names the right database.`;
  return undefined;
}

function jsonWriter(columns: SqlColumn[]): (row: SqlRow) => ByteString {
  const before = columns.map(({ name }, i) => `${i === 0 ? '{' : ','}${jsonString(toBytes(name))}:`);
  const converts = columns.map(({ type }) => toJson(type));
  const valueOf = (row: SqlRow, i: number) => (row[i] === null ? 'null' : converts[i]!(row[i]!));
  return objectWriter(before, valueOf, '}');
}

function fieldLister(columns: SqlColumn[]): (row: SqlRow) => ByteString[] {
  const keys = columns.map(({ name }) => toBytes(name));
  const converts = columns.map(({ type }) => toText(type));
  return (row) => {
    const list: ByteString[] = [];
    for (let i = 0; i < keys.length; i++) {
      const text = row[i]!;
      if (text !== null) list.push(keys[i]!, converts[i]?.(text) ?? text);
    }
    return list;
  };
}
