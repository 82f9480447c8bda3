import type { PostgresClient } from '../clients/postgres.js';
import { mapType, type Mapped } from '../columnar/postgres/types.js';
import { readTypes } from '../columnar/postgres/catalog.js';
import type { Field } from '../columnar/type.js';
import { UserError } from '../core/errors.js';
import { quoteIdentifier } from '../sql/quote.js';

/** A query as it is sent, and how its columns are read. */
export interface ExportQuery {
  readonly sql: string;
  /** Of the file. */
  readonly columns: readonly (Field & Mapped)[];
  /** Which make the partitions, as text; they come behind the others. */
  readonly partitions: readonly (Field & Mapped)[];
}

/**
 * Finds out how the columns of a query are written. Columns of types whose binary form is not read here are asked for as text.
 * @throws UserError `COLUMN_MISSING`, `COLUMN_DUPLICATE`
 */
export async function describeQuery(
  client: PostgresClient,
  sql: string,
  partitionBy: readonly string[],
): Promise<ExportQuery> {
  const { columns } = await client.query(`SELECT * FROM (${sql}) AS query LIMIT 0`);
  const types = await readTypes(
    client,
    columns.map(({ type }) => type),
  );
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new UserError(`the query has two columns named '${twice}'`, {
      code: 'COLUMN_DUPLICATE',
      hint: 'Give each column its own name with AS.',
    });
  const missing = partitionBy.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw new UserError(`there is no column '${missing}' to partition by`, {
      code: 'COLUMN_MISSING',
      hint: `There are ${names.join(', ')}.`,
    });
  const text: Mapped = mapType({ kind: 'enum' }, -1)!;
  const kept = columns.filter(({ name }) => !partitionBy.includes(name));
  if (kept.length === 0)
    throw new UserError('all columns make partitions, and none is left for the files', {
      code: 'COLUMN_MISSING',
      hint: 'Leave one out of --partition-by.',
    });
  const mapped = kept.map(({ name, type, modifier }) => {
    const known = mapType(types.get(type)!, modifier);
    return { name, isText: known === undefined, ...(known ?? text) };
  });
  const selected = [
    ...mapped.map(({ name, isText }) => `${quoteIdentifier(name)}${isText ? '::text' : ''}`),
    ...partitionBy.map((name) => `${quoteIdentifier(name)}::text`),
  ];
  return {
    sql: `SELECT ${selected.join(', ')} FROM (${sql}) AS query`,
    columns: mapped,
    partitions: partitionBy.map((name) => ({ name, ...text })),
  };
}
