import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { Rest } from '../../integration/search/verify/index-of.js';
import { startHttpProxy, type HttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';

needs('search', 'postgres')('search verify', () => {
  let server: SharedSearch;
  let database: OwnDatabase;
  let rest: Rest;
  let proxy: HttpProxy;
  let folder: string;
  let index: string;
  let created = 0;
  const sql = 'select * from meters';

  beforeAll(async () => {
    [server, database] = await Promise.all([searchServer('elasticsearch-9'), ownDatabase()]);
    rest = new Rest(server.url);
    proxy = await startHttpProxy(Number(new URL(server.url).port));
    folder = await mkdtemp(join(tmpdir(), 'metrify-verify-'));
    await database.sql(`
      create table meters (meter_id bigint primary key, place text, kwh numeric, factor float8, live boolean);
      insert into meters values
        (9007199254740993, 'Bad Tölz', 123456789012345678901234567890, 1e-7, true),
        (-6078848508545849313, 'say "hi"\\', 0.10, 100, false),
        (3, null, null, null, null)`);
  });
  afterAll(async () => {
    await rest.text('DELETE', `/${server.prefix}*`).catch(() => {});
    await proxy.stop();
    await server.release();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    proxy.fate = () => 'pass';
    index = `${server.prefix}verify-${created++}`;
    await rest.ask('PUT', `/${index}`, {
      settings: { number_of_replicas: 0 },
      mappings: { dynamic: false },
    });
    // Spelt by PostgreSQL.
    const rows = await database.sql(
      'select meter_id::text as id, row_to_json(meters)::text as json from meters',
    );
    await rest.write(index, new Map(rows.map(({ id, json }) => [String(id), String(json)])));
  });

  const verify = (...args: string[]) =>
    metrifyInProcess(['search', 'verify', index, '--keys', '--id', 'meter_id', ...args], {
      cwd: folder,
      env: { METRIFY_ELASTICSEARCH_URL: proxy.url, METRIFY_POSTGRES_URL: database.url },
    });

  it('finds every digit that PostgreSQL has', async () => {
    const { code, json } = await verify('--sql', sql, '--json');
    expect(json().result).toMatchObject({ compared: 3, missing: 0, extra: 0, stale: 0 });
    expect(code).toBe(0);
  });

  it('exits with 3, and gives a line for each id that differs', async () => {
    await rest.write(
      index,
      new Map([
        ['9007199254740993', '{"meter_id":9007199254740992}'],
        ['5', '{}'],
      ]),
    );
    await rest.text('DELETE', `/${index}/_doc/3?refresh=true`);
    const junit = join(folder, 'junit.xml');
    const { code, stdout } = await verify('--sql', sql, '-o', 'ndjson', '--junit', junit);
    expect(code).toBe(3);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; kind: string });
    expect(new Map(lines.map(({ id, kind }) => [id, kind]))).toEqual(
      new Map([
        ['9007199254740993', 'stale'],
        ['3', 'missing'],
        ['5', 'extra'],
      ]),
    );
    expect(await readFile(junit, 'utf8')).toContain('failures="3"');
  });

  it('repairs without a question where nothing is deleted, and deletes only what is confirmed', async () => {
    await rest.text('DELETE', `/${index}/_doc/3?refresh=true`);
    const first = await verify('--sql', sql, '--repair', '--json');
    expect(first.json().result).toMatchObject({ missing: 0, repaired: { written: 1, deleted: 0 } });
    expect(first.code).toBe(0);

    await rest.write(index, new Map([['5', '{}']]));
    const refused = await verify('--sql', sql, '--repair');
    const name = `default/${index}@${new URL(proxy.url).host}`;
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain(`--confirm ${name}`);
    expect([...(await rest.documents(index)).keys()]).toContain('5');

    const done = await verify('--sql', sql, '--repair', '--confirm', name, '--json');
    expect(done.json().result).toMatchObject({ compared: 3, extra: 0, repaired: { written: 0, deleted: 1 } });
    expect([...(await rest.documents(index)).keys()]).not.toContain('5');
  });

  it('changes nothing in a dry run of a repair, which says what it would do and ends as the comparison', async () => {
    await rest.text('DELETE', `/${index}/_doc/3?refresh=true`);
    await rest.write(index, new Map([['5', '{}']]));
    const confirm = `default/${index}@${new URL(proxy.url).host}`;
    const { code, json } = await verify('--sql', sql, '--repair', '--dry-run', '--json');
    expect(json().result).toMatchObject({ planned: { write: 1, delete: 1, confirm } });
    expect(code).toBe(3);
    const { stdout } = await verify('--sql', sql, '--repair', '--dry-run');
    expect(stdout).toContain('Would write 1 document, and delete 1 document.');
    expect([...(await rest.documents(index)).keys()].sort()).toEqual(
      ['-6078848508545849313', '5', '9007199254740993'].sort(),
    );
  });

  it('reads standard input once, and repairs from it', async () => {
    const lines = [...(await rest.documents(index)).values()].map((json) => `${json}\n`).join('');
    await rest.text('DELETE', `/${index}/_doc/3?refresh=true`);
    const env = { METRIFY_ELASTICSEARCH_URL: proxy.url };
    const args = ['search', 'verify', index, '--keys', '--stdin', '--id', 'meter_id', '--repair', '--json'];
    const { code, json } = await metrifyInProcess(args, { cwd: folder, env, stdin: lines });
    expect(json().result).toMatchObject({ compared: 3, missing: 0, repaired: { written: 1 } });
    expect(code).toBe(0);
  });

  it('says what rows are no documents, and that an id stands twice', async () => {
    const file = join(folder, 'meters.jsonl');
    await writeFile(file, '{"meter_id":3,"old":1}\nnonsense\n{"meter_id":null}\n{"meter_id":3}\n');
    await rest.write(index, new Map([['3', '{"meter_id":3}']]));
    const { code, json } = await verify('--file', file, '--json');
    expect(json().result).toMatchObject({ compared: 3, stale: 0, extra: 2, refused: 2, duplicates: 1 });
    expect(code).toBe(3);
  });

  it('deletes nothing while rows cannot be read: the documents may be theirs', async () => {
    const file = join(folder, 'cut.jsonl');
    const [first, second, third] = (await rest.documents(index)).entries();
    await writeFile(file, `${first![1]}\n${second![1].slice(0, -4)}\n{"meter_id":null}\n{"meter_id":8}\n`);
    const name = `default/${index}@${new URL(proxy.url).host}`;
    const { code, json } = await verify('--file', file, '--repair', '--confirm', name, '--json');
    expect(json().result).toMatchObject({
      extra: 2,
      missing: 0,
      refused: 2,
      repaired: { written: 1, deleted: 0 },
    });
    expect(code).toBe(3);
    expect([...(await rest.documents(index)).keys()].sort()).toEqual(
      [first![0], second![0], third![0], '8'].sort(),
    );
  });

  it('writes nothing into an index that has routing without knowing it', async () => {
    const routed = `${index}-routed`;
    await rest.ask('PUT', `/${routed}`, { settings: { number_of_shards: 5, number_of_replicas: 0 } });
    const file = join(folder, 'routed.jsonl');
    const rows = Array.from({ length: 20 }, (_, i) => `{"id":"${i}","r":"r${i % 3}","v":1}`);
    await writeFile(file, rows.join('\n'));
    const run = (verb: string, ...more: string[]) =>
      metrifyInProcess(['search', verb, routed, '--file', file, '--id', 'id', ...more, '--json'], {
        cwd: folder,
        env: { METRIFY_ELASTICSEARCH_URL: proxy.url },
      });
    expect(await run('index', '--routing', 'r')).toMatchObject({ code: 0 });
    await writeFile(file, rows.join('\n').replaceAll('"v":1', '"v":2'));
    const refused = await run('verify', '--keys', '--repair');
    expect(refused.stderr).toContain('--routing FIELD');
    expect(refused.code).toBe(2);
    const { code, json } = await run('verify', '--keys', '--repair', '--routing', 'r');
    expect(json().result).toMatchObject({ compared: 20, stale: 0, repaired: { written: 20 } });
    expect(code).toBe(0);
    expect(await rest.ask('GET', `/${routed}/_count`)).toMatchObject({ count: 20 });
  });

  it('takes documents without ids of their own by what they say', async () => {
    const file = join(folder, 'nameless.jsonl');
    await writeFile(file, '{"b":1.0,"a":"x"}\n');
    const own = `${index}-own`;
    // printf '{"a":"x","b":1}' | openssl sha256 -binary | basenc --base64url
    await rest.write(own, new Map([['zasGfp876zLRJSz9Y-SSWS_sv1kbDQjK2yS7F_OGQkY', '{"a":"x","b":1}']]));
    const { code } = await metrifyInProcess(['search', 'verify', own, '--keys', '--file', file], {
      cwd: folder,
      env: { METRIFY_ELASTICSEARCH_URL: proxy.url },
    });
    expect(code).toBe(0);
  });

  it('never takes a page without all of its shards for an index that lacks documents', async () => {
    proxy.fate = ({ url }) =>
      url?.startsWith('/_search')
        ? async (body, forward) => {
            const answer = await forward(body);
            const text = answer.body.toString().replace(/"successful":\d+/, '"successful":0');
            return { ...answer, body: text };
          }
        : 'pass';
    expect(await verify('--sql', sql)).toMatchObject({ code: 5 });
  });

  it.each([
    ['no index of that name', ['--sql', sql], 2, 'INDEX_MISSING'],
    ['no source', [], 2, 'no source is given'],
    ['a field that the rows do not have', ['--sql', sql, '--id', 'nothing'], 2, 'COLUMN_MISSING'],
  ])('refuses %s', async (what, args, code, said) => {
    if (what.startsWith('no index')) index = `${index}-nowhere`;
    const ended = await verify(...args, '--json');
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(said);
  });
});
