import { confirming } from '../test/e2e/confirm-name.js';
import { setTimeout as delay } from 'node:timers/promises';

import { startMemcached } from '../test/servers/memcached.js';
import { startPostgres } from '../test/servers/postgres.js';
import { startRedisCluster } from '../test/servers/redis-cluster.js';
import { lacking } from '../test/servers/require.js';
import { loadSimbench } from '../test/servers/simbench.js';
import { alternate, type Bench, type Benchmark, type Finding, metrify, secondsOf } from './lib/bench.js';
import { must, privateRedis } from './lib/redis.js';
import { type Run, type RunOptions, shell } from './lib/run.js';

/** The latest reading of every load, found through the primary key. */
const latest = `SELECT m.meter_id, m.name, m.profile, m.longitude, m.latitude, r.ts, r.kwh, r.kvarh
  FROM meters m CROSS JOIN LATERAL
    (SELECT ts, kwh, kvarh FROM readings WHERE meter_id = m.meter_id ORDER BY ts DESC LIMIT 1) r`;

/** The same, as the commands that fill Redis. */
const commands = `SELECT format(E'*5\\r\\n$3\\r\\nSET\\r\\n$%s\\r\\n%s\\r\\n$%s\\r\\n%s\\r\\n$2\\r\\nEX\\r\\n$4\\r\\n3600\\r',
  length(key), key, octet_length(value), value)
  FROM (SELECT 'meter:' || meter_id || ':latest' AS key, row_to_json(latest)::text AS value FROM (${latest}) latest) pairs`;

interface Target {
  readonly name: string;
  /** Of `--to` and `--level`. */
  readonly type: 'redis' | 'memcached';
  readonly env: Readonly<Record<string, string>>;
  /** Empties it, to begin a round. */
  clear(): Promise<unknown>;
}

export const simbench: Benchmark = {
  name: 'simbench',
  summary:
    'six days of 36,063 real load profiles in PostgreSQL: cache warm --sql, inspect and flush on each kind of cache',
  rounds: 5,
  async measure(bench) {
    const missing = lacking('postgres', 'psql', 'redis', 'memcached', 'simbench');
    if (missing.length > 0) throw new Error(missing.join('; '));
    const postgres = await startPostgres({ settings: { shared_buffers: '1GB', work_mem: '64MB' } });
    bench.closing(() => postgres.stop());
    const data = await loadSimbench(postgres.url, { days: Math.max(1, Math.round(6 * bench.scale)) });
    bench.say(
      `  ${data.readings.toLocaleString('en')} readings of ${data.meters.toLocaleString('en')} loads, ${data.firstReading} to ${data.lastReading}, loaded in ${data.seconds.toFixed(0)} s`,
    );
    const targets = await startTargets(bench);
    const environment = { METRIFY_POSTGRES_URL: postgres.url };
    const findings: Finding[] = [];
    for (const target of targets) {
      const env = { ...environment, ...target.env };
      await checkOnce(bench, target, env, data.meters);
      findings.push(await time(bench, target, env, postgres.url, data.meters));
    }
    return findings;
  },
};

async function startTargets(bench: Bench): Promise<Target[]> {
  const redis = await privateRedis(bench);
  const cluster = await startRedisCluster({ masters: 3, replicas: 1 });
  bench.closing(() => cluster.stop());
  const memcached = await startMemcached();
  bench.closing(() => memcached.stop());
  const masters = cluster.nodes.filter(({ role }) => role === 'master');
  return [
    {
      name: 'Redis',
      type: 'redis',
      env: { METRIFY_REDIS_URL: redis.url },
      clear: () => redis.cli('FLUSHALL'),
    },
    {
      name: 'Redis Cluster, 3 + 3',
      type: 'redis',
      env: { METRIFY_REDIS_URL: cluster.urls.join(',') },
      clear: () => Promise.all(masters.map(({ server }) => server.cli('FLUSHALL'))),
    },
    {
      name: 'Memcached',
      type: 'memcached',
      env: { METRIFY_MEMCACHED_SERVERS: memcached.server },
      clear: () => memcached.restart(),
    },
  ];
}

const key = ['--key', 'meter:{meter_id}:latest', '--ttl', '1h'];

/** Every value compared with the database; inspect and flush agree to the key. */
async function checkOnce(
  bench: Bench,
  { name, type }: Target,
  env: Record<string, string>,
  meters: number,
): Promise<void> {
  const resultOf = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await metrify(bench, ['cache', ...args, '--json'], env);
    return (JSON.parse(stdout) as { result: Record<string, unknown> }).result;
  };
  const warmed = await resultOf('warm', '--sql', latest, ...key, '--to', type, '--verify', 'all');
  const { checked, mismatched, missing } = warmed['verified'] as Record<string, number>;
  must(warmed['written'] === meters, `${name}: warm wrote ${String(warmed['written'])} keys`);
  must(
    checked === meters && mismatched === 0 && missing === 0,
    `${name}: ${mismatched} differ, ${missing} miss`,
  );
  // Memcached lists what its crawler has seen, which is a moment behind.
  if (type === 'memcached') await delay(2000, undefined, { signal: bench.signal });
  const inspected = await resultOf('inspect', '--exact', '--level', type);
  must(inspected['keys'] === meters, `${name}: inspect saw ${String(inspected['keys'])} keys`);
  const flushed = await resultOf(
    'flush',
    '--pattern',
    'meter:*',
    '--level',
    type,
    ...confirming(type, Object.values(env)[0]!.split(',')[0]!),
  );
  must(flushed['deleted'] === meters, `${name}: flush removed ${String(flushed['deleted'])} keys`);
  bench.say(`  ${name}: ${checked} values compared, inspect and flush agree`);
}

async function time(
  bench: Bench,
  target: Target,
  env: Record<string, string>,
  postgresUrl: string,
  meters: number,
): Promise<Finding> {
  const options: RunOptions = { bench, env: { ...env, LATEST: latest, COMMANDS: commands } };
  const psql = (query: string, then: string): Promise<Run> =>
    shell(`psql -qAtX '${postgresUrl}' -c "${query}" ${then}`, options);
  const peers: Record<string, () => Promise<Run>> = {};
  if (target.name === 'Redis') {
    const port = new URL(env['METRIFY_REDIS_URL']!).port;
    peers['psql | redis-cli --pipe'] = () => psql('$COMMANDS', `| redis-cli -p ${port} --pipe`);
  }
  const runs = await alternate(
    bench,
    {
      'metrify cache warm --sql': () =>
        metrify(bench, ['cache', 'warm', '--sql', latest, ...key, '--to', target.type], env),
      'psql copy to nowhere': () => psql('copy ($LATEST) to stdout', '> /dev/null'),
      ...peers,
    },
    {
      prepare: async () => void (await target.clear()),
      async check(side) {
        if (target.name !== 'Redis' || side.endsWith('nowhere')) return;
        const { stdout } = await shell(`redis-cli -u ${env['METRIFY_REDIS_URL']!} DBSIZE`, options);
        must(Number(stdout) === meters, `${side} left ${stdout.trim()} keys`);
      },
    },
  );
  const what = `warm the latest of ${meters.toLocaleString('en')} loads from SQL: ${target.name}`;
  return { what, series: secondsOf(runs), judged: 'none' };
}
