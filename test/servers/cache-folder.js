import { homedir } from 'node:os';
import { join } from 'node:path';

/** Downloads of the tests and benchmarks, kept outside the checkout between runs. */
export function cacheFolder(environment = process.env) {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'metrify-test');
}

export const SIMBENCH_VERSION = '1.6.3';
export const SIMBENCH_FILES = ['Load.csv', 'LoadProfile.csv', 'Coordinates.csv', 'Node.csv'];

export function simbenchFolder(environment = process.env) {
  return join(cacheFolder(environment), `simbench-${SIMBENCH_VERSION}`);
}

export const HAZELCAST_VERSION = '5.5.0';

export function hazelcastFolder(environment = process.env) {
  return join(cacheFolder(environment), `hazelcast-${HAZELCAST_VERSION}`);
}
