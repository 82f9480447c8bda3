import { HttpService } from '../clients/http.js';
import { openPostgres } from '../clients/postgres.js';
import { openRedis } from '../clients/redis/client.js';
import type {
  HazelcastSettings,
  HttpSettings,
  MemcachedSettings,
  PostgresSettings,
  RedisSettings,
  Timeouts,
} from '../clients/settings.js';
import type { Systems } from '../clients/systems.js';
import { UserError } from '../core/errors.js';
import { memcachedVersions } from '../clients/memcached/version.js';
import { systemClock } from '../core/clock.js';
import type { ByteString } from '../core/bytes.js';
import { Latencies } from '../measure/latencies.js';

export interface Examination {
  system: string;
  target: string;
  /** `missing`: it answers, but lacks something that a command group needs. */
  state: 'ok' | 'missing' | 'failed';
  version?: string;
  /** Median of several round trips; of several servers the slowest. */
  latencyMs?: number;
  notes: string[];
  problem?: string;
  hint?: string;
}

type Found = Omit<Examination, 'system' | 'state' | 'problem' | 'hint'> & { lacks?: string };

/** Asks every configured system who it is; all at once, none failing the others. */
export async function examine(systems: Systems, signal: AbortSignal): Promise<Examination[]> {
  const work: Promise<Examination>[] = [];
  const look = <T>(
    system: string,
    settings: T | undefined,
    target: (settings: T) => string,
    ask: (settings: T) => Promise<Found>,
  ) => {
    if (settings === undefined) return;
    work.push(
      ask(settings).then(
        ({ lacks, ...found }): Examination => ({
          system,
          state: lacks === undefined ? 'ok' : 'missing',
          ...found,
          ...(lacks === undefined ? {} : { problem: lacks }),
        }),
        (error: unknown): Examination => {
          signal.throwIfAborted();
          if (!(error instanceof UserError)) throw error;
          return {
            system,
            target: target(settings),
            state: 'failed',
            notes: [],
            problem: error.message,
            ...(error.hint === undefined ? {} : { hint: error.hint }),
          };
        },
      ),
    );
  };
  const http = (settings: HttpSettings) => new URL(settings.url).host;
  look(
    'PostgreSQL',
    systems.postgres,
    (settings) => hostOf(settings.url),
    (settings) => postgres(settings, systems, signal),
  );
  look(
    'Redis',
    systems.redis,
    (settings) => settings.nodes.map(hostOf).join(','),
    (settings) => redis(settings, systems, signal),
  );
  look(
    'Memcached',
    systems.memcached,
    (settings) => settings.servers.join(','),
    (settings) => memcached(settings, systems, signal),
  );
  look(
    'Hazelcast',
    systems.hazelcast,
    (settings) => settings.urls.map(hostOf).join(','),
    (settings) => hazelcast(settings, systems, signal),
  );
  look('Elasticsearch', systems.elasticsearch, http, (settings) =>
    viaHttp(
      'Elasticsearch',
      settings,
      '/',
      (body) => (body as { version?: { number?: string } }).version?.number,
      systems,
      signal,
    ),
  );
  look('Solr', systems.solr, http, (settings) =>
    viaHttp(
      'Solr',
      settings,
      '/admin/info/system',
      (body) => (body as { lucene?: Record<string, string> }).lucene?.['solr-spec-version'],
      systems,
      signal,
    ),
  );
  look('Prometheus', systems.prometheus, http, (settings) =>
    viaHttp(
      'Prometheus',
      settings,
      '/api/v1/status/buildinfo',
      (body) => (body as { data?: { version?: string } }).data?.version,
      systems,
      signal,
    ),
  );
  return Promise.all(work);
}

async function postgres(settings: PostgresSettings, timeouts: Timeouts, signal: AbortSignal): Promise<Found> {
  const client = await openPostgres(settings, timeouts, signal);
  try {
    const { rows } = await client.query<{
      version: string;
      extensions: string[];
      superuser: boolean;
      programs: boolean;
    }>(
      `select current_setting('server_version') as version,
              array(select extname::text from pg_extension order by 1) as extensions,
              (select rolsuper from pg_roles where rolname = current_user) as superuser,
              pg_has_role(current_user, 'pg_execute_server_program', 'member') as programs`,
    );
    const { version, extensions, superuser, programs } = rows[0]!;
    const notes: string[] = [];
    if (superuser) notes.push('we are superuser: a role with fewer rights is enough');
    else if (programs) notes.push('our role may run programs on the server (pg_execute_server_program)');
    const lacks = extensions.includes('pg_stat_statements')
      ? undefined
      : 'extension pg_stat_statements is missing: create extension pg_stat_statements (needed to look at queries, not for the cache)';
    return {
      target: client.target,
      version,
      latencyMs: await medianMs(() => client.query('select 1')),
      notes,
      ...(lacks === undefined ? {} : { lacks }),
    };
  } finally {
    await client.close();
  }
}

async function redis(settings: RedisSettings, timeouts: Timeouts, signal: AbortSignal): Promise<Found> {
  const client = await openRedis(settings, timeouts, signal);
  try {
    const { info } = client;
    const notes: string[] = [];
    if (client.cluster) notes.push(`cluster of ${client.masters.length} masters`);
    if (info.role === 'slave' && !client.cluster)
      notes.push(`a replica of ${info.master_host}:${info.master_port}: flush and warm need the master`);
    const policy = info.maxmemory_policy;
    if (policy)
      notes.push(info.maxmemory === '0' ? 'no maxmemory' : `maxmemory ${info.maxmemory_human}, ${policy}`);
    return {
      target: client.target,
      ...(info.redis_version ? { version: info.redis_version } : {}),
      latencyMs: await medianMs(() => client.call(['PING'], '' as ByteString)),
      notes,
    };
  } finally {
    client.close();
  }
}

async function memcached(
  settings: MemcachedSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<Found> {
  const servers = await memcachedVersions(settings, timeouts, signal);
  return {
    target: settings.servers.join(','),
    version: [...new Set(servers.map(({ version }) => version))].join(', '),
    latencyMs: Math.max(...servers.map(({ latencyMs }) => latencyMs)),
    notes: [],
  };
}

async function hazelcast(
  settings: HazelcastSettings,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<Found> {
  const { HazelcastConnection } = await import('../clients/hazelcast/connection.js');
  const { memberVersion } = await import('../clients/hazelcast/member.js');
  const connection = await HazelcastConnection.open(settings, timeouts, systemClock, signal);
  try {
    const { members, size } = await connection.run(async ({ client, map }) => {
      return { members: client.getCluster().getMembers(), size: await map.size() };
    }, signal);
    const versions = new Set(members.flatMap((member) => memberVersion(member) ?? []));
    return {
      target: connection.target.label,
      version: [...versions].join(', '),
      latencyMs: await medianMs(() => connection.run(({ map }) => map.size(), signal)),
      notes: [
        `cluster '${connection.target.clusterName}' of ${members.length} member${members.length === 1 ? '' : 's'}`,
        `map ${connection.target.map}: ${size} entries`,
      ],
    };
  } finally {
    await connection.close();
  }
}

async function viaHttp(
  name: string,
  settings: HttpSettings,
  path: string,
  version: (body: unknown) => string | undefined,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<Found> {
  const service = new HttpService(name, settings, timeouts);
  try {
    const ask = () => service.json(path, signal);
    const found = version(await ask());
    return {
      target: service.host,
      ...(found === undefined ? {} : { version: found }),
      latencyMs: await medianMs(ask),
      notes: [],
    };
  } finally {
    service.close();
  }
}

async function medianMs(ask: () => Promise<unknown>): Promise<number> {
  const latencies = await Latencies.open();
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    await ask();
    latencies.record(performance.now() - started);
  }
  return latencies.quantile(0.5);
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return '?';
  }
}
