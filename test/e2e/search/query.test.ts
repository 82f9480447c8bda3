import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { openEngine } from '../../../src/lib/search/open-engine.js';
import { openSearch } from '../../../src/lib/search/service/search.js';
import { SearchIndex } from '../../integration/search/query/index-of.js';
import { mappings } from '../../integration/search/query/world.js';
import { type Handler, type HttpProxy, startHttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { metrifyInProcess } from '../in-process.js';
import { type Finished, startMetrify } from '../run.js';

const count = 3000;
const document = (i: number) =>
  `{"sensor_id":"s${i}","name":"Trafo ${i % 7 === 0 ? 'Nord' : 'Sued'}","type":"${i % 2 ? 'power' : 'gas'}","value":${i}.50,` +
  `"meter_id":${9_007_199_254_740_992n + BigInt(i)},"location":{"lat":${(i % 100) / 10},"lon":179.9}}`;

needs('search')('metrify search query', () => {
  let server: SharedSearch;
  let proxy: HttpProxy;
  let index: SearchIndex;
  let work: string;

  beforeAll(async () => {
    server = await searchServer('elasticsearch-7');
    proxy = await startHttpProxy(Number(new URL(server.url).port));
    work = await mkdtemp(join(tmpdir(), 'query-'));
    index = await SearchIndex.create(server.url, `${server.prefix}sensors`, { mappings, shards: 2 });
    await index.put(Array.from({ length: count }, (_, i) => [`s${i}`, document(i)]));
  });
  afterEach(() => void (proxy.fate = () => 'pass'));
  afterAll(async () => {
    await index.remove();
    await proxy.stop();
    await server.release();
    await rm(work, { recursive: true });
  });

  const env = () => ({ METRIFY_ELASTICSEARCH_URL: proxy.url });
  const query = (...flags: string[]): Promise<Finished> =>
    metrifyInProcess(['search', 'query', index.name, ...flags], { env: env(), cwd: work });
  const file = async (name: string, content: object): Promise<string> => {
    await writeFile(join(work, name), JSON.stringify(content));
    return name;
  };

  test('lines are the documents with every digit, and the envelope has the exact total', async () => {
    const { code, stdout, stderr } = await query('--sort', 'value:desc', '--limit', '2', '-o', 'ndjson');
    expect(stdout).toBe(`${document(2999)}\n${document(2998)}\n`);
    expect(JSON.parse(stderr)).toMatchObject({ command: 'search.query', result: { total: count, shown: 2 } });
    expect(code).toBe(0);
  });

  test('with --json hits are in the result, and a number that a double does not hold is text', async () => {
    const { result } = (await query('--where', 'sensor_id=s1', '--agg', 'terms:type', '--json')).json();
    expect(result).toEqual({
      total: 1,
      shown: 1,
      hits: [expect.objectContaining({ sensor_id: 's1', value: 1.5, meter_id: '9007199254740993' })],
      aggregations: { 'terms:type': expect.objectContaining({ buckets: [{ key: 'power', count: 1 }] }) },
    });
  });

  test('--meta has what it takes to write a document back, --fields what is asked for', async () => {
    const { stdout } = await query('--where', 'sensor_id=s1', '--meta', '--fields', 'meter_id');
    expect(stdout).toBe('{"_id":"s1","_version":1,"_source":{"meter_id":9007199254740993}}\n');
  });

  test('--highlight and --explain are in the lines, too', async () => {
    const { stdout } = await query('Nord', '--limit', '1', '--highlight', '--explain', '-o', 'ndjson');
    const { _highlight, _explanation, _score } = JSON.parse(stdout);
    expect(_highlight.name).toHaveLength(1);
    expect(_explanation.value).toBeCloseTo(_score, 5);
  });

  test.each([[[]], [['--all']]])('a field that no hit has is said, with %j', async (flags) => {
    const { code, stdout, stderr } = await query('--fields', 'sensor_id,nam', ...flags, '-o', 'text');
    expect(stdout.split('\n')[0]).toMatch(/^\{"sensor_id":"s\d+"\}$/);
    expect(stderr).toContain("no hit has 'nam'; did you mean 'name'?");
    expect(stderr).not.toContain("'sensor_id'");
    expect(code).toBe(0);
  });

  test('--polygon, --near and --type hold together, over the date line', async () => {
    const ring = [
      [179, -1],
      [-179, -1],
      [-179, 0.35],
      [179, 0.35],
    ];
    const area = await file('area.json', { type: 'Polygon', coordinates: [ring] });
    const { result } = (
      await query('--polygon', area, '--near', '0,-179.9', '--type', 'gas', '--json', '--limit', '1000')
    ).json();
    const expected = Array.from({ length: count }, (_, i) => i).filter((i) => i % 2 === 0 && i % 100 < 4);
    expect(result.hits.map((hit: { sensor_id: string }) => hit.sensor_id).sort()).toEqual(
      expected.map((i) => `s${i}`).sort(),
    );
    const lats = result.hits.map((hit: { location: { lat: number } }) => hit.location.lat);
    expect(lats).toEqual([...lats].sort((a: number, b: number) => a - b));
  });

  test('--dsl sends the request as it is', async () => {
    const dsl = await file('request.json', {
      size: 1,
      query: { match_all: {} },
      aggs: { n: { value_count: { field: 'type' } } },
    });
    const { result } = (await query('--dsl', dsl, '--json')).json();
    expect(result).toMatchObject({ total: count, shown: 1, aggregations: { n: { value: count } } });
  });

  test.each([
    [['--where', 'tipe=gas'], "has no field 'tipe'; did you mean 'type'?"],
    [['--within', '5km'], 'a distance is given, and no place that it is from'],
    [['--all', '--limit', '5'], '--limit and --all are not for each other'],
    [['--dsl', 'area.json', 'Trafo'], 'TEXT and --dsl are not for each other'],
    [['--from', 'yesterday'], "'yesterday' is not a time"],
    [['--polygon', 'nowhere.json'], 'it does not exist'],
    [['--sort', 'value:dsc'], "'value:dsc' is not a field and an order"],
    [['--limit', '10001'], "'10001' is not a number of hits"],
  ])('%j is refused', async (flags, message) => {
    const { code, stdout, stderr } = await query(...flags);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  test('an index that is not there is exit 2', async () => {
    const { code, stderr } = await metrifyInProcess(['search', 'query', `${server.prefix}none`], {
      env: env(),
    });
    expect(code).toBe(2);
    expect(stderr).toContain(`has no index, alias or data stream '${server.prefix}none'`);
  });

  test('a service asks the same with metrify/search', async () => {
    const search = await openSearch({ url: server.url });
    const question = {
      query: 'Tarfo',
      sensorType: 'power',
      minValue: 100,
      maxValue: '104',
      sort: ['value:desc'],
    };
    const { total, hits } = await search.query(index.name, question);
    expect([total, hits.map(({ id }) => id)]).toEqual([2, ['s103', 's101']]);
    expect(hits[0]).toMatchObject({
      json: document(103),
      document: { meter_id: '9007199254741095', value: 103.5 },
    });
    const all: string[] = [];
    for await (const { id } of search.all(index.name, { sensorType: 'gas' })) all.push(id);
    expect(all.length).toBe(count / 2);
    await expect(search.query(index.name, { minValue: 'high' })).rejects.toThrow('minValue');
    search.close();
  });

  test.each<[string[], string]>([
    [['--type', 'powr', '--min-value', '1'], "none of 3,000 documents has type = 'powr'"],
    [['--from', 'now-1h'], 'none of 3,000 documents has a time in what is asked of time'],
    [['Trafo West'], 'none of 3,000 documents has all words of the text; --any-word finds those'],
    [
      ['--type', 'gas', '--where', 'sensor_id=s1'],
      'there are documents for each condition, and none for all of them',
    ],
  ])('%j finds nothing, and says of which condition', async (flags, why) => {
    const { code, stderr } = await query(...flags);
    expect(stderr).toContain(why);
    expect(code).toBe(0);
  });

  test('of an index without documents that is said', async () => {
    const own = await SearchIndex.create(server.url, `${index.name}-empty`, { mappings, shards: 1 });
    const { stderr } = await metrifyInProcess(['search', 'query', own.name], { env: env(), cwd: work });
    expect(stderr).toContain(`${own.name} has no documents`);
    await own.remove();
  });

  test('a count with a missing shard is not one', async () => {
    const section = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };
    const engine = await openEngine(
      'elasticsearch',
      { urls: [proxy.url] },
      section,
      AbortSignal.timeout(5000),
    );
    proxy.fate = () => async (body, forward) => {
      const answer = await forward(body);
      return { ...answer, body: answer.body.toString().replace('"successful":2', '"successful":1') };
    };
    await expect(engine.count(index.name, AbortSignal.timeout(5000))).rejects.toThrow(
      'answered from 1 of 2 shards',
    );
    engine.close();
  });

  describe('--all', () => {
    const ids = Array.from({ length: count }, (_, i) => `s${i}`).sort();
    const idsOf = ({ stdout }: Finished): string[] =>
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { sensor_id: string }).sensor_id)
        .sort();

    /** Of the pages that are asked for, the n-th gets this fate. */
    const onPage = (n: number, fate: 'cut' | 'lose' | 'hold' | Handler): void => {
      let pages = 0;
      proxy.fate = ({ url }: IncomingMessage) =>
        url!.startsWith('/_search?') && ++pages === n ? fate : 'pass';
    };
    const says =
      (status: number, body: string): Handler =>
      () => ({ status, body });
    /** The server's own answer with something replaced. */
    const changed =
      (from: RegExp, to: string): Handler =>
      async (body, forward) => {
        const answer = await forward(body);
        const text = answer.body.toString().replace(from, to);
        expect(text).not.toBe(answer.body.toString());
        return { ...answer, body: text };
      };
    const contexts = async (): Promise<number> => {
      const answer = await fetch(`${server.url}/${index.name}/_stats/search`);
      return ((await answer.json()) as { _all: { total: { search: { open_contexts: number } } } })._all.total
        .search.open_contexts;
    };

    test('has every hit once, and leaves no point in time behind', async () => {
      const finished = await query('--all', '-o', 'ndjson');
      expect(idsOf(finished)).toEqual(ids);
      expect(JSON.parse(finished.stderr)).toMatchObject({ result: { total: count, shown: count } });
      expect(await contexts()).toBe(0);
    });

    test.each<[string, 'cut' | 'lose' | Handler]>([
      ['is cut before it reaches the server', 'cut'],
      ['has its answer lost', 'lose'],
      [
        'meets a server that is busy',
        says(429, '{"error":{"type":"es_rejected_execution_exception","reason":"busy"}}'),
      ],
      ['meets a proxy without a server', says(503, '<html>503</html>')],
    ])('asks again for a page that %s', async (_, fate) => {
      onPage(2, fate);
      const finished = await query('--all');
      expect(idsOf(finished)).toEqual(ids);
      expect(finished.code).toBe(0);
    });

    test.each<[string, Handler, string]>([
      [
        'a shard is missing that does not count as failed',
        changed(/"_shards":\{[^}]*\}/, '"_shards":{"total":2,"successful":1,"skipped":0,"failed":0}'),
        'answered from 1 of 2 shards',
      ],
      ['the time ran out', changed(/"timed_out":false/, '"timed_out":true'), 'ran out of time'],
      ['no shards are told of', changed(/"_shards"/, '"shards"'), 'does not say which shards answered'],
      ['the answer ends early', changed(/\}\]\}\}$/, ''), 'did not answer with JSON'],
      ['something else answers', says(200, '<html>welcome</html>'), 'did not answer with JSON'],
      [
        'the point in time is gone',
        says(404, '{"error":{"type":"search_context_missing_exception","reason":"gone"}}'),
        'the point in time that was read is gone',
      ],
    ])('ends with exit 5 when on the third page %s', async (_, handler, message) => {
      onPage(3, handler);
      const finished = await query('--all', '-o', 'ndjson');
      expect(finished.code).toBe(5);
      const printed = idsOf(finished);
      expect(printed.length).toBeGreaterThan(0);
      expect(printed.length).toBeLessThan(count);
      expect(new Set(printed).size).toBe(printed.length);
      expect(finished.stderr).toContain(message);
      expect(finished.stderr).toContain(`the ${printed.length} hits so far are not everything`);
      expect(await contexts()).toBe(0);
    });

    test('counts the hits of all pages: one that is not there is exit 5', async () => {
      onPage(2, async (body, forward) => {
        const answer = await forward(body);
        const page = JSON.parse(answer.body.toString()) as { hits: { hits: unknown[] } };
        page.hits.hits.shift();
        return { ...answer, body: JSON.stringify(page) };
      });
      const finished = await query('--all', '-o', 'ndjson');
      expect(finished.stderr).toMatch(/has [\d,]+ hits, and its pages had/);
      expect(finished.code).toBe(5);
      expect(idsOf(finished)).toHaveLength(count - 1);
    });

    test('with --meta refuses an index that does not give its documents back', async () => {
      const properties = { sensor_id: { type: 'keyword' } };
      const partial = { _source: { excludes: ['value'] }, properties };
      const own = await SearchIndex.create(server.url, `${index.name}-partial`, {
        mappings: partial,
        shards: 1,
      });
      await own.put([['a', '{"sensor_id":"a","value":1}']]);
      const dump = (...flags: string[]) =>
        metrifyInProcess(['search', 'query', own.name, '--all', ...flags], { env: env(), cwd: work });
      expect(await dump('--meta')).toMatchObject({
        code: 4,
        stdout: '',
        stderr: expect.stringContaining('fields are left out of _source') as unknown,
      });
      expect((await dump('--meta', '--fields', 'sensor_id')).stdout).toContain('"_source":{"sensor_id":"a"}');
      await own.remove();
    });

    test('a question with a missing shard is exit 5, too', async () => {
      proxy.fate = ({ url }) =>
        url!.includes('/_search?')
          ? changed(/"_shards":\{[^}]*\}/, '"_shards":{"total":2,"successful":1,"skipped":0,"failed":0}')
          : 'pass';
      expect(await query('Trafo')).toMatchObject({ code: 5, stdout: '' });
    });

    test('is left when nobody reads on, and by Ctrl-C', async () => {
      const reading = await startMetrify(['search', 'query', index.name, '--all'], { env: env() });
      reading.child.stdout.once('data', () => reading.child.stdout.destroy());
      expect((await reading.finished).code).not.toBe(1);
      onPage(3, 'hold');
      const stopped = await startMetrify(['search', 'query', index.name, '--all'], { env: env() });
      stopped.child.stdout.once('data', () => stopped.signal('SIGINT'));
      const { code, stderr } = await stopped.finished;
      expect(code).toBe(130);
      expect(stderr).toContain('hits so far are not everything');
      expect(await contexts()).toBe(0);
    });
  });
});
