import { readFile } from 'node:fs/promises';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a version behaves. */
export interface Behaviour {
  readonly name: string;
  /** Share of requests that fail, 0 to 1. */
  readonly failing: number;
  /** Milliseconds that an answer takes. */
  readonly takesMs: number;
}

export interface Router {
  readonly url: string;
  /** Answers so far at `/`, by version, and how many of all failed. */
  counts(): { readonly byVersion: ReadonlyMap<string, number>; readonly failed: number };
  close(): Promise<void>;
}

/** How often the router looks at its file, in milliseconds. */
const lookEveryMs = 100;

/**
 * Versions of a service, and a router before them that shares `/` out by the weights of a file as Envoy reads it (RDS,
 * JSON): what `provider: envoy` writes. `/NAME/` goes to that version.
 */
export async function startRouter(file: string, behaviours: readonly Behaviour[]): Promise<Router> {
  const versions = new Map<string, { server: Server; port: number }>();
  for (const behaviour of behaviours) versions.set(behaviour.name, await startVersion(behaviour));
  let weights = await readWeights(file);
  const looking = setInterval(() => {
    // A file that is being replaced is read again at the next look.
    readWeights(file).then(
      (read) => (weights = read),
      () => {},
    );
  }, lookEveryMs);

  const byVersion = new Map<string, number>();
  let failed = 0;
  const server = createServer((incoming, response) => {
    const direct = incoming.url?.split('/')[1] ?? '';
    const name = versions.has(direct) ? direct : pick(weights);
    const { port } = versions.get(name)!;
    const path = name === direct ? (incoming.url ?? '/').slice(name.length + 1) : incoming.url;
    forward(port, path ?? '/', response, (status) => {
      if (name === direct) return;
      byVersion.set(name, (byVersion.get(name) ?? 0) + 1);
      if (status >= 500) failed++;
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    counts: () => ({ byVersion: new Map(byVersion), failed }),
    async close() {
      clearInterval(looking);
      await Promise.all([server, ...[...versions.values()].map((one) => one.server)].map(stop));
    },
  };
}

/** The file that Envoy would read: all traffic on the first version. */
export function routeFile([first, ...others]: readonly string[]): string {
  const clusters = [{ name: first, weight: 100 }, ...others.map((name) => ({ name, weight: 0 }))];
  const route = { match: { prefix: '/' }, route: { weighted_clusters: { clusters } } };
  const type = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
  const hosts = [{ name: 'web', domains: ['*'], routes: [route] }];
  return `${JSON.stringify({ resources: [{ '@type': type, name: 'web', virtual_hosts: hosts }] }, null, 2)}\n`;
}

interface Weight {
  readonly name: string;
  readonly weight: number;
}

async function readWeights(file: string): Promise<Weight[]> {
  const { resources } = JSON.parse(await readFile(file, 'utf8'));
  return resources[0].virtual_hosts[0].routes[0].route.weighted_clusters.clusters as Weight[];
}

function pick(weights: readonly Weight[]): string {
  let at = Math.random() * weights.reduce((sum, { weight }) => sum + weight, 0);
  return (weights.find(({ weight }) => (at -= weight) < 0) ?? weights[0]!).name;
}

async function startVersion({ name, failing, takesMs }: Behaviour) {
  const server = createServer(({ url }, response) => {
    setTimeout(() => {
      // As so often, its own health check is content.
      response.statusCode = url !== '/healthz' && Math.random() < failing ? 500 : 200;
      response.end(`${name}\n`);
    }, takesMs);
  });
  return { server, port: await listen(server) };
}

function forward(
  port: number,
  path: string,
  response: ServerResponse,
  answered: (status: number) => void,
): void {
  const finish = (status: number) => {
    answered(status);
    response.statusCode = status;
  };
  const upstream = request({ host: '127.0.0.1', port, path }, (answer) => {
    finish(answer.statusCode ?? 502);
    answer.pipe(response);
  });
  upstream.on('error', () => {
    finish(502);
    response.end();
  });
  upstream.end();
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
