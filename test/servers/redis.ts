import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { ask, freePort } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface RedisOptions {
  /** More arguments of redis-server: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  readonly port?: number;
  /** An existing folder; it is kept at the end. Default: a temporary one. */
  readonly directory?: string;
  readonly password?: string;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly pid: number;
  readonly running: boolean;
  /** Runs redis-cli against this server; resolves to its stdout without the last line end. */
  cli(...args: string[]): Promise<string>;
  stop(): Promise<void>;
  /** SIGKILL; the folder stays, for `restart`. */
  kill(): Promise<void>;
  /** Stops it when it runs, and starts it again on the same port and in the same folder. */
  restart(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel, and nobody answers. */
  pause(): void;
  resume(): void;
}

/** A Redis that keeps nothing on disk, unless `args` say so. Needs redis-server and redis-cli. */
export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return retrying(() => start(options), options.port === undefined ? 3 : 1);
}

async function start(options: RedisOptions): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const temporary = options.directory === undefined ? await temporaryDirectory('redis') : undefined;
  const directory = options.directory ?? temporary!.path;
  const run = (): Promise<ServerProcess> =>
    launch({
      command: 'redis-server',
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--daemonize', 'no'],
        ...['--save', '', '--appendonly', 'no', '--databases', '256', '--repl-diskless-sync-delay', '0'],
        ...(options.password === undefined ? [] : ['--requirepass', options.password]),
        ...(options.args ?? []),
      ],
      directory,
      temporary: temporary !== undefined,
      ready: async () => /^(\+PONG|-NOAUTH)/.test(await ask(port, 'PING\r\n')),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await temporary?.remove();
    throw error;
  }
  const credentials = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    url: `redis://${credentials}127.0.0.1:${port}`,
    port,
    directory,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    cli: (...args) => redisCli(port, args, options.password),
    async stop() {
      await server.stop();
      await temporary?.remove();
    },
    kill: () => server.kill(),
    async restart() {
      await server.stop();
      server = await run();
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
  };
}

export async function redisCli(port: number, args: readonly string[], password?: string): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), ...args], {
    env: { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) },
    maxBuffer: 256 * 2 ** 20,
  });
  return stdout.replace(/\n$/, '');
}
