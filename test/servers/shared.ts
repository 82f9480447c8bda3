import { inject } from 'vitest';

import type { Lease } from './broker.js';
import type { OwnNamespace } from './kubernetes/own-namespace.js';
import { query, type Row } from './postgres.js';

/* The run's servers, shared by all test files: change no setting, flush nothing but your own. Faults need a private server. */

export async function lease(kind: string): Promise<Lease> {
  const response = await fetch(`${inject('broker')}/${kind}`, { method: 'POST' });
  if (!response.ok) throw new Error(`${kind}: ${await response.text()}`);
  return (await response.json()) as Lease;
}

export interface OwnDatabase {
  readonly url: string;
  readonly name: string;
  sql(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** An empty database of the run's PostgreSQL. */
export async function ownDatabase(): Promise<OwnDatabase> {
  const { urls, number } = await lease('postgres');
  const name = `test_${number}`;
  await query(urls[0]!, `CREATE DATABASE ${name}`);
  const url = urls[0]!.replace(/\/[^/]*$/, `/${name}`);
  return { url, name, sql: (text, values) => query(url, text, values) };
}

export interface OwnRedis {
  /** Ends in the database's number. */
  readonly url: string;
  readonly port: number;
  readonly database: number;
}

/** An empty numbered database of the run's Redis. */
export async function ownRedis(): Promise<OwnRedis> {
  const { urls, number } = await lease('redis');
  if (number > 255) throw new Error('the 256 Redis databases of this run are all in use');
  return { url: `${urls[0]}/${number}`, port: Number(new URL(urls[0]!).port), database: number };
}

export interface OwnPrefix {
  /** Redis Cluster: redis:// URLs. Memcached: HOST:PORT. */
  readonly urls: readonly string[];
  /** Every key of this test file starts with it; ends in a colon. */
  readonly prefix: string;
}

export async function ownRedisCluster(): Promise<OwnPrefix> {
  const { urls, number } = await lease('redis-cluster');
  return { urls, prefix: `c${number}:` };
}

export async function ownMemcached(): Promise<OwnPrefix> {
  const { urls, number } = await lease('memcached');
  return { urls, prefix: `m${number}:` };
}

/** An empty namespace of the run's cluster. Needs kubernetes, envoy, prometheus. */
export async function ownNamespace(): Promise<OwnNamespace> {
  const { urls, number } = await lease('kubernetes');
  const { createNamespace, readStack } = await import('./kubernetes/own-namespace.js');
  return createNamespace(await readStack(urls[0]!), `test-${number}`);
}
