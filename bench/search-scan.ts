import { join } from 'node:path';

import { searchPeersFolder } from '../test/servers/cache-folder.js';
import { startSearchNodes } from '../test/servers/search/node.js';
import { alternate, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { must } from './lib/redis.js';
import { run, shell } from './lib/run.js';
import { mappings, writeReadings } from './lib/search/readings.js';

const index = 'bench';
const program = new URL('../dist/metrify.cjs', import.meta.url).pathname;

export const searchScan: Benchmark = {
  name: 'search-scan',
  summary: 'search query --all ÷ scan of elasticsearch-py, which prints nothing; whole processes',
  rounds: 5,
  async measure(bench) {
    const count = Math.round(500_000 * bench.scale);
    const file = await writeReadings(bench, count);
    const server = await startSearchNodes('elasticsearch-9', { heap: '1g' });
    bench.closing(() => server.stop());
    const settings = { number_of_shards: 2, number_of_replicas: 0 };
    await fetch(`${server.url}/${index}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ settings, mappings }),
    });
    const env = { METRIFY_ELASTICSEARCH_URL: server.url };
    await metrify(bench, ['search', 'index', index, '--file', file, '--id', 'id'], env);
    await fetch(`${server.url}/${index}/_refresh`, { method: 'POST' });
    const scan = new URL('lib/search/scan.py', import.meta.url).pathname;
    const runs = await alternate(
      bench,
      {
        'metrify search query --all': () =>
          shell(`"${process.execPath}" "${program}" search query ${index} --all | wc -l`, { bench, env }),
        'elasticsearch-py scan': () =>
          run('python3', [scan, server.url, index], {
            bench,
            env: { PYTHONPATH: join(searchPeersFolder(), 'python') },
          }),
      },
      { check: (_, { stdout }) => Promise.resolve(must(Number(stdout) === count, `${stdout} documents`)) },
    );
    const what = `search query --all, ${count.toLocaleString('en')} readings from Elasticsearch 9`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 1 / 1.5 }];
  },
};
