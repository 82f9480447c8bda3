import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { envoyProgram } from './cache-folder.js';
import { freePorts } from './ports.js';
import { launch, retrying, temporaryDirectory, type ServerProcess } from './process.js';

export interface EnvoyOptions {
  /** HOST:PORT of each cluster's endpoints. */
  readonly clusters: Readonly<Record<string, readonly string[]>>;
  /** What the first route file says. Default: everything to the first cluster. */
  readonly weights?: Readonly<Record<string, number>>;
}

export interface EnvoyServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly admin: string;
  readonly pid: number;
  readonly directory: string;
  /** The route file, in a folder of its own that Envoy watches: a file renamed onto it is read within a second. */
  readonly routes: string;
  /** Writes the route file again, under its name at once. */
  setWeights(weights: Readonly<Record<string, number>>): Promise<void>;
  /** The weights that Envoy goes by now, as its admin interface says. */
  weights(): Promise<Record<string, number>>;
  /** A counter or gauge of `/stats`, 0 when there is none: `http.ingress.rds.local_route.update_success`. */
  stat(name: string): Promise<number>;
  stop(): Promise<void>;
  /** SIGKILL; the folder stays, for `restart` on the same ports. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

const ROUTE = 'local_route';

/** A RouteConfiguration as Envoy reads it from a file. */
export function describeRoutes(weights: Readonly<Record<string, number>>): object {
  const clusters = Object.entries(weights).map(([name, weight]) => ({ name, weight }));
  return {
    version_info: '1',
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
        name: ROUTE,
        virtual_hosts: [
          {
            name: 'web',
            domains: ['*'],
            routes: [
              {
                name: 'web',
                match: { prefix: '/' },
                route: {
                  weighted_clusters: { clusters },
                  retry_policy: { retry_on: 'reset-before-request,connect-failure', num_retries: 2 },
                },
              },
            ],
          },
        ],
      },
    ],
  };
}

/** An Envoy of its own on free loopback ports, which takes its routes from a file. Needs envoy. */
export function startEnvoy(options: EnvoyOptions): Promise<EnvoyServer> {
  return retrying(() => start(options));
}

async function start({ clusters, weights }: EnvoyOptions): Promise<EnvoyServer> {
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const folder = await temporaryDirectory('envoy');
  const directory = folder.path;
  const routes = join(directory, 'routes', 'routes.json');
  const admin = `http://127.0.0.1:${adminPort}`;
  const setWeights = async (next: Readonly<Record<string, number>>): Promise<void> => {
    const file = join(directory, 'routes.new');
    await writeFile(file, JSON.stringify(describeRoutes(next)));
    await rename(file, routes);
  };
  await mkdir(dirname(routes));
  await setWeights(weights ?? { [Object.keys(clusters)[0]!]: 100 });
  const config = join(directory, 'envoy.json');
  await writeFile(config, JSON.stringify(bootstrap({ port, adminPort, routes, clusters })));
  const run = (): Promise<ServerProcess> =>
    launch({
      command: envoyProgram(),
      args: ['-c', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warn'],
      directory,
      startTimeoutMs: 60_000,
      async ready() {
        const answer = await fetch(`${admin}/ready`).catch(() => undefined);
        return answer?.ok ?? false;
      },
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
    admin,
    directory,
    routes,
    get pid() {
      return server.pid;
    },
    setWeights,
    async weights() {
      const dump = await fetch(`${admin}/config_dump?resource=dynamic_route_configs`);
      const { configs } = (await dump.json()) as {
        configs: { route_config: ReturnType<typeof JSON.parse> }[];
      };
      const [route] = configs.flatMap(({ route_config }) => route_config.virtual_hosts[0].routes);
      return Object.fromEntries(
        route.route.weighted_clusters.clusters.map((each: { name: string; weight?: number }) => [
          each.name,
          each.weight ?? 0,
        ]),
      );
    },
    async stat(name) {
      const text = await (await fetch(`${admin}/stats?filter=^${name}$`)).text();
      return Number(text.split(': ')[1] ?? 0);
    },
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

function bootstrap({
  port,
  adminPort,
  routes,
  clusters,
}: {
  readonly port: number;
  readonly adminPort: number;
  readonly routes: string;
  readonly clusters: EnvoyOptions['clusters'];
}): object {
  const socket = (address: string, at: number): object => ({ socket_address: { address, port_value: at } });
  const http = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
  return {
    node: { id: 'test', cluster: 'test' },
    admin: { address: socket('127.0.0.1', adminPort) },
    static_resources: {
      listeners: [
        {
          name: 'ingress',
          address: socket('127.0.0.1', port),
          filter_chains: [
            {
              filters: [
                {
                  name: 'http',
                  typed_config: {
                    '@type': `type.googleapis.com/${http}`,
                    stat_prefix: 'ingress',
                    rds: {
                      route_config_name: ROUTE,
                      config_source: {
                        resource_api_version: 'V3',
                        path_config_source: { path: routes, watched_directory: { path: dirname(routes) } },
                      },
                    },
                    http_filters: [{ name: 'router', typed_config: { '@type': router } }],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: Object.entries(clusters).map(([name, endpoints]) => ({
        name,
        type: 'STATIC',
        connect_timeout: '10s',
        // What has piled up when a machine has stalled is no overload.
        circuit_breakers: {
          thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }],
        },
        load_assignment: {
          cluster_name: name,
          endpoints: [
            {
              lb_endpoints: endpoints.map((endpoint) => {
                const [host, at] = endpoint.split(':') as [string, string];
                return { endpoint: { address: socket(host, Number(at)) } };
              }),
            },
          ],
        },
      })),
    },
  };
}
