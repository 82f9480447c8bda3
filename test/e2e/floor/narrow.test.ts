import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { commandTable } from '../../../src/commands/table.js';
import { loadAll, parseCommandLine } from '../../../src/runtime/program.js';
import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { type SearchServer, startSearchServer } from '../../servers/search.js';
import { ownDatabase, ownMemcached, ownRedis, ownRedisCluster } from '../../servers/shared.js';
import { CanaryDesk } from '../rollout/envoy-file.js';
import { confirming } from '../confirm-name.js';
import { shellWords } from '../shell-words.js';
import { terminal } from '../terminal.js';

const longKey = `report:${'district-'.repeat(200)}:2026`;
const verbs = (await loadAll(commandTable)).flatMap(({ path, command }) => (command ? [path] : []));

/** Nothing of it is torn by a terminal of that width: it fits, or it is one command, or one word that cannot be broken. */
function isWhole(line: string, width: number): boolean {
  if (line.length <= width || /^ *metrify /.test(line)) return true;
  const words = line.split(/ +/).filter(Boolean);
  // Beside the name of a block, or a mark.
  return words.length <= 2 && words.some((word) => word.length > width / 2);
}

/** With each command on one line. */
const joined = (screen: string): string => screen.replaceAll(/ \\\n +/g, ' ');

/** The commands that a screen shows on lines of their own, or in quotes. */
function commandsOn(screen: string): string[] {
  const alone = [...joined(screen).matchAll(/^ *(metrify (?!GROUP).*?)(?: {2}.*)?$/gm)].map(
    ([, command]) => command!,
  );
  const quoted = [...joined(screen).matchAll(/'(metrify [^'\n]*)'|`(metrify [^`\n]*)`/g)].map(
    ([, one, other]) => one ?? other!,
  );
  return [...alone, ...quoted].filter((command) => !/ [A-Z]+\b| <|\[flags\]/.test(command));
}

/** The verb that a printed command is of; that of a page of help, which parses without one, is named. */
async function leadsTo(command: string): Promise<string | undefined> {
  let page = '';
  const write = (text: string) => void (page += text);
  const options = { version: '0', color: false, width: 1000, write };
  const found = await parseCommandLine(shellWords(command), commandTable, options);
  return found?.command.name ?? /^ {2}metrify (.*?) [<[]/m.exec(page)?.[1];
}

needs(
  'tmux',
  'redis',
  'memcached',
  'postgres',
  'search',
)('on a narrow terminal', () => {
  let desk: CanaryDesk;
  let origin: Server;
  let search: SearchServer;
  let lines: [verb: string, line: string][];
  let env: Record<string, string>;

  beforeAll(async () => {
    const [redis, cluster, memcached, database] = await Promise.all([
      ownRedis(),
      ownRedisCluster(),
      ownMemcached(),
      ownDatabase(),
    ]);
    desk = await CanaryDesk.open();
    search = await startSearchServer('elasticsearch-7');
    origin = createServer((_, response) => response.end('x')).listen(0, '127.0.0.1');
    await new Promise((resolve) => origin.once('listening', resolve));
    const base = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    env = {
      METRIFY_REDIS_URL: redis.url,
      METRIFY_POSTGRES_URL: database.url,
      METRIFY_MEMCACHED_SERVERS: memcached.urls.join(','),
      METRIFY_ELASTICSEARCH_URL: search.url,
    };
    const keys = Array.from({ length: 60 }, (_, i) => [`meter:${i}:latest`, '{"kwh":0.25}']).flat();
    await redisCli(redis.port, ['-n', `${redis.database}`, 'MSET', ...keys, longKey, 'x'.repeat(5000)]);
    await redisCli(redis.port, ['-n', `${redis.database}`, 'SET', 'forecast:1', 'x', 'EX', '3000']);
    await database.sql('CREATE TABLE readings (meter_id int PRIMARY KEY, kwh numeric(4, 2))');
    const row = (id: string) => `'{"meter_id":${id},"kwh":0.25}'`;
    const behind = `cache set meter:17:latest ${row('17')} --write-behind --table readings`;
    const confirmed = (name: string, url: string) => confirming(name, url).join(' ');
    const flags = '-f rollout.yaml';
    lines = (
      [
        'doctor',
        'config show',
        'config check',
        'config check -f rollout.yaml',
        'init --to metrify.config.yaml',
        'cache inspect',
        'cache inspect --level hot',
        `cache inspect --redis-url ${cluster.urls[0]!}`,
        'cache warm --file meters.csv --key m:{meter_id} --dry-run',
        'cache warm --file meters.csv --key m:{meter_id} --to warm,hot --verify all',
        'cache warm --file nowhere.csv --key m:{meter_id}',
        `cache warm --access-log access.log --url ${base} --dry-run`,
        `cache warm --access-log access.log --url ${base}`,
        "cache flush --pattern 'm:*' --dry-run",
        "cache flush --pattern 'm:*'",
        `cache flush --pattern 'm:*' ${confirmed('warm', redis.url)}`,
        'cache get meter:1:latest meter:2:latest nowhere',
        `cache get ${longKey}`,
        'cache set meter:1:latest 1 --ttl 1h',
        behind,
        'cache delete meter:1:latest --dry-run',
        'cache delete meter:1:latest',
        'cache queue status',
        'cache worker --until-empty',
        `cache set meter:18:latest ${row('18').replace('0.25', '12345')} --write-behind --table readings`,
        'cache worker --until-empty',
        'cache queue status',
        'cache queue retry --all --dry-run',
        'cache queue drop --all --dry-run',
        'cache queue drop --all',
        'cache queue retry --all',
        'cache cluster status',
        `cache cluster status --redis-url ${cluster.urls[0]!}`,
        `cache cluster check --redis-url ${cluster.urls[0]!}`,
        `canary start ${flags} --dry-run`,
        `canary status ${flags}`,
        `canary start ${flags}`,
        `canary start ${flags}`,
        `canary step ${flags}`,
        `canary status ${flags}`,
        `canary analyze ${flags}`,
        `canary pause ${flags}`,
        `canary step ${flags}`,
        `canary resume ${flags}`,
        `canary promote ${flags} --dry-run`,
        `canary promote ${flags}`,
        `canary abort ${flags}`,
        `canary history ${flags}`,
        `deploy status web --provider envoy --route route.json`,
        `deploy switch ${flags}`,
        `deploy rollback web --provider envoy --route route.json`,
        `deploy history web --provider envoy --route route.json`,
        `load run ${base}/meters --rate 20 --duration 1s --threshold 'p95<1h,checks>99%,p95{name=GET /readings}<1s' --save one.json`,
        `load run ${base}/meters --rate 20 --duration 1s --shard 1/2 --save half.json`,
        `load run ${base}/meters --connections 2 --duration 1s --no-live --report load.html`,
        `load run http://127.0.0.1:1/ --rate 5 --duration 2s --threshold 'error_rate<1%'`,
        'load merge one.json',
        'load merge one.json one.json',
        'load merge half.json',
        'load compare one.json one.json',
        `load ab ${base}/a ${base}/b --rate 20 --duration 1s --slice 500ms --warmup 100ms`,
        `load stress ${base}/meters --threshold 'p95<1h' --start 20 --max-rate 20 --within 10s`,
        `load soak ${base}/meters --rate 20 --duration 2s`,
        'load init --to load.yaml',
        'load try scenario.yaml',
        'load run scenario.yaml --users 2 --duration 1s',
        `load replay access.log --url ${base} --threshold 'p95<30s'`,
        'load export scenario.yaml --engine vegeta --to vegeta',
        'load export scenario.yaml --engine k6 --to k6 --dry-run',
        'export parquet --table readings --to lake --partition-by meter_id --dry-run',
        'export parquet --table readings --to lake --partition-by meter_id --verify',
        'export parquet --table nowhere --to lake',
        'export orc --table readings --to columns',
        "export read lake --where 'kwh > 0'",
        "export read lake --where 'kwh > x'",
        'export read columns',
        'export inspect lake',
        'export inspect columns',
        'export inspect lake --ddl spark',
        'export verify lake --table readings --by-partition',
        "export verify lake --sql 'select * from readings limit 0'",
        'export compact lake --dry-run',
        'export compact lake',
        'search setup --dry-run',
        'search setup',
        'search setup',
        'search setup --print',
        'search index sensors --file meters.csv --id meter_id --dry-run',
        'search index sensors --file meters.csv --id meter_id --dead-letter dead.jsonl',
        'search index sensors --parquet lake',
        'search index nowhere --file meters.csv',
        'search verify sensors --keys --file meters.csv --id meter_id',
        'search verify sensors --keys --file meters.csv --id meter_id --repair --dry-run',
        'search copy sensors --from default --to default --rename copied --dry-run',
        'search copy sensors --from default --to default --rename copied',
        'search copy sensors --from default --to nowhere',
        'search query sensors transformer --near 51.34,12.37 --highlight',
        'search query sensors --limit 0 --agg terms:type --agg geo:location:5',
        'search query sensors --where tipe=power',
        'search query nowhere',
        'search status',
        'search status sensors --check',
        'search status nowhere',
        'search retention events --keep 1y --dry-run',
        'search retention events --keep 1y',
        `search retention events --keep 1y ${confirmed('events', search.url)}`,
        'search reindex sensors --dry-run',
        'search reindex sensors',
        'search reindex sensors --rollback',
        'search reindex sensors --rollback',
        'search reindex nowhere',
        'canary stop',
        'cache',
        'completion nosuch',
      ] as const
    ).map((line) => [verbs.find((verb) => line.startsWith(verb)) ?? '', line]);
  });
  afterAll(async () => {
    origin.close();
    await desk.close();
    await search.stop();
  });

  /** As nothing had run there yet. */
  async function furnish(): Promise<void> {
    await desk.reset();
    await desk.slowly();
    await writeFile(
      desk.file('metrify.config.yaml'),
      `environments:
  default:
    connectTimeout: 5s
    cache:
      levels: [{ name: warm, type: redis }, { name: hot, type: memcached }, { name: cold, type: database, table: metrify_cache }]
      writeBehind: { tables: { readings: { key: [meter_id] } } }
`,
    );
    await writeFile(desk.file('meters.csv'), `meter_id,kwh\n1,0.5\n2,0.25\n1,0.75\n${'x'.repeat(40)},1\n`);
    const { port } = origin.address() as AddressInfo;
    await writeFile(
      desk.file('scenario.yaml'),
      `target: http://127.0.0.1:${port}
tasks:
  - name: read
    steps:
      - { get: '/api/v1/meter-readings?meter=${'x'.repeat(90)}', expect: { bodyContains: readings, latency: <1h } }
`,
    );
    const request = (path: string) =>
      `10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET ${path} HTTP/1.1" 200 10 "-" "curl"`;
    await writeFile(
      desk.file('access.log'),
      [...['/meters', '/meters', `/reports/${'x'.repeat(90)}`].map(request), 'no line', ''].join('\n'),
    );
    await writeFile(
      desk.file('scenario.yaml'),
      'target: http://127.0.0.1:1\nload: { rate: 5 }\ntasks: [{ name: latest, steps: [{ get: /meters/17/latest }] }]\n',
    );
    const script = lines.map(([, line], i) => `echo "== ${i}"; metrify --no-input ${line}`);
    await writeFile(desk.file('script.sh'), script.join('\n'));
  }

  it('every verb is tried', () => {
    const tried = new Set(lines.map(([verb]) => verb));
    // The demo starts servers of its own, and has its own test.
    expect(verbs.filter((verb) => !tried.has(verb))).toEqual(['demo']);
  });

  it.each([60, 100])(
    'of %i columns no word and no command is torn, and commands can be pasted',
    async (columns) => {
      await furnish();
      const screen = await terminal(`cd ${desk.path}; . ./script.sh; echo "== end"`, { env, columns });
      try {
        await screen.waitFor(/^== end$/m, 300_000);
        const printed = await screen.printed();
        const parts = printed.split(/^== (?:\d+|end)$/m).slice(1, -1);
        expect(parts).toHaveLength(lines.length);
        const torn = lines.map(([, line], i): [string, string[]] => {
          // The lines of a diff are those of a file.
          const isDiff = parts[i]!.includes('\n@@ ');
          const long = joined(parts[i]!)
            .split('\n')
            .filter((one) => !isWhole(one, columns));
          return [line, long.filter((one) => !(isDiff && /^[-+ @]/.test(one)))];
        });
        expect(Object.fromEntries(torn.filter(([, long]) => long.length > 0))).toEqual({});
        const shown = [...new Set(parts.flatMap(commandsOn))];
        expect(shown.length).toBeGreaterThan(8);
        for (const command of shown) expect(await leadsTo(command), command).toBeOneOf(verbs);
      } finally {
        await screen.close();
      }
    },
  );
});
