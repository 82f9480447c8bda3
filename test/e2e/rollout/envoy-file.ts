import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Finished, metrify, type Running, startMetrify } from '../run.js';

/** How a version answers. */
export interface Behaviour {
  /** Share of its answers that are errors. */
  failing: number;
  takesMs: number;
}

export const healthy: Behaviour = { failing: 0, takesMs: 5 };

/** Two versions of a service behind one port, by `/NAME/`. */
export class Versions {
  readonly behaviours = new Map<string, Behaviour>();
  private readonly asked = new Map<string, number>();
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const name = request.url?.split('/')[1] ?? '';
      const behaviour = this.behaviours.get(name);
      if (!behaviour) return void response.writeHead(404).end();
      const count = (this.asked.get(name) ?? 0) + 1;
      this.asked.set(name, count);
      // Spread evenly, not at random: a test judges the verdict, not luck.
      const fails = Math.floor(count * behaviour.failing) > Math.floor((count - 1) * behaviour.failing);
      setTimeout(() => response.writeHead(fails ? 500 : 200).end(`this is ${name}`), behaviour.takesMs);
    });
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** An operator's folder: Envoy's route file and the rollout's description. Nobody reads the route file. */
export class Desk {
  protected constructor(
    readonly path: string,
    readonly versions: Versions,
  ) {}

  static async open(): Promise<Desk> {
    return new this(...(await Desk.furnish()));
  }

  protected static async furnish(): Promise<[string, Versions]> {
    const versions = new Versions();
    await versions.listen();
    return [await mkdtemp(join(tmpdir(), 'metrify-rollout-')), versions];
  }

  async close(): Promise<void> {
    await this.versions.close();
    await rm(this.path, { recursive: true, force: true });
  }

  /** As if nothing had ever run here. */
  async reset(weight = 0): Promise<void> {
    for (const name of await readdir(this.path)) await rm(join(this.path, name), { recursive: true });
    for (const name of ['v1', 'v2', 'v3']) this.versions.behaviours.set(name, healthy);
    const clusters = [
      { name: 'v1', weight: 100 - weight },
      { name: 'v2', weight },
    ];
    const route = { match: { prefix: '/' }, route: { weighted_clusters: { clusters } } };
    const resource = {
      '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
      name: 'web',
      virtual_hosts: [{ name: 'web', domains: ['*'], routes: [route] }],
    };
    await writeFile(this.file('route.json'), JSON.stringify({ resources: [resource] }));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** `more` are lines of the description. */
  async describe(...more: string[]): Promise<void> {
    const lines = ['app: web', 'provider: envoy', 'route: route.json', ...more];
    await writeFile(this.file('rollout.yaml'), `${lines.join('\n')}\n`);
  }

  run(...args: string[]): Promise<Finished> {
    return metrify(this.line(args), { cwd: this.path, timeoutMs: 290_000 });
  }

  start(...args: string[]): Promise<Running> {
    return startMetrify(this.line(args), { cwd: this.path, timeoutMs: 290_000 });
  }

  /** Without the description. */
  bare(...args: string[]): Promise<Finished> {
    return metrify(args, { timeoutMs: 290_000 });
  }

  /** What the file gives the second of its versions. */
  async weight(): Promise<number> {
    const text = await readFile(this.file('route.json'), 'utf8');
    const { resources } = JSON.parse(text) as {
      resources: {
        virtual_hosts: { routes: { route: { weighted_clusters: { clusters: { weight: number }[] } } }[] }[];
      }[];
    };
    const [first, second] = resources[0]!.virtual_hosts[0]!.routes[0]!.route.weighted_clusters.clusters;
    if (first!.weight + second!.weight !== 100) throw new Error(`the weights are no 100: ${text}`);
    return second!.weight;
  }

  private line([group, verb, ...rest]: string[]): string[] {
    return [group!, verb!, '-f', 'rollout.yaml', ...rest];
  }
}

/** A desk with a canary of v2 beside v1, judged by probes. */
export class CanaryDesk extends Desk {
  static override async open(): Promise<CanaryDesk> {
    return new this(...(await Desk.furnish()));
  }

  async describeCanary(
    change: { steps?: string; interval?: string; probe?: string; quantile?: number; more?: string[] } = {},
  ): Promise<void> {
    await this.describe(
      'stable: { name: v1 }',
      'canary: { name: v2 }',
      `steps: [${change.steps ?? '20, 60'}]`,
      `interval: ${change.interval ?? '1s'}`,
      'maxStepDuration: 2m',
      'analysis:',
      `  probe: { url: "${this.versions.url}/{{version}}/", ${change.probe ?? 'rate: 300, duration: 1s'} }`,
      `  latencyQuantile: ${change.quantile ?? 0.9}`,
      ...(change.more ?? []),
    );
  }

  /** Steps that wait for somebody. */
  async slowly(): Promise<void> {
    await this.describeCanary({ interval: '1m', probe: 'rate: 20, duration: 200ms' });
  }

  canary(verb: string, ...flags: string[]): Promise<Finished> {
    return this.run('canary', verb, '--json', ...flags);
  }

  /** @throws when status itself fails */
  async status(): Promise<Status> {
    const finished = await this.canary('status');
    if (finished.code !== 0) throw new Error(`status ended with ${finished.code}: ${finished.stderr}`);
    return finished.json().result as Status;
  }
}

export interface Status {
  readonly phase: string;
  readonly step: number;
  readonly weights: { readonly stable: number; readonly canary: number };
  readonly holder: string | null;
  readonly checks: readonly object[];
  readonly waitsFor: readonly string[];
  readonly problems: readonly string[];
}

/** The error on stderr's last line, as `--json` prints it. */
export function failure({ stderr }: Finished): { code: string; message: string; hint: string } {
  const line = stderr.trim().split('\n').at(-1)!;
  return (JSON.parse(line) as { error: { code: string; message: string; hint: string } }).error;
}
