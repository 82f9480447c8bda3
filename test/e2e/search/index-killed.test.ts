import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { startSearchServer, type SearchServer } from '../../servers/search.js';
import { startMetrify, type Running } from '../run.js';
import { createIndex, type IndexOf } from './index-of.js';

const documents = Array.from({ length: 8000 }, (_, n) => ({ id: `d${n}`, n, text: `reading ${n % 97}` }));
const perSecond = 3000;

needs('search')('search index that is killed, or whose server is', () => {
  let server: SearchServer;
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  let file: string;
  beforeAll(async () => {
    [server, folder] = await Promise.all([
      startSearchServer('elasticsearch-8'),
      temporaryDirectory('index-killed'),
    ]);
    file = join(folder.path, 'readings.jsonl');
    await writeFile(file, documents.map((document) => JSON.stringify(document)).join('\n'));
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  const start = async (to: IndexOf, ...args: string[]): Promise<Running> => {
    const flags = ['--file', file, '--id', 'id', '--rate', String(perSecond), '--json', ...args];
    const running = await startMetrify(['search', 'index', to.name, ...flags], {
      env: { METRIFY_ELASTICSEARCH_URL: server.url },
    });
    running.child.stdin.end();
    return running;
  };
  const isWhole = async (to: IndexOf) => {
    const hits = await to.hits();
    expect(hits.length).toBe(documents.length);
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    expect(hits.map(({ source }) => source)).toEqual(documents.toSorted(byId));
    expect(new Set(hits.map(({ version }) => version))).toEqual(new Set([1]));
  };

  test('continues after SIGKILL, and creates each document once', async () => {
    const { random } = replayable('when metrify is killed');
    const to = await createIndex(server.url, 'killed');
    const resume = join(folder.path, 'killed.json');
    const killed = await start(to, '--op', 'create', '--resume', resume);
    while (!existsSync(resume) && killed.child.exitCode === null) await delay(20);
    await delay(random() * 500);
    killed.signal('SIGKILL');
    await killed.finished;
    const finished = await (await start(to, '--op', 'create', '--resume', resume)).finished;
    expect(finished.json()).toMatchObject({
      exitCode: 0,
      result: { read: documents.length, indexed: documents.length, rejected: 0 },
    });
    expect(finished.json().result.resumedAt).toBeGreaterThan(0);
    expect(existsSync(resume)).toBe(false);
    await isWhole(to);
  });

  test('waits for a node that is killed in the middle of a bulk', async () => {
    const to = await createIndex(server.url, 'node-killed');
    const running = await start(to, '--op', 'create');
    while ((await to.count()) < perSecond && running.child.exitCode === null) await delay(20);
    await server.kill();
    await delay(300);
    await server.restart();
    const { exitCode, result } = (await running.finished).json();
    expect([exitCode, result.indexed, result.rejected]).toEqual([0, documents.length, 0]);
    expect(result.retried).toBeGreaterThan(0);
    await isWhole(to);
  });
});
