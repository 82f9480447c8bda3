import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Rest } from '../../integration/search/verify/index-of.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { metrifyInProcess } from '../in-process.js';

needs('search')('a dump by search query, restored by search index', () => {
  let server: SharedSearch;
  let rest: Rest;
  let folder: string;

  beforeAll(async () => {
    server = await searchServer('elasticsearch-9');
    rest = new Rest(server.url);
    folder = await mkdtemp(join(tmpdir(), 'metrify-dump-'));
  });
  afterAll(async () => {
    await rest.text('DELETE', `/${server.prefix}*`).catch(() => {});
    await server.release();
    await rm(folder, { recursive: true });
  });

  it('is the same documents, byte by byte, under the same ids and routing', async () => {
    const [from, to] = [`${server.prefix}dumped`, `${server.prefix}restored`];
    for (const index of [from, to])
      await rest.ask('PUT', `/${index}`, {
        settings: { number_of_shards: 3, number_of_replicas: 0 },
        mappings: { dynamic: false },
      });
    const documents = new Map([
      [
        'digits',
        '{"id":9007199254740993,"n":-6078848508545849313,"long":123456789012345678901234567890,"e":1E+2}',
      ],
      ['spelling', '{ "b" : "\\u00e9\\/é\\n" ,\t"a":[ 1.0 ] }'],
      ['😀 "\\', '{"doc":{"_id":"inner","_source":{}}}'],
      ...Array.from({ length: 300 }, (_, i): [string, string] => [`${i}`, `{"v":${i}.50}`]),
    ]);
    await rest.write(from, documents);
    await rest.text('PUT', `/${from}/_doc/routed?routing=some%20"where"&refresh=true`, '{"v":1}');

    const env = { METRIFY_ELASTICSEARCH_URL: server.url };
    const dump = await metrifyInProcess(['search', 'query', from, '--all', '--meta'], { env });
    expect(dump.code).toBe(0);
    const file = join(folder, 'dump.ndjson');
    await writeFile(file, dump.bytes);
    const restore = await metrifyInProcess(['search', 'index', to, '--file', file, '--meta', '--json'], {
      env,
    });
    expect(restore.json().result).toMatchObject({ read: 304, indexed: 304, rejected: 0 });
    expect(await rest.documents(to)).toEqual(documents.set('routed', '{"v":1}'));
    expect(await rest.ask('GET', `/${to}/_doc/routed?routing=some%20"where"`)).toMatchObject({ found: true });
  });
});
