import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ask, freePort } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface NginxOptions {
  /** What stands in `server { }`, below `listen`: locations, `add_header`. */
  readonly server: string;
  /** What stands in `http { }` before it: `proxy_cache_path`, `log_format`. `$DIR` is the server's folder. */
  readonly http?: string;
  /** Name of the log format. Default: `combined`. */
  readonly logFormat?: string;
  /** Files of its folder that are there before it starts, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** A master with so many workers, which can be told to reload. Default: a single process without a master. */
  readonly workers?: number;
}

export interface NginxServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  /** Its main configuration. */
  readonly config: string;
  /** Its access log. */
  readonly log: string;
  readonly pid: number;
  /** The lines of its access log, of all requests that are finished. */
  lines(): Promise<string[]>;
  stop(): Promise<void>;
  /** SIGKILL; the folder stays, for `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel, and nobody answers. */
  pause(): void;
  resume(): void;
}

/** An NGINX of its own, on a free loopback port. Needs nginx. */
export function startNginx(options: NginxOptions): Promise<NginxServer> {
  return retrying(() => start(options));
}

async function start(options: NginxOptions): Promise<NginxServer> {
  const port = await freePort();
  const folder = await temporaryDirectory('nginx');
  const directory = folder.path;
  const log = join(directory, 'access.log');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  const config = join(directory, 'nginx.conf');
  for (const [name, text] of Object.entries(options.files ?? {}))
    await writeFile(join(directory, name), text);
  const processes = options.workers ? `worker_processes ${options.workers}` : 'master_process off';
  await writeFile(
    config,
    `daemon off; ${processes}; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  ${temporary.join(' ')}
  ${(options.http ?? '').replaceAll('$DIR', directory)}
  access_log ${log} ${options.logFormat ?? 'combined'};
  server {
    listen 127.0.0.1:${port};
    ${options.server.replaceAll('$DIR', directory)}
  }
}
`,
  );
  const run = (): Promise<ServerProcess> =>
    launch({
      command: 'nginx',
      args: ['-p', directory, '-c', config, '-e', join(directory, 'error.log')],
      directory,
      env: { PATH: `${process.env['PATH']}:/usr/sbin` },
      // A request line that is none: answered with 400, and told from real requests in the log.
      ready: async () => (await ask(port, 'ready?\r\n\r\n')).includes('400'),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    directory,
    config,
    log,
    get pid() {
      return server.pid;
    },
    async lines() {
      const text = await readFile(log, 'latin1');
      return text.split('\n').filter((line) => line !== '' && !line.includes('ready?'));
    },
    async stop() {
      await server.stop();
      await folder.remove();
    },
    async kill() {
      // A master that is killed does not take its workers with it.
      if (server.running) process.kill(-server.pid, 'SIGKILL');
      await server.kill();
    },
    async restart() {
      await server.stop();
      server = await run();
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
  };
}
