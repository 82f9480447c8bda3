import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { searchPeersFolder } from '../test/servers/cache-folder.js';
import { startSearchNodes } from '../test/servers/search/node.js';
import { alternate, type Bench, type Benchmark, type Finding, metrify, secondsOf } from './lib/bench.js';
import { must } from './lib/redis.js';
import { mappings, writeReadings } from './lib/search/readings.js';
import { run, type Run } from './lib/run.js';

const script = (name: string): string => new URL(`lib/search/${name}`, import.meta.url).pathname;

const index = 'bench';

/** Each side on the same server; all write the same documents under the ids that they have. */
function sidesOf(bench: Bench, url: string, file: string) {
  const peak = { bench, peak: true };
  const peers = searchPeersFolder();
  const helper = (form: string) => () =>
    run(process.execPath, [script('helper.js'), peers, url, index, file, form], peak);
  return {
    'metrify search index': () =>
      metrify(
        bench,
        ['search', 'index', index, '--file', file, '--id', 'id', '--json'],
        { METRIFY_ELASTICSEARCH_URL: url },
        { peak: true },
      ),
    "Elastic's helper": helper('objects'),
    "Elastic's helper, lines as they are": helper('lines'),
    parallel_bulk: () =>
      run('python3', [script('parallel_bulk.py'), url, index, file], {
        ...peak,
        env: { PYTHONPATH: join(peers, 'python') },
      }),
  };
}

export const searchBulk: Benchmark = {
  name: 'search-bulk',
  summary:
    "search index of readings from a file ÷ Elastic's bulk helper and ÷ elasticsearch-py's parallel_bulk, in one index",
  rounds: 5,
  async measure(bench) {
    const count = Math.round(300_000 * bench.scale);
    const file = await writeReadings(bench, count);
    const server = await startSearchNodes('elasticsearch-9', { heap: '1g' });
    bench.closing(() => server.stop());
    const at = `${server.url}/${index}`;
    const { "Elastic's helper, lines as they are": _, ...sides } = sidesOf(bench, server.url, file);
    bench.say('  a run that does not count, for a server that starts cold');
    await sides.parallel_bulk();
    const runs = await alternate(bench, sides, {
      async prepare() {
        await fetch(at, { method: 'DELETE' });
        const settings = { number_of_shards: 1, number_of_replicas: 0, refresh_interval: '-1' };
        await fetch(at, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ settings, mappings }),
        });
      },
      async check(side) {
        await fetch(`${at}/_refresh`, { method: 'POST' });
        const { count: found } = (await (await fetch(`${at}/_count`)).json()) as { count: number };
        bench.say(`  ${side} lost ${count - found} documents`);
        if (side.startsWith('metrify')) must(found === count, `${side} left ${found} documents`);
      },
    });
    const what = `search index, ${count.toLocaleString('en')} readings into Elasticsearch 9`;
    return secondsOf(runs)
      .slice(1)
      .map((peer): Finding => ({ what, series: [secondsOf(runs)[0]!, peer], judged: 'ratio', bar: 1 }));
  },
};

export const searchBulkClient: Benchmark = {
  name: 'search-bulk-client',
  summary: "CPU time of search index's own ÷ of Elastic's bulk helper's, with a server that keeps nothing",
  rounds: 5,
  async measure(bench) {
    const count = Math.round(1_000_000 * bench.scale);
    const file = await writeReadings(bench, count);
    const runs = await alternate(bench, sidesOf(bench, await discardingServer(bench), file), {
      check: (side, { stdout }) =>
        Promise.resolve(must(stdout.includes(String(count)), `${side}: ${stdout}`)),
    });
    const cpu = [...runs].map(([name, each]) => ({
      name,
      unit: 's' as const,
      values: each.map(({ cpuSeconds }: Run) => cpuSeconds),
    }));
    const what = `CPU time of search index, ${count.toLocaleString('en')} readings`;
    const [ours, helper, lines, python] = cpu;
    return [
      { what, series: [ours!, helper!], judged: 'ratio', bar: 0.5 },
      { what, series: [ours!, lines!], judged: 'none' },
      { what, series: [ours!, python!], judged: 'none' },
    ];
  },
};

export const searchBulkMemory: Benchmark = {
  name: 'search-bulk-memory',
  summary: 'peak memory of search index with 5 M readings',
  rounds: 1,
  async measure(bench) {
    const count = Math.round(5_000_000 * bench.scale);
    const file = await writeReadings(bench, count);
    const { 'metrify search index': ours } = sidesOf(bench, await discardingServer(bench), file);
    const runs = await alternate(bench, { 'metrify search index': ours });
    const values = [...runs.values()].flat().map(({ peakBytes }) => peakBytes / 1e6);
    const series = [{ name: 'metrify search index', values, unit: 'MB' as const }];
    const what = `peak memory of search index, ${count.toLocaleString('en')} readings`;
    return [{ what, series, judged: 'median', bar: 200 }];
  },
};

async function discardingServer(bench: Bench): Promise<string> {
  const server = spawn(process.execPath, [script('discarding-server.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  bench.closing(async () => {
    server.kill();
    await once(server, 'exit');
  });
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}
