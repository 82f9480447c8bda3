import { startPostgres } from '../test/servers/postgres.js';
import { lacking } from '../test/servers/require.js';
import { startSearchNodes } from '../test/servers/search/node.js';
import { alternate, type Bench, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { must } from './lib/redis.js';
import { shell } from './lib/run.js';

const index = 'bench';
const query = 'SELECT * FROM sensors';
const program = new URL('../dist/metrify.cjs', import.meta.url).pathname;

const mappings = {
  properties: {
    id: { type: 'keyword' },
    name: { type: 'text' },
    type: { type: 'keyword' },
    unit: { type: 'keyword' },
    value: { type: 'double' },
    meter_id: { type: 'long' },
  },
};

/** A database and an index with the same documents; their addresses. */
async function openBoth(bench: Bench, rows: number) {
  const missing = lacking('postgres', 'psql', 'search');
  if (missing.length > 0) throw new Error(missing.join('; '));
  const postgres = await startPostgres({ settings: { shared_buffers: '1GB' } });
  bench.closing(() => postgres.stop());
  await postgres.sql(
    'postgres',
    `SELECT setseed(0.5);
     CREATE TABLE sensors AS SELECT 'sensor-' || i AS id, 'Transformer ' || i || ' north' AS name,
       (ARRAY['temperature', 'current', 'voltage', 'pressure'])[1 + i % 4] AS type, 'C' AS unit,
       round((random() * 500)::numeric, 2) AS value, 9007199254740993 + i AS meter_id, i % 1000 = 0 AS is_estimated
     FROM generate_series(0, ${rows - 1}) i;
     ANALYZE sensors`,
  );
  const server = await startSearchNodes('elasticsearch-9', { heap: '1g' });
  bench.closing(() => server.stop());
  await fetch(`${server.url}/${index}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ settings: { number_of_shards: 2, number_of_replicas: 0 }, mappings }),
  });
  const env = { METRIFY_ELASTICSEARCH_URL: server.url, METRIFY_POSTGRES_URL: postgres.url };
  await metrify(bench, ['search', 'index', index, '--sql', query, '--id', 'id'], env);
  await fetch(`${server.url}/${index}/_forcemerge?max_num_segments=5`, { method: 'POST' });
  return env;
}

const verify = ['search', 'verify', index, '--keys', '--sql', query, '--id', 'id', '--json'];

export const searchVerify: Benchmark = {
  name: 'search-verify',
  summary: 'search verify --keys against PostgreSQL ÷ search query --all of the same index; whole processes',
  rounds: 5,
  async measure(bench) {
    const rows = Math.round(1_000_000 * bench.scale);
    const env = await openBoth(bench, rows);
    const runs = await alternate(
      bench,
      {
        'metrify search verify': () => metrify(bench, verify, env),
        'metrify search query --all': () =>
          shell(`"${process.execPath}" "${program}" search query ${index} --all -o ndjson > /dev/null`, {
            bench,
            env,
          }),
      },
      {
        check: (side, { stdout }) =>
          Promise.resolve(must(side.endsWith('--all') || stdout.includes(`"compared":${rows}`), stdout)),
      },
    );
    const what = `search verify --keys, ${rows.toLocaleString('en')} documents of Elasticsearch 9 against PostgreSQL`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 1.5 }];
  },
};

export const searchVerifyMemory: Benchmark = {
  name: 'search-verify-memory',
  summary: 'peak memory of search verify --keys',
  rounds: 1,
  async measure(bench) {
    const rows = Math.round(1_000_000 * bench.scale);
    const env = await openBoth(bench, rows);
    const runs = await alternate(bench, {
      'metrify search verify': () => metrify(bench, verify, env, { peak: true }),
    });
    const values = [...runs.values()].flat().map(({ peakBytes }) => peakBytes / 1e6);
    const series = [{ name: 'metrify search verify', values, unit: 'MB' as const }];
    const what = `peak memory of search verify, ${rows.toLocaleString('en')} documents`;
    return [{ what, series, judged: 'median', bar: 200 }];
  },
};
