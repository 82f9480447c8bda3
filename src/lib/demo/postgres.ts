import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { ServiceUnavailable } from '../core/errors.js';
import { writeFileInPlace } from '../core/files.js';
import { type Binaries, serverUser, usableBinaries } from './native.js';
import { freePort, type Premises, type Started } from './premises.js';

const startLimitMs = 20_000;

/** For data that may be lost: nothing waits for the disk, and nothing lies outside the data folder. */
const serverSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  dynamic_shared_memory_type: 'mmap',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '40',
  autovacuum: 'off',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/**
 * Starts an empty PostgreSQL of our own on a free loopback port, in a folder of the premises, which also stop it.
 * @returns its URL, which holds a random password.
 * @throws UserError ServiceUnavailable
 */
export async function startPostgres(
  premises: Premises,
  installed: Binaries,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const user = await serverUser();
  const binaries = await usableBinaries(installed, premises.folder, user);
  const home = join(premises.folder, 'postgres');
  const data = join(home, 'data');
  const password = randomBytes(18).toString('base64url');
  await mkdir(home, { mode: 0o700 });
  if (user) await chown(home, user.uid, user.gid);
  const serverEnv = { ...withoutPostgresSettings(env), LC_ALL: 'C', TZ: 'UTC' };

  await initialise(premises, binaries, home, password, serverEnv, user);
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const port = await freePort();
    const settings = Object.entries(serverSettings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const options = { env: serverEnv, cwd: home, user };
    const server = await premises.start(
      binaries.postgres,
      ['-D', data, '-p', String(port), ...settings],
      options,
    );
    if (await ready(server, signal)) {
      await freeSegmentWhenKilled(server, data);
      return `postgres://metrify:${password}@127.0.0.1:${port}/postgres`;
    }
    const reason = lastLines(server.stderr());
    await server.stop();
    // Somebody else may have taken the port meanwhile.
    if (attempt === 3) throw new ServiceUnavailable(`the embedded PostgreSQL did not start: ${reason}`);
  }
}

async function initialise(
  premises: Premises,
  binaries: Binaries,
  home: string,
  password: string,
  env: NodeJS.ProcessEnv,
  user: { uid: number; gid: number } | undefined,
): Promise<void> {
  const passwordFile = join(home, 'password');
  await writeFileInPlace(passwordFile, `${password}\n`, 0o600);
  if (user) await chown(passwordFile, user.uid, user.gid);
  const flags = [
    `--pgdata=${join(home, 'data')}`,
    `--pwfile=${passwordFile}`,
    '--username=metrify',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ];
  const initdb = await premises.start(binaries.initdb, flags, { env, cwd: home, user });
  const { code } = await initdb.ended;
  await rm(passwordFile, { force: true });
  if (code !== 0)
    throw new ServiceUnavailable(
      `the embedded PostgreSQL could not be set up: ${lastLines(initdb.stderr())}`,
    );
}

/** False when it ended, or said nothing for too long. @throws the signal's reason. */
async function ready(server: Started, signal: AbortSignal): Promise<boolean> {
  let ended = false;
  void server.ended.then(() => (ended = true));
  for (const limit = Date.now() + startLimitMs; Date.now() < limit && !ended;) {
    if (server.stderr().includes('database system is ready to accept connections')) return true;
    signal.throwIfAborted();
    await delay(10);
  }
  return false;
}

/** The server removes its small System V segment when it ends, unless it is killed: then we do. */
async function freeSegmentWhenKilled(server: Started, data: string): Promise<void> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const segment = lines[6]?.trim().split(/\s+/)[1];
  if (segment === undefined) return;
  void server.ended.then(({ signal }) => {
    if (signal === 'SIGKILL') execFile('ipcrm', ['-m', segment], () => {});
  });
}

/** The person's own PG* variables would be read by these programs, too. */
function withoutPostgresSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(PG|METRIFY_|LC_|LANG)/.test(name)));
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ');
}
