import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { ServiceUnavailable } from '../core/errors.js';
import { writeFileInPlace } from '../core/files.js';
import { freePort, type Premises } from './premises.js';

const startLimitMs = 10_000;

/** The `redis-server` that a shell would find, if any. */
export async function findRedisServer(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, 'redis-server');
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/**
 * Starts a Redis of our own on a free loopback port, which keeps nothing on disk.
 * @returns its URL, which holds a random password.
 */
export async function startRedis(
  premises: Premises,
  program: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const home = join(premises.folder, 'redis');
  await mkdir(home, { mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const password = randomBytes(18).toString('base64url');
    const settings = [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${password}`,
      'save ""',
      'appendonly no',
      'daemonize no',
      `dir "${home}"`,
    ];
    const file = join(home, 'redis.conf');
    await writeFileInPlace(file, `${settings.join('\n')}\n`, 0o600);
    const server = await premises.start(program, [file], { env, cwd: home });
    let ended = false;
    void server.ended.then(() => (ended = true));
    for (const limit = Date.now() + startLimitMs; Date.now() < limit && !ended;) {
      if (server.stdout().includes('eady to accept connections'))
        return `redis://:${password}@127.0.0.1:${port}`;
      signal.throwIfAborted();
      await delay(10);
    }
    await server.stop();
    // Somebody else may have taken the port meanwhile.
    if (attempt === 3)
      throw new ServiceUnavailable(`${program} did not start: ${server.stdout().trim().split('\n').at(-1)}`, {
        hint: 'Take it off the PATH: the demo then keeps its cache in PostgreSQL.',
      });
  }
}
