import type { SystemName } from '../../lib/clients/systems.js';
import { hostAndPort, listOf, oneOf, plainText, positiveDuration, trueOrFalse, urlWith } from './values.js';

/** A setting that is one value: it may stand in the file, in its own variable, or be overridden by a flag. */
export interface Scalar {
  /** @throws UserError saying what would be right. */
  parse(text: string): unknown;
  default?: string;
  /** `url`: may carry a password; `text`: is one. In the file both may be references, and a plain password is refused. */
  secret?: 'url' | 'text';
  /** The schemes of a URL. */
  schemes?: readonly string[];
  /** How the file writes it: text unless said otherwise. */
  inFile?: 'boolean' | 'list';
  /** Where a system is: what else is said of that system, in its section, belongs to this address. */
  address?: true;
  /** A path: relative to the file it stands in, else to the working directory. */
  path?: true;
}

function url(...schemes: string[]) {
  return { parse: urlWith(schemes), secret: 'url', schemes, address: true } as const;
}

const yesNo = { parse: trueOrFalse, inFile: 'boolean' } as const;
const path = { parse: plainText, path: true } as const;

/**
 * Every scalar setting by its path: the one source for the file's schema, the METRIFY_ variables, the defaults and
 * what is masked.
 */
export const scalars = {
  'postgres.url': {
    ...url('postgres', 'postgresql'),
    parse: urlWith(['postgres', 'postgresql'], { hostOptional: true }),
  },
  'postgres.tlsVerify': yesNo,
  'postgres.tlsCa': path,
  'redis.url': { ...url('redis', 'rediss'), parse: listOf(urlWith(['redis', 'rediss'])) },
  'redis.username': { parse: plainText },
  'redis.password': { parse: plainText, secret: 'text' },
  'redis.tlsVerify': yesNo,
  'redis.tlsCa': path,
  'memcached.servers': { parse: listOf(hostAndPort), inFile: 'list', address: true },
  'hazelcast.url': { ...url('hazelcast'), parse: listOf(urlWith(['hazelcast'])) },
  'hazelcast.clusterName': { parse: plainText },
  'hazelcast.map': { parse: plainText },
  'hazelcast.username': { parse: plainText },
  'hazelcast.password': { parse: plainText, secret: 'text' },
  'elasticsearch.url': url('http', 'https'),
  'solr.url': url('http', 'https'),
  'prometheus.url': url('http', 'https'),
  'prometheus.token': { parse: plainText, secret: 'text' },
  connectTimeout: { parse: positiveDuration, default: '5s' },
  requestTimeout: { parse: positiveDuration, default: '30s' },
  'cache.writeBehind.durability': { parse: oneOf(['memory', 'replica', 'fsync']) },
} as const satisfies Record<string, Scalar>;

export type ScalarPath = keyof typeof scalars;
export type ScalarValues = { [P in ScalarPath]?: ReturnType<(typeof scalars)[P]['parse']> };

export const scalarPaths = Object.keys(scalars) as ScalarPath[];

export function scalar(path: ScalarPath): Scalar {
  return scalars[path];
}

/** The systems with their scalar settings, the address first. */
export const systemPaths = scalarPaths
  .filter((path) => scalar(path).address)
  .map((address) => {
    const system = address.split('.', 1)[0] as SystemName;
    const others = scalarPaths.filter((path) => path !== address && path.startsWith(`${system}.`));
    return { system, address, others };
  });

/** `redis.tlsVerify` as METRIFY_REDIS_TLS_VERIFY. */
export function variableName(path: string): string {
  return `METRIFY_${path
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll('.', '_')
    .toUpperCase()}`;
}
