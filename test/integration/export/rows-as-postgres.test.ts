import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import { profileOf, type Reader } from '../../../src/lib/columnar/reader-profiles.js';
import { exportRows } from '../../../src/lib/export/export-rows.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import type { Manifest } from '../../../src/lib/export/manifest.js';
import { describeRows } from '../../../src/lib/export/rows.js';
import { openFileSource } from '../../../src/lib/sources/open.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { type RandomTable, stored } from './random-table.js';
import { arrayOf, scalars, times } from './sql-types.js';
import { createdBy, formats, written } from './written.js';

/** Types that files of rows can name; the others are PostgreSQL's only. */
const named =
  /^(?:bool|int[248]|float[48]|numeric.*|text|varchar|date|time|timetz|timestamp|timestamptz|interval|uuid|jsonb?|bytea|inet|cidr)$/;
const known = [...scalars, ...times]
  .filter(({ name }) => named.test(name))
  // JSON has one null: a document that is null is read as none.
  .map((type) =>
    /^jsonb?$/.test(type.name)
      ? { ...type, literal: type.literal.filter((text) => !/^E'\s*null\s*'/.test(text)) }
      : type,
  );

const column = fc.oneof(
  { arbitrary: fc.constantFrom(...known), weight: 3 },
  { arbitrary: fc.constantFrom(...known).map(arrayOf), weight: 1 },
);
const tables: fc.Arbitrary<RandomTable> = fc.array(column, { minLength: 10, maxLength: 24 }).chain((types) =>
  fc.record({
    types: fc.constant(types),
    rows: fc.array(fc.tuple(...types.map(({ literal }) => fc.option(literal, { nil: 'NULL', freq: 5 }))), {
      minLength: 1,
      maxLength: 50,
    }),
  }),
);

needs('postgres')('rows of a file', () => {
  let database: OwnDatabase;
  let folder: TemporaryDirectory;
  let client: PostgresClient;
  const { signal } = new AbortController();
  beforeAll(async () => {
    [database, folder] = await Promise.all([ownDatabase(), temporaryDirectory('rows')]);
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    client = await openPostgres({ url: database.url }, timeouts, signal);
  });
  afterAll(async () => {
    await client.close();
    await folder.remove();
  });

  /** A file's pages and its schema; not what its metadata says of where the rows are from. */
  async function contentOf(path: string, columns: Manifest['columns']): Promise<object> {
    const file = await readFile(path);
    const end = file.length - 8 - file.readUInt32LE(file.length - 8);
    return { pages: createHash('sha256').update(file.subarray(0, end)).digest('hex'), columns };
  }

  /** @returns the content of the Parquet file */
  async function fromFile(
    name: string,
    text: string,
    types: readonly { name: string; type: string }[],
    reader: Reader,
  ): Promise<object> {
    const path = join(folder.path, name);
    await writeFile(path, text);
    const source = await openFileSource(path);
    try {
      const rows = describeRows(
        source.columns.map((each) => each.name),
        types,
        [],
        {
          profile: profileOf('parquet', reader),
          numeric: undefined,
          misfits: { infinity: 'error', misread: 'keep' },
        },
      );
      const options = {
        format: formats.parquet,
        createdBy,
        partitionBy: [],
        rowGroupRows: 20,
        query: name,
        reader,
      };
      const out = join(folder.path, `${name}.out`);
      const target = new FolderTarget(out);
      const { files, columns } = await exportRows(source, rows, target, options, signal, {
        update: () => {},
      });
      return await contentOf(join(out, files[0]!.path), columns);
    } finally {
      await source.close();
    }
  }

  it.each(['all', 'duckdb', 'hive'] as const)(
    'become the very pages that the same rows of PostgreSQL become for %s',
    async (reader) => {
      await fc.assert(
        fc.asyncProperty(tables, async (table) => {
          await stored(database, table);
          const types = [
            { name: 'row', type: 'int4' },
            ...table.types.map(({ name }, i) => ({ name: `c${i}`, type: name })),
          ];
          // CSV has one word for an empty text and for null.
          const columns = table.types.map(({ name }, i) =>
            name === 'text' || name === 'varchar' ? `nullif(c${i}, '') AS c${i}` : `c${i}`,
          );
          const sql = `SELECT row, ${columns.join(', ')} FROM random ORDER BY row`;
          const { path, manifest } = await written(database.url, sql, folder.path, { reader });
          const expected = await contentOf(path, manifest.columns);

          const [{ lines }] = (await database.sql(
            `SELECT string_agg(row_to_json(q)::text, E'\\n') AS lines FROM (${sql}) q`,
          )) as [{ lines: string }];
          expect(await fromFile('rows.jsonl', `${lines}\n`, types, reader)).toEqual(expected);

          const parts: Buffer[] = [];
          const copy = `COPY (${sql}) TO STDOUT (FORMAT csv, HEADER)`;
          for await (const part of client.copyOut(copy, { signal, timeoutMs: 60_000 })) parts.push(part);
          expect(await fromFile('rows.csv', Buffer.concat(parts).toString(), types, reader)).toEqual(
            expected,
          );
        }),
        { numRuns: scaled(8) },
      );
    },
  );
});
