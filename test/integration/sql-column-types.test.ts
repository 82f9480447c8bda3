import { expect, test } from 'vitest';

import { openPostgres } from '../../src/lib/clients/postgres.js';
import { openSql } from '../../src/lib/sources/sql.js';
import { needs } from '../servers/needs.js';
import { ownDatabase } from '../servers/shared.js';

needs('postgres')('columns of SQL', () => {
  test('carry the types of PostgreSQL, a domain that of what it is made of', async () => {
    const database = await ownDatabase();
    await database.sql('CREATE DOMAIN kwh AS numeric(10,2)');
    const client = await openPostgres(
      { url: database.url },
      { connectTimeoutMs: 5000, requestTimeoutMs: 5000 },
      new AbortController().signal,
    );
    const { columns } = await openSql(
      client,
      "select 1 as id, 2::kwh as used, now() as at, array['a'] as tags, null::varchar(5) as code, '{}'::jsonb as doc",
      { statementTimeoutMs: 5000 },
    );
    await client.close();
    const names = ['int4', 'numeric', 'timestamptz', '_text', 'varchar', 'jsonb'];
    const known = (await database.sql(
      `select typname, oid::int from pg_type where typname in ('${names.join("','")}')`,
    )) as { typname: string; oid: number }[];
    expect(columns.map(({ type }) => type!.oid)).toEqual(
      names.map((name) => known.find(({ typname }) => typname === name)!.oid),
    );
    expect(columns.map(({ name, type }) => `${name} ${type!.name}`)).toEqual([
      ...['id integer', 'used numeric', 'at timestamp with time zone', 'tags text[]'],
      ...['code character varying', 'doc jsonb'],
    ]);
  });
});
