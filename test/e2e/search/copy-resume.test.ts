import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Rest } from '../../integration/search/verify/index-of.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { startHttpProxy, type HttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { searchServers, type SharedSearch } from '../../servers/search.js';
import { metrify, startMetrify } from '../run.js';

const { random } = replayable('a copy that is killed');

needs('search')('search copy that is killed', () => {
  let servers: SharedSearch[];
  let [from, to]: Rest[] = [];
  let proxy: HttpProxy;
  let folder: string;
  let index: string;
  const documents = scaled(9000);

  beforeAll(async () => {
    servers = await searchServers('opensearch-3', 'elasticsearch-9');
    [from, to] = servers.map(({ url }) => new Rest(url));
    proxy = await startHttpProxy(Number(new URL(to!.url).port));
    folder = await mkdtemp(join(tmpdir(), 'metrify-killed-'));
    await writeFile(
      join(folder, 'metrify.config.yaml'),
      `environments:
  old: { elasticsearch: { url: "${from!.url}" } }
  new: { elasticsearch: { url: "${proxy.url}" } }
`,
    );
    index = `${servers[0]!.prefix}killed`;
    await from!.ask('PUT', `/${index}`, { settings: { number_of_shards: 3, number_of_replicas: 0 } });
    for (let at = 0; at < documents; at += 9000)
      await from!.write(
        index,
        new Map(Array.from({ length: 9000 }, (_, i) => [`${at + i}`, `{"v":${at + i},"w":${random()}}`])),
      );
  });
  afterAll(async () => {
    for (const rest of [from!, to!]) await rest.text('DELETE', `/${servers[0]!.prefix}*`).catch(() => {});
    await proxy.stop();
    await servers[0]!.release();
    await rm(folder, { recursive: true });
  });

  it('at a random moment is continued by the same command, until every document is there once', async () => {
    const args = ['search', 'copy', index, '--from', 'old', '--to', 'new', '--resume', 'copy.json', '--json'];
    // Killed while one of its requests is on the way: before the server has it, or after it was carried out.
    const fatal = Math.floor(random() * 30);
    const isLost = random() < 0.5;
    let requests = 0;
    let kill = () => {};
    proxy.fate = async () => {
      if (requests++ !== fatal) return 'pass';
      if (isLost) {
        // The server carries it out; nobody waits for the answer.
        setTimeout(kill, 200);
        return 'lose';
      }
      kill();
      await sleep(100);
      return 'cut';
    };
    const running = await startMetrify(args, { cwd: folder });
    kill = () => running.signal('SIGKILL');
    const { signal, code: ended } = await running.finished;
    console.log(`killed at request ${fatal}: ${signal ?? `it had ended with ${ended}`}`);
    proxy.fate = () => 'pass';
    const { json, code } = await metrify(args, { cwd: folder });
    if (signal === null && ended === 0) {
      // It was faster: now the copy is complete, and is not touched again.
      expect(code).toBe(4);
      return;
    }
    expect(json().result).toMatchObject({ complete: true, rejected: 0 });
    expect(json().result.comparison).toMatchObject({ compared: documents, missing: 0, extra: 0, stale: 0 });
    expect(code).toBe(0);
    expect(await to!.ask('GET', `/${index}/_count`)).toMatchObject({ count: documents });
    expect(await to!.documents(index)).toEqual(await from!.documents(index));
    expect(existsSync(join(folder, 'copy.json'))).toBe(false);
  });
});
