import type { PostgresClient } from '../clients/postgres.js';
import { type CatalogType, readTypes } from '../columnar/postgres/catalog.js';
import { ask } from '../columnar/postgres/expressions.js';
import { type Reader, warningsFor } from '../columnar/postgres/profiles.js';
import { asText, type Mapped, type TypeRules, typeOfText } from '../columnar/postgres/types.js';
import { type MisfitRules, Refusals } from '../columnar/refusals.js';
import type { Field, Schema } from '../columnar/type.js';
import { UserError } from '../core/errors.js';
import { quoteIdentifier } from '../sql/quote.js';

/** A query as it is sent, and how its columns are read. */
export interface ExportQuery {
  /** `select` of all rows. A condition may be added. */
  readonly sql: string;
  /** `SELECT` with what is read of each row of a relation that is called `query`. */
  readonly select: string;
  /** Of the file. */
  readonly columns: readonly (Field & Mapped)[];
  /** Which make the partitions, as text; they come behind the others. */
  readonly partitions: readonly (Field & Mapped)[];
  /** Those columns with the types of their values. */
  readonly partitionTypes: Schema;
  /** Those of them that are text in the database as well. */
  readonly textPartitions: readonly string[];
  /** The readers that it was made for. */
  readonly reader: Reader;
  /** Takes values that the files cannot hold. */
  readonly refusals: Refusals;
  /** What common readers make of the columns, if it is not what one expects. */
  readonly warnings: readonly string[];
}

/** How values are written. */
export interface WriteRules extends TypeRules {
  readonly misfits: MisfitRules;
}

/**
 * Finds out how the columns of a query are written. Columns of types whose binary form is not read here are asked for as text.
 * @throws UserError `COLUMN_MISSING`, `COLUMN_DUPLICATE`
 */
export async function describeQuery(
  client: PostgresClient,
  sql: string,
  partitionBy: readonly string[],
  rules: WriteRules,
): Promise<ExportQuery> {
  const { columns } = await client.query(`SELECT * FROM (${sql}) AS query LIMIT 0`);
  checkNames(
    columns.map(({ name }) => name),
    partitionBy,
  );
  const types = await readTypes(
    client,
    columns.map(({ type }) => type),
  );
  const isEncodingUnknown = await hasUnknownEncoding(client);
  const asked = columns
    .filter(({ name }) => !partitionBy.includes(name))
    .map(({ name, type, modifier }) => ({
      name,
      ...ask(quoteIdentifier(name), types.get(type)!, modifier, { ...rules, isEncodingUnknown }),
    }));
  const selected = [
    ...asked.map((column) => column.sql),
    ...partitionBy.map((name) => `${quoteIdentifier(name)}::text`),
  ];
  const select = `SELECT ${selected.join(', ')}`;
  return {
    sql: `${select} FROM (${sql}) AS query`,
    select,
    columns: asked,
    partitions: partitionBy.map((name) => ({ name, ...asText })),
    partitionTypes: partitionBy.map((name) => {
      const { type, modifier } = columns.find((column) => column.name === name)!;
      return { name, type: typeOfText(types.get(type)!, modifier) };
    }),
    textPartitions: columns
      .filter(({ name, type }) => partitionBy.includes(name) && isText(types.get(type)!))
      .map(({ name }) => name),
    reader: rules.profile.reader,
    refusals: new Refusals(rules.misfits),
    warnings: warningsFor(asked, rules.profile),
  };
}

function isText(type: CatalogType): boolean {
  if (type.kind === 'domain') return isText(type.base);
  return type.kind === 'enum' || (type.kind === 'scalar' && /^(text|varchar|bpchar|citext)$/.test(type.name));
}

/**
 * Readers that do not tell upper from lower case cannot open files where only that tells columns apart.
 * @throws UserError `COLUMN_MISSING`, `COLUMN_DUPLICATE`
 */
export function checkNames(names: readonly string[], partitionBy: readonly string[]): void {
  const folded = names.map((name) => name.toLowerCase());
  const second = folded.findIndex((name, i) => folded.indexOf(name) < i);
  if (second !== -1) {
    const [one, other] = [names[folded.indexOf(folded[second]!)]!, names[second]!];
    throw new UserError(
      one === other
        ? `there are two columns named '${one}'`
        : `the columns '${one}' and '${other}' differ in upper and lower case only, which most readers do not tell apart`,
      { code: 'COLUMN_DUPLICATE', hint: 'Give each column its own name with AS.' },
    );
  }
  const missing = partitionBy.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw new UserError(`there is no column '${missing}' to partition by`, {
      code: 'COLUMN_MISSING',
      hint: `There are ${names.join(', ')}.`,
    });
  if (names.every((name) => partitionBy.includes(name)))
    throw new UserError('all columns make partitions, and none is left for the files', {
      code: 'COLUMN_MISSING',
      hint: 'Leave one out of --partition-by.',
    });
}

async function hasUnknownEncoding(client: PostgresClient): Promise<boolean> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT pg_encoding_to_char(encoding) AS name FROM pg_database WHERE datname = current_database()`,
  );
  return rows[0]?.name === 'SQL_ASCII';
}
