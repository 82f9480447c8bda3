import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { ask, freePort } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface VarnishServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  /** One of varnishstat's counters: `MAIN.cache_hit`. */
  counter(name: string): Promise<number>;
  /** What varnishncsa prints of all transactions that are still in memory. */
  log(...args: string[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** A Varnish with 32 MB of memory in front of `origin` (`http://127.0.0.1:PORT`). Needs varnishd and a C compiler. */
export function startVarnish(origin: string, vcl = ''): Promise<VarnishServer> {
  return retrying(() => start(origin, vcl));
}

async function start(origin: string, vcl: string): Promise<VarnishServer> {
  const port = await freePort();
  const folder = await temporaryDirectory('varnish');
  const directory = folder.path;
  const { hostname, port: originPort } = new URL(origin);
  const file = join(directory, 'default.vcl');
  await writeFile(
    file,
    `vcl 4.1;\nbackend default { .host = "${hostname}"; .port = "${originPort}"; }\n${vcl}\n`,
  );
  const env = { PATH: `${process.env['PATH']}:/usr/sbin` };
  let server: ServerProcess;
  try {
    server = await launch({
      command: 'varnishd',
      args: [
        ...['-F', '-j', 'none', '-n', directory, '-a', `127.0.0.1:${port}`, '-f', file],
        ...['-s', 'malloc,32m', '-p', 'thread_pools=1', '-p', 'thread_pool_min=10', '-T', 'none'],
      ],
      directory,
      env,
      ready: async () => (await ask(port, 'ready?\r\n\r\n')).includes('400'),
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
  const run = async (command: string, args: string[]): Promise<string> =>
    (await promisify(execFile)(command, ['-n', directory, ...args], { env, maxBuffer: 2 ** 26 })).stdout;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    directory,
    async counter(name) {
      const { counters } = JSON.parse(await run('varnishstat', ['-1', '-j', '-f', name])) as {
        counters: Record<string, { value: number }>;
      };
      return counters[name]!.value;
    },
    async log(...args) {
      return (await run('varnishncsa', ['-d', ...args])).split('\n').filter((line) => line !== '');
    },
    async stop() {
      await server.stop();
      await folder.remove();
    },
  };
}
