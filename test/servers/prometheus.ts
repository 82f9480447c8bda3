import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface PrometheusOptions {
  /** HOST:PORT of what it scrapes under `/metrics`, each with labels of its own. */
  readonly targets: readonly {
    readonly address: string;
    readonly labels?: Readonly<Record<string, string>>;
  }[];
  /** Default `1s`. */
  readonly scrapeInterval?: string;
  /** More of the configuration's top level: `rule_files`. */
  readonly more?: object;
}

export interface PrometheusServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  /** The instant value of a query: its samples by labels. */
  query(query: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  stop(): Promise<void>;
  /** SIGKILL; what it stored stays, for `restart` on the same port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel, and nobody answers. */
  pause(): void;
  resume(): void;
}

export function prometheusArguments(config: string, data: string, listen: string): string[] {
  return [
    ...[`--config.file=${config}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${listen}`],
    ...['--storage.tsdb.retention.time=1d', '--log.level=warn', '--query.lookback-delta=5m'],
  ];
}

export async function isPrometheusReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  return answer?.ok ?? false;
}

/** A Prometheus of its own on a free loopback port. Needs prometheus. */
export function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  return retrying(() => start(options));
}

async function start({ targets, scrapeInterval = '1s', more }: PrometheusOptions): Promise<PrometheusServer> {
  const port = await freePort();
  const folder = await temporaryDirectory('prometheus');
  const directory = folder.path;
  const url = `http://127.0.0.1:${port}`;
  const file = join(directory, 'prometheus.yml');
  const config = {
    global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval },
    scrape_configs: [
      {
        job_name: 'test',
        honor_labels: true,
        static_configs: targets.map(({ address, labels = {} }) => ({ targets: [address], labels })),
      },
    ],
    ...more,
  };
  await writeFile(file, JSON.stringify(config));
  const run = (): Promise<ServerProcess> =>
    launch({
      command: 'prometheus',
      args: prometheusArguments(file, join(directory, 'data'), `127.0.0.1:${port}`),
      directory,
      startTimeoutMs: 60_000,
      ready: () => isPrometheusReady(url),
    });
  let server: ServerProcess;
  try {
    server = await run();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return {
    url,
    port,
    directory,
    get pid() {
      return server.pid;
    },
    query: (query) => queryPrometheus(url, query),
    async stop() {
      await server.stop();
      await folder.remove();
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

export async function queryPrometheus(
  url: string,
  query: string,
): Promise<{ metric: Record<string, string>; value: number }[]> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const body = (await answer.json()) as {
    error?: string;
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  if (!answer.ok) throw new Error(`${query}: ${body.error}`);
  return body.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}
