import { HttpService } from '../../../clients/http.js';
import type { Clock } from '../../../core/clock.js';
import { ServiceRefused, ServiceUnavailable, UserError } from '../../../core/errors.js';
import { formatDuration } from '../../../core/units.js';
import type { EnvoySpec, Pair } from '../../spec.js';
import type { RouteServer, Turn } from './server.js';
import { type Amounts, type Yaml, pairAmounts } from './weighted-clusters.js';

const pollMs = 50;

/** Envoy follows the file by itself; its admin interface, where it is known, says what became of it. */
export class EnvoyServer implements RouteServer {
  constructor(
    private readonly yaml: Yaml,
    private readonly spec: EnvoySpec,
    private readonly path: string,
    private readonly pair: Pair,
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {}

  async prepare(content: Buffer, signal: AbortSignal): Promise<Turn> {
    const { admin } = this.spec;
    if (admin === undefined) return { take: async () => undefined, takeBack: async () => undefined };
    const envoy = new EnvoyAdmin(admin, this.timeoutMs);
    const wanted = pairAmounts(this.yaml, this.path, content.toString(), this.pair);
    const before = await this.loaded(envoy, signal);
    const watched = await envoy.routeConfigurations(signal);
    const names = [...wanted.keys()].filter((name) => watched.some((each) => each.name === name));
    if (names.length === 0)
      throw new UserError(
        `Envoy at ${envoy.host} has no route configuration '${[...wanted.keys()].join("', '")}'`,
        {
          code: 'ROUTE_NOT_INCLUDED',
          hint: `Have its rds read ${this.path}, or name the admin interface of the Envoy that does.`,
        },
      );
    await this.requireClusters(envoy, wanted, signal);
    const rejected = await envoy.rejections(names, signal);
    // What was begun is seen through, however hard it is asked to stop.
    const patient = new AbortController().signal;
    return {
      take: () => this.until(envoy, names, wanted, patient, rejected),
      // A refused file was never loaded: then this is so at once.
      takeBack: () => this.until(envoy, names, before, patient),
    };
  }

  /** Envoy takes routes to clusters that it does not have, and answers 503 there. */
  private async requireClusters(envoy: EnvoyAdmin, wanted: Amounts, signal: AbortSignal): Promise<void> {
    const { stable, canary } = this.pair;
    const amounts = [...wanted.values()].flat();
    const used = [stable, canary].filter((_, index) => amounts.some((pair) => pair[index]! > 0));
    const known = await envoy.clusters(signal);
    const unknown = used.find(({ name }) => !known.has(name));
    if (unknown)
      throw new ServiceRefused(`Envoy at ${envoy.host} has no cluster '${unknown.name}'`, {
        code: 'ENVOY_WITHOUT_CLUSTER',
        hint: 'Add it to its configuration first.',
      });
  }

  private async loaded(envoy: EnvoyAdmin, signal: AbortSignal): Promise<Amounts> {
    const resources = await envoy.routeConfigurations(signal);
    return pairAmounts(this.yaml, `Envoy at ${envoy.host}`, JSON.stringify({ resources }), this.pair);
  }

  private async until(
    envoy: EnvoyAdmin,
    names: readonly string[],
    wanted: Amounts,
    signal: AbortSignal,
    rejected?: number,
  ): Promise<void> {
    const deadline = this.clock.monotonic() + this.timeoutMs;
    const said = (amounts: Amounts) => JSON.stringify(names.map((name) => amounts.get(name) ?? []));
    for (;;) {
      if (said(await this.loaded(envoy, signal)) === said(wanted)) return;
      if (rejected !== undefined && (await envoy.rejections(names, signal)) > rejected)
        throw new ServiceRefused(`Envoy at ${envoy.host} refused the new ${this.path}`, {
          code: 'ENVOY_REFUSED',
          hint: "Its log says why, behind 'Filesystem config update'.",
        });
      if (this.clock.monotonic() >= deadline)
        throw new ServiceUnavailable(
          `Envoy at ${envoy.host} did not read ${this.path} within ${formatDuration(this.timeoutMs)}`,
          {
            code: 'ENVOY_NOT_RELOADED',
            hint: 'Does it watch that very folder? A file behind a symbolic link needs watched_directory.',
          },
        );
      await this.clock.sleep(pollMs);
    }
  }
}

/** Envoy's admin interface. */
export class EnvoyAdmin {
  readonly #http: HttpService;

  constructor(url: string, requestTimeoutMs: number) {
    this.#http = new HttpService('Envoy', { url }, { connectTimeoutMs: requestTimeoutMs, requestTimeoutMs });
  }

  get host(): string {
    return this.#http.host;
  }

  /** `1.30.1`. */
  async version(signal: AbortSignal): Promise<string | undefined> {
    const { version } = (await this.#http.json('/server_info', signal)) as { version?: string };
    // REVISION/VERSION/…
    return version?.split('/')[1];
  }

  async routeConfigurations(signal: AbortSignal): Promise<{ name?: string }[]> {
    const dump = (await this.#http.json('/config_dump?resource=dynamic_route_configs', signal)) as {
      configs?: { route_config?: { name?: string } }[];
    };
    return (dump.configs ?? []).flatMap(({ route_config }) => route_config ?? []);
  }

  async clusters(signal: AbortSignal): Promise<Set<string | undefined>> {
    const answer = (await this.#http.json('/clusters?format=json', signal)) as {
      cluster_statuses?: { name?: string }[];
    };
    return new Set((answer.cluster_statuses ?? []).map(({ name }) => name));
  }

  /** How often files with these route configurations were not taken, ever: unreadable, or refused. */
  async rejections(names: readonly string[], signal: AbortSignal): Promise<number> {
    const filter = encodeURIComponent(String.raw`\.rds\..*\.update_(rejected|failure)$`);
    const { stats = [] } = (await this.#http.json(`/stats?format=json&filter=${filter}`, signal)) as {
      stats?: { name?: string; value?: number }[];
    };
    const counted = names.flatMap((name) => [`.rds.${name}.update_rejected`, `.rds.${name}.update_failure`]);
    return stats
      .filter(({ name }) => counted.some((end) => name?.endsWith(end)))
      .reduce((sum, { value = 0 }) => sum + value, 0);
  }
}
