import type { Type } from '../../columnar/type.js';
import { UserError } from '../../core/errors.js';
import { quoteIdentifier } from '../../sql/quote.js';
import type { ExportQuery } from '../query.js';

export interface SparkColumn {
  readonly name: string;
  /** A type of Spark's SQL, or how a number becomes one: days since 1970, or microseconds since then, in UTC or on the wall. */
  readonly as: string;
}

/** What a column is asked for as, so that no driver's calendar or time zone comes between. */
interface Asked {
  readonly sql: string;
  readonly as: string;
}

/** pg_type: time. */
const timeOid = 1083;

/**
 * The query that Spark sends, and what it makes of the answer.
 * @param types OIDs of the query's columns
 * @throws UserError `SPARK_TYPE`
 */
export function askForSpark(
  { sql, columns, partitions }: ExportQuery,
  types: readonly number[],
  infinity: 'error' | 'null',
): { readonly sql: string; readonly columns: readonly SparkColumn[] } {
  const asked = columns.map(({ name, type }, i) => ({
    name,
    ...ask(name, type, types[i] === timeOid, infinity),
  }));
  const selected = [
    ...asked.map((column) => `${column.sql} AS ${quoteIdentifier(column.name)}`),
    ...partitions.map(({ name }) => quoteIdentifier(name)),
  ];
  return { sql: `SELECT ${selected.join(', ')} FROM (${sql}) AS export`, columns: asked };
}

function ask(name: string, type: Type, isTime: boolean, infinity: 'error' | 'null'): Asked {
  const value = quoteIdentifier(name);
  if (type.storage === 'list' || type.storage === 'struct')
    throw refused(
      name,
      type.storage === 'list' ? 'an array' : 'a value with parts (a composite type, or an interval)',
    );
  // Otherwise PostgreSQL refuses infinity: no number stands for it.
  const finite = (sql: string) =>
    infinity === 'null' ? `CASE WHEN isfinite(${value}) THEN ${sql} END` : sql;
  const { storage, meaning } = type;
  switch (meaning.kind) {
    case 'integer':
      if (isTime) return { sql: microseconds(value), as: 'bigint' };
      return { sql: value, as: meaning.bits === 16 ? 'smallint' : meaning.bits === 32 ? 'int' : 'bigint' };
    case 'decimal':
      return {
        sql: `${value}::numeric(${meaning.precision}, ${meaning.scale})`,
        as: `decimal(${meaning.precision}, ${meaning.scale})`,
      };
    case 'date':
      return { sql: finite(`(${value} - date '1970-01-01')`), as: 'days' };
    case 'timestamp':
      return { sql: finite(microseconds(value)), as: meaning.isInstant ? 'instant' : 'wall' };
    case 'text':
    case 'json':
      // The type's own output: a cast adds the netmask of inet, and takes the spaces of char(n) away.
      return { sql: `CASE WHEN ${value} IS NOT NULL THEN format('%s', ${value}) END`, as: 'string' };
    case 'plain': {
      const plain = { boolean: 'boolean', float32: 'float', float64: 'double', bytes: 'binary' }[
        storage as string
      ];
      if (plain !== undefined) return { sql: value, as: plain };
      break;
    }
    case 'time':
    case 'timestamp96':
    case 'uuid':
  }
  throw refused(name, `a column of the kind ${meaning.kind}`);
}

function microseconds(value: string): string {
  return `(extract(epoch FROM ${value}) * 1000000)::bigint`;
}

function refused(name: string, what: string): UserError {
  return new UserError(
    `the column '${name}' is ${what}, which the engine spark does not write for this reader`,
    {
      code: 'SPARK_TYPE',
      hint: `Cast it in the query (${name}::text), give --for spark, or leave --engine out.`,
    },
  );
}
