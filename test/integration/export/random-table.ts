import fc from 'fast-check';

import type { LakeTable, LakeValue } from '../../servers/lake.js';
import type { OwnDatabase } from '../../servers/shared.js';
import { arrayOf, comparable, prelude, recordOf, scalars, type SqlType } from './sql-types.js';

export interface RandomTable {
  readonly types: readonly SqlType[];
  readonly rows: readonly (readonly string[])[];
}

/** Tables with columns of any types, and arrays and records of those. */
export function randomTables(more: readonly SqlType[]): fc.Arbitrary<RandomTable> {
  const scalar = fc.constantFrom(...scalars, ...more);
  const record = (part: fc.Arbitrary<SqlType>) =>
    fc.array(part, { minLength: 1, maxLength: 4 }).map(recordOf);
  const inner = fc.oneof(scalar, record(scalar));
  const any = fc.oneof(
    { arbitrary: scalar, weight: 4 },
    { arbitrary: inner.map(arrayOf), weight: 2 },
    { arbitrary: record(fc.oneof(scalar, scalar.map(arrayOf))), weight: 1 },
  );
  return fc.array(any, { minLength: 10, maxLength: 24 }).chain((types) => {
    const cells = types.map((type) => fc.option(type.literal, { nil: 'NULL', freq: 5 }));
    return fc.record({
      types: fc.constant(types),
      rows: fc.array(fc.tuple(...cells), { maxLength: 50 }),
    });
  });
}

/** Puts the table into the database. @returns what PostgreSQL says of its values, row by row */
export async function stored(database: OwnDatabase, { types, rows }: RandomTable): Promise<unknown[][]> {
  const definitions = new Set(types.flatMap((type) => type.definitions ?? []));
  const columns = types.map(({ name }, i) => `c${i} ${name}`);
  await database.sql(
    [
      'DROP SCHEMA public CASCADE; CREATE SCHEMA public;',
      prelude,
      ...definitions,
      `CREATE TABLE random (row int, ${columns.join(', ')});`,
      ...rows.map((row, i) => `INSERT INTO random VALUES (${[i, ...row].join(', ')});`),
    ].join('\n'),
  );
  const found = await database.sql(
    `SELECT ${types.map((type, i) => `${type.plain(`c${i}`)} AS c${i}`).join(', ')} FROM random ORDER BY row`,
  );
  return found.map((row) => types.map((type, i) => comparable(row[`c${i}`] as LakeValue, type)));
}

/** What a reader says of the values, row by row. */
export function found({ rows }: LakeTable, { types }: RandomTable): unknown[][] {
  return [...rows]
    .sort((a, b) => Number(a[0]) - Number(b[0]))
    .map(([, ...row]) => types.map((type, i) => comparable(row[i], type)));
}
