import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { refuseItems } from '../../servers/bulk-faults.js';
import { startHttpProxy, type Handler, type HttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { metrifyInProcess } from '../in-process.js';
import { createIndex, type IndexOf } from './index-of.js';

const answering =
  (status: number, headers: Record<string, string> = {}): Handler =>
  () => ({ status, headers, body: JSON.stringify({ error: { reason: `status ${status}` }, status }) });

needs('search')('search index, through a proxy', () => {
  let server: SharedSearch;
  let proxy: HttpProxy;
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  const made: IndexOf[] = [];

  beforeAll(async () => {
    [server, folder] = await Promise.all([searchServer('elasticsearch-9'), temporaryDirectory('index')]);
    proxy = await startHttpProxy(Number(new URL(server.url).port));
  });
  afterEach(() => (proxy.fate = () => 'pass'));
  afterAll(async () => {
    await Promise.all(made.map((index) => index.remove()));
    await proxy.stop();
    await server.release();
    await folder.remove();
  });

  const create = async (name: string, properties: object = {}): Promise<IndexOf> => {
    const index = await createIndex(server.url, `${server.prefix}${name}`, { mappings: { properties } });
    made.push(index);
    return index;
  };
  const index = (to: IndexOf, ...args: string[]) =>
    metrifyInProcess(['search', 'index', to.name, ...args, '--json'], {
      env: { METRIFY_ELASTICSEARCH_URL: proxy.url },
    });
  const lines = async (name: string, documents: readonly object[]): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, documents.map((document) => `${JSON.stringify(document)}\n`).join(''));
    return path;
  };
  /** Of the bulks alone. */
  const bulks = (fate: (n: number) => ReturnType<HttpProxy['fate']>): void => {
    let n = 0;
    proxy.fate = ({ url }) => (url!.includes('/_bulk') ? fate(n++) : 'pass');
  };

  test('writes each document once when answers are lost', async () => {
    const documents = Array.from({ length: 1990 }, (_, n) => ({ n, text: `reading ${n}` }));
    const file = await lines('lost.jsonl', [...documents, ...documents.slice(100, 110)]);
    bulks((n) => (n % 3 === 0 ? 'lose' : 'pass'));
    const once = await create('lost');
    const { result, exitCode } = (await index(once, '--file', file)).json();
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ read: 2000, indexed: 2000, rejected: 0 });
    expect(result.retried).toBeGreaterThan(0);
    expect(await once.count()).toBe(1990);

    const twice = await create('lost-twice');
    const kept = (await index(twice, '--file', file, '--keep-duplicates', '--op', 'create')).json();
    expect(kept).toMatchObject({ exitCode: 0, result: { indexed: 2000, rejected: 0 } });
    expect(await twice.count()).toBe(2000);
    // Again: the ids are the same.
    bulks(() => 'pass');
    await index(twice, '--file', file, '--keep-duplicates');
    expect(await twice.count()).toBe(2000);
  });

  test('rejects the one that does not fit, sends refused ones again, and takes the mended row', async () => {
    const documents = Array.from({ length: 1000 }, (_, i) => ({
      id: `m${i + 1}`,
      value: i + 1 === 500 ? 'broken' : i,
    }));
    const file = await lines('refused.jsonl', documents);
    const dead = join(folder.path, 'dead.jsonl');
    const to = await create('refused', { value: { type: 'float' } });
    const refusing = refuseItems(({ id }, times) => Number(id!.slice(1)) % 10 === 3 && times < 2);
    bulks((n) => (n === 1 ? answering(503, { 'retry-after': '0' }) : refusing));
    const { result, exitCode } = (
      await index(to, '--file', file, '--id', 'id', '--dead-letter', dead)
    ).json();
    expect(exitCode).toBe(6);
    expect(result).toMatchObject({ read: 1000, indexed: 999, rejected: 1, deadLetter: dead });
    expect(result.retried).toBeGreaterThanOrEqual(200);
    expect(result.reasons).toEqual([
      { count: 1, firstLine: 500, reason: expect.stringContaining('broken') as string },
    ]);
    expect(await to.count()).toBe(999);
    const letter = JSON.parse(await readFile(dead, 'utf8')) as { line: number; row: string };
    expect(letter).toMatchObject({ line: 500, row: '{"id":"m500","value":"broken"}' });

    bulks(() => 'pass');
    const wrapped = await index(to, '--file', dead, '--id', 'id');
    expect([wrapped.code, wrapped.stderr]).toEqual([2, expect.stringContaining('--mended')]);
    await writeFile(dead, `${JSON.stringify({ ...letter, row: letter.row.replace('"broken"', '499') })}\n`);
    const mended = (await index(to, '--file', dead, '--mended', '--id', 'id')).json();
    expect(mended).toMatchObject({ exitCode: 0, result: { read: 1, indexed: 1 } });
    expect((await to.hits()).map(({ source }) => source)).toEqual(
      documents.map(({ id }, i) => ({ id, value: i })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  });

  test('cuts what is too long into halves, down to the one document', async () => {
    const documents = Array.from({ length: 300 }, (_, n) => ({
      n,
      text: 'x'.repeat(n === 200 ? 30_000 : 100),
    }));
    const file = await lines('long.jsonl', documents);
    const to = await create('long');
    const tooLong: Handler = (body, forward) =>
      body.length > 20_000 ? { status: 413, body: 'Request Entity Too Large' } : forward(body);
    bulks(() => tooLong);
    const { result, exitCode } = (await index(to, '--file', file)).json();
    expect(exitCode).toBe(6);
    expect(result).toMatchObject({ read: 300, indexed: 299, rejected: 1 });
    expect(result.reasons[0]).toMatchObject({ firstLine: 201 });
    expect(await to.count()).toBe(299);
  });

  test('waits for an index that takes no writes, and continues where it stopped', async () => {
    const documents = Array.from({ length: 6000 }, (_, n) => ({ n }));
    const file = await lines('blocked.jsonl', documents);
    const to = await create('blocked', { n: { type: 'long' } });
    const dead = join(folder.path, 'blocked-dead.jsonl');
    const full = (full: boolean | null) => to.settings({ 'index.blocks.read_only_allow_delete': full });
    bulks(async (n) => {
      if (n === 2) await full(true);
      return 'pass' as const;
    });
    const lifted = delay(1500).then(() => full(null));
    const first = (await index(to, '--file', file, '--dead-letter', dead)).json();
    await lifted;
    expect(first).toMatchObject({ exitCode: 0, result: { read: 6000, indexed: 6000, rejected: 0 } });
    expect(first.warnings.join('\n')).toMatch(/takes no writes: .*read-only-allow-delete/);
    expect(first.warnings.join('\n')).toMatch(/node .* has .* free/);
    expect(await readFile(dead, 'utf8')).toBe('');
    expect(await to.count()).toBe(6000);

    await to.remove();
    const again = await create('blocked', { n: { type: 'long' } });
    const resume = join(folder.path, 'blocked.json');
    // Rows that were written after the checkpoint are sent again.
    const args = ['--file', file, '--op', 'create', '--resume', resume, '--rate', '2000', '--stall', '1s'];
    let isFull = false;
    bulks(async () => {
      if (isFull || !existsSync(resume)) return 'pass' as const;
      isFull = true;
      await full(true);
      return 'pass' as const;
    });
    const stalled = await index(again, ...args);
    const { exitCode, result, warnings } = stalled.json();
    expect([exitCode, result.rejected]).toEqual([5, 0]);
    // Each was answered: none of them may have been written.
    expect(result.unwritten).toBe(result.read - result.indexed);
    expect(result).not.toHaveProperty('uncertain');
    expect(warnings.join()).not.toContain(';;');
    expect(stalled.stderr).toContain(`it continues from ${resume}`);
    await full(null);
    const resumed = (await index(again, ...args)).json();
    expect(resumed).toMatchObject({ exitCode: 0, result: { read: 6000, indexed: 6000, rejected: 0 } });
    expect(resumed.result.resumedAt).toBeGreaterThan(0);
    expect(await again.count()).toBe(6000);
  });

  test('stops when its time is over, and continues from there', async () => {
    const file = await lines(
      'timeout.jsonl',
      Array.from({ length: 3000 }, (_, n) => ({ n })),
    );
    const to = await create('timeout', { n: { type: 'long' } });
    const resume = join(folder.path, 'timeout.json');
    const stopped = await index(to, '--file', file, '--resume', resume, '--rate', '500', '--timeout', '3s');
    const { exitCode, result } = stopped.json();
    expect(exitCode).toBe(124);
    expect(result.read).toBe(result.indexed);
    expect(stopped.stderr).toContain(`it continues from ${resume}`);
    const finished = (await index(to, '--file', file, '--resume', resume)).json();
    expect(finished).toMatchObject({ exitCode: 0, result: { read: 3000, indexed: 3000 } });
    expect(await to.count()).toBe(3000);
  });

  test('says when somebody deleted the index meanwhile, and the server made another one', async () => {
    const to = await create('deleted', { n: { type: 'long' } });
    const file = await lines('deleted.jsonl', [{ n: 1 }]);
    bulks(async () => {
      await to.remove();
      return 'pass' as const;
    });
    const { code, stderr } = await index(to, '--file', file);
    expect([code, stderr]).toEqual([4, expect.stringContaining('INDEX_REPLACED')]);
  });

  test('ends when nobody answers, and says so', async () => {
    const to = await create('gone');
    const file = await lines('gone.jsonl', [{ n: 1 }]);
    bulks(() => 'cut');
    const gone = await index(to, '--file', file, '--stall', '600ms');
    expect(gone.json()).toMatchObject({ exitCode: 5, result: { read: 1, indexed: 0, uncertain: 1 } });
    expect(gone.json().result).not.toHaveProperty('unwritten');
    expect(gone.stderr).toMatch(/nothing could be written for 600ms/);
  });
});
