import { ask, freePort } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface MemcachedServer {
  /** `127.0.0.1:PORT`, as in METRIFY_MEMCACHED_SERVERS. */
  readonly server: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** On the same port, and empty. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** Memcached with 256 MB unless `args` say otherwise. */
export function startMemcached(
  options: { readonly args?: readonly string[] } = {},
): Promise<MemcachedServer> {
  return retrying(() => start(options.args ?? []));
}

async function start(args: readonly string[]): Promise<MemcachedServer> {
  const port = await freePort();
  const directory = await temporaryDirectory('memcached');
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const run = (): Promise<ServerProcess> =>
    launch({
      command: 'memcached',
      args: ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-m', '256', ...asRoot, ...args],
      directory: directory.path,
      ready: async () => (await ask(port, 'version\r\n')).startsWith('VERSION'),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await directory.remove();
    throw error;
  }
  return {
    server: `127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid;
    },
    async stop() {
      await server.stop();
      await directory.remove();
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
