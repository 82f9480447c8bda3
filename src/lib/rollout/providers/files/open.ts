import type { Clock } from '../../../core/clock.js';
import { UserError } from '../../../core/errors.js';
import type { Kept, Provider } from '../../route.js';
import type { RolloutSpec } from '../../spec.js';
import { EnvoyServer } from './envoy-server.js';
import { FileRoute, findFile } from './file-route.js';
import { beside, readIfThere } from './files.js';
import { readMarker } from './marker.js';
import { NginxServer } from './nginx-server.js';
import { splitClients } from './split-clients.js';
import { weightedClusters } from './weighted-clusters.js';

export interface FileProviderOptions {
  readonly clock: Clock;
  /** How long each single thing that is asked of the server may take: a test, a reload, an answer. */
  readonly requestTimeoutMs: number;
}

/** What these providers need of a rollout's specification. */
export type FileSpec = Pick<RolloutSpec, 'route' | 'versions' | 'nginx' | 'envoy'> & {
  readonly provider: 'nginx' | 'envoy';
};

/**
 * The providers `nginx` and `envoy`, whose weights are in a file on this host. There is nothing to close.
 * @throws UserError when there is no such file
 */
export async function openFileProvider(
  spec: FileSpec,
  { clock, requestTimeoutMs }: FileProviderOptions,
): Promise<Provider> {
  const { versions, nginx, envoy } = spec;
  const yaml = spec.provider === 'envoy' ? (await import('./yaml.js')).yaml : undefined;
  const route = await FileRoute.open(spec.route, clock, (path) =>
    yaml
      ? {
          format: weightedClusters(yaml, path, versions),
          server: new EnvoyServer(yaml, envoy, path, versions, clock, requestTimeoutMs),
        }
      : {
          format: splitClients(path, versions),
          server: new NginxServer(nginx, path, clock, requestTimeoutMs),
        },
  );
  return { versions, route, workloads: undefined, close: () => Promise.resolve() };
}

/** The route's file, and what metrify keeps beside it. */
export async function filesOfRoute(route: string): Promise<string[]> {
  const path = await findFile(route);
  return [path, ...['json', 'lease', 'lock', 'applying'].map((name) => beside(path, name))];
}

/** @throws UserError when there is no such file, or it cannot be read */
export async function requireReadable(route: string): Promise<void> {
  const path = await findFile(route);
  if (!(await readIfThere(path))) throw new UserError(`${path} does not exist`, { code: 'ROUTE_NOT_FOUND' });
}

/**
 * What metrify keeps beside the file, or what a change that was cut short was about to keep.
 * @throws UserError when there is no such file
 */
export async function peekFileState(route: string): Promise<Kept> {
  const path = await findFile(route);
  const marker = await readIfThere(beside(path, 'applying'));
  const begun = marker && readMarker(marker);
  const state = begun ? begun.state : (await readIfThere(beside(path, 'json')))?.toString();
  return { state, unfinished: marker !== undefined };
}
