import {
  infinite,
  lastTime,
  minusInfinite,
  notANumber,
  tooLate,
  tooManyDigits,
} from '../../columnar/misfits.js';
import type { Misfit } from '../../columnar/refusals.js';
import type { Type } from '../../columnar/type.js';
import { UserError } from '../../core/errors.js';
import { quoteIdentifier } from '../../sql/quote.js';
import type { ExportQuery } from '../query.js';

/** A column, and what it is asked for as, so that no driver's calendar or time zone comes between. */
export interface SparkColumn {
  readonly name: string;
  /** Of a value that fits. */
  readonly sql: string;
  /** A type of Spark's SQL, or how a number becomes one: days since 1970, or microseconds since then, in UTC or on the wall. */
  readonly as: string;
  /** Conditions of values that do not fit, of which the first that is true counts. */
  readonly misfits: readonly { readonly condition: string; readonly misfit: Misfit }[];
}

/** pg_type: time, bytea. */
const [timeOid, byteaOid] = [1083, 17];

/**
 * How the columns of a query are asked for.
 * @param types OIDs of the query's columns
 * @throws UserError `SPARK_TYPE`
 */
export function columnsForSpark(
  { columns }: Pick<ExportQuery, 'columns'>,
  types: readonly number[],
): readonly SparkColumn[] {
  return columns.map(({ name, type }, i) => ({ name, misfits: [], ...ask(name, type, types[i]!) }));
}

/** The query that Spark sends. Values that do not fit are null there. */
export function queryForSpark(
  { sql, partitions }: Pick<ExportQuery, 'sql' | 'partitions'>,
  columns: readonly SparkColumn[],
): string {
  const selected = columns.map(({ name, sql: value, misfits }) => {
    const unfit = misfits.map(({ condition }) => `WHEN ${condition} THEN NULL`).join(' ');
    return `${unfit ? `CASE ${unfit} ELSE ${value} END` : value} AS ${quoteIdentifier(name)}`;
  });
  const folders = partitions.map(({ name }) => quoteIdentifier(name));
  return `SELECT ${[...selected, ...folders].join(', ')} FROM (${sql}) AS export`;
}

function ask(
  name: string,
  type: Type,
  oid: number,
): Omit<SparkColumn, 'name' | 'misfits'> & Partial<SparkColumn> {
  const value = quoteIdentifier(name);
  if (type.storage === 'list' || type.storage === 'struct')
    throw refused(
      name,
      type.storage === 'list' ? 'an array' : 'a value with parts (a composite type, or an interval)',
    );
  const infinities = [
    { condition: `${value} = 'infinity'`, misfit: infinite },
    { condition: `${value} = '-infinity'`, misfit: minusInfinite },
  ];
  const { storage, meaning } = type;
  switch (meaning.kind) {
    case 'integer':
      if (oid === timeOid) return { sql: microseconds(value), as: 'bigint' };
      return { sql: value, as: meaning.bits === 16 ? 'smallint' : meaning.bits === 32 ? 'int' : 'bigint' };
    case 'decimal': {
      const { precision, scale } = meaning;
      return {
        sql: `${value}::numeric(${precision}, ${scale})`,
        as: `decimal(${precision}, ${scale})`,
        misfits: [
          { condition: `${value} = 'NaN'`, misfit: notANumber },
          // As text: PostgreSQL 13 has no infinite numeric to compare with.
          { condition: `${value}::text = 'Infinity'`, misfit: infinite },
          { condition: `${value}::text = '-Infinity'`, misfit: minusInfinite },
          {
            condition: `abs(${value}) >= '1e${precision - scale}' OR ${value} <> round(${value}, ${scale})`,
            misfit: tooManyDigits(precision, scale),
          },
        ],
      };
    }
    case 'date':
      return { sql: `(${value} - date '1970-01-01')`, as: 'days', misfits: infinities };
    case 'timestamp':
      return {
        sql: microseconds(value),
        as: meaning.isInstant ? 'instant' : 'wall',
        misfits: [...infinities, { condition: `${value} > '${lastTime}+00'`, misfit: tooLate }],
      };
    case 'text':
    case 'json':
      if (oid === byteaOid) throw refused(name, 'text of a database that does not say its encoding');
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
