import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { metrifyInProcess } from '../../../e2e/in-process.js';
import { replayable } from '../../../random.js';
import { startHttpProxy, type HttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { startSearchServer, type SearchServer } from '../../../servers/search.js';
import { Rest } from '../verify/index-of.js';

const { random } = replayable('a node that is killed');

needs('search')('search copy from a node that is killed', () => {
  let server: SearchServer;
  let rest: Rest;
  let proxy: HttpProxy;
  let folder: string;

  beforeAll(async () => {
    server = await startSearchServer('elasticsearch-7');
    rest = new Rest(server.url);
    proxy = await startHttpProxy(server.port);
    folder = await mkdtemp(join(tmpdir(), 'metrify-node-'));
    const config = `environments: { only: { elasticsearch: { url: "${proxy.url}" } } }\n`;
    await writeFile(join(folder, 'metrify.config.yaml'), config);
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it('has every document once the node is back, in the same run or in the next one', async () => {
    await rest.ask('PUT', '/source', { settings: { number_of_shards: 2, number_of_replicas: 0 } });
    const documents = new Map(
      Array.from({ length: 8000 }, (_, i): [string, string] => [`${i}`, `{"v":${i},"w":${random()}}`]),
    );
    await rest.write('source', documents);

    // While pages are read and bulks are written.
    const fatal = Math.floor(random() * 12);
    let requests = 0;
    let restarted: Promise<void> | undefined;
    proxy.fate = async ({ url }) => {
      if (!/^\/(_search|[^/]*\/_bulk)/.test(url ?? '') || requests++ !== fatal) return 'pass';
      await server.kill();
      restarted = server.restart();
      return 'cut';
    };
    const args = [
      'search',
      'copy',
      'source',
      '--from',
      'only',
      '--to',
      'only',
      '--rename',
      'target',
      '--json',
    ];
    const resumed = [...args, '--resume', join(folder, 'copy.json')];
    const first = await metrifyInProcess(resumed, { cwd: folder });
    await restarted;
    console.log(`killed at request ${fatal}: exit ${first.code}`);
    const last = first.code === 0 ? first : await metrifyInProcess(resumed, { cwd: folder });
    expect([0, 5]).toContain(first.code);
    expect(last.json().result).toMatchObject({ complete: true, comparison: { compared: 8000 } });
    expect(last.code).toBe(0);
    expect(await rest.documents('target')).toEqual(documents);
  });
});
