import { afterAll, beforeAll, expect, test } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { toBytes } from '../../../src/lib/core/bytes.js';
import { BulkWriter } from '../../../src/lib/search/bulk/writer.js';
import {
  BulkTooLarge,
  IncompleteScan,
  type Operation,
  type SearchEngine,
} from '../../../src/lib/search/engine.js';
import { type HttpProxy, type ProxyAnswer, startHttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { operation, PortUnderTest, statuses } from './contract/port-under-test.js';
import { createIndex, openAt } from './index-fixture.js';

needs('search')('faults between us and Solr', () => {
  const port = new PortUnderTest('solr-9');
  const { signal } = port;
  let proxy: HttpProxy;
  let engine: SearchEngine;
  beforeAll(async () => {
    await port.start();
    proxy = await startHttpProxy(Number(new URL(port.server.url).port));
    engine = await openAt(port.server, `${proxy.url}/solr`);
  });
  afterAll(async () => {
    engine?.close();
    await proxy?.stop();
    await port.stop();
  });

  const create = (name: string) => createIndex(port.server, name, { n: 'int' });
  const numbered = (count: number) =>
    Array.from({ length: count }, (_, i) => operation('create', `d${i}`, { n: i }));

  async function writeAll(core: string, operations: readonly Operation[]) {
    const refused: string[] = [];
    let settled = 0;
    const writer = new BulkWriter({
      engine,
      target: { index: core },
      clock: systemClock,
      signal,
      random: () => 0,
      settled: ({ id }, outcome) => {
        settled++;
        if (outcome.kind === 'rejected') refused.push(id);
      },
    });
    for (const one of operations) await writer.add(one);
    await writer.drain();
    await engine.refresh(core, signal);
    return { settled, refused, count: await engine.count(core, signal), retried: writer.retried };
  }

  test('answers that are lost after a bulk was applied make no doubles and no conflicts', async () => {
    const core = await create('lost');
    let bulks = 0;
    proxy.fate = ({ url }) => (url!.includes('/update?versions') && bulks++ < 2 ? 'lose' : 'pass');
    const operations = [...numbered(60), operation('delete', 'd1'), operation('create', 'd2', { n: 0 })];
    const { retried, ...written } = await writeAll(core, operations);
    expect(written).toEqual({ settled: 62, refused: ['d2'], count: 59 });
    expect(retried).toBeGreaterThan(0);
  });

  test('a storm of 503 and 429 is waited for', async () => {
    const core = await create('storm');
    let bulks = 0;
    proxy.fate = ({ url }) => {
      if (!url!.includes('/update?versions') || ++bulks > 2) return 'pass';
      return () => ({ status: bulks === 1 ? 503 : 429, headers: { 'retry-after': '0' }, body: 'busy' });
    };
    expect(await writeAll(core, numbered(20))).toMatchObject({
      settled: 20,
      refused: [],
      count: 20,
      retried: 40,
    });
  });

  test('a request that is too long is said to be', async () => {
    const core = await create('long');
    proxy.fate = ({ url }) =>
      url!.includes('/update?versions') ? () => ({ status: 413, body: '' }) : 'pass';
    await expect(engine.bulk({ index: core }, numbered(2), signal)).rejects.toThrow(BulkTooLarge);
  });

  test('a full disk is waited for, and no document is to blame for it', async () => {
    const core = await create('full');
    const fails = (msg: string) => () => ({
      status: 500,
      body: JSON.stringify({ error: { msg, code: 500 } }),
    });
    proxy.fate = ({ url }) => (url!.includes('/update?versions') ? fails('No space left on device') : 'pass');
    expect(statuses(await engine.bulk({ index: core }, numbered(3), signal))).toEqual([
      'blocked',
      'blocked',
      'blocked',
    ]);
    proxy.fate = ({ url }) => (url!.includes('/update?versions') ? fails('a bug') : 'pass');
    await expect(engine.bulk({ index: core }, numbered(3), signal)).rejects.toMatchObject({ exitCode: 5 });
  });

  test('a page that is lost is asked for again; one in part is the end', async () => {
    const core = await create('pages');
    await engine.bulk({ index: core }, [], signal);
    proxy.fate = () => 'pass';
    await writeAll(core, numbered(50));
    let pages = 0;
    const cut = ({ url }: { readonly url?: string | undefined }) =>
      url!.includes('/select') && ++pages % 3 === 2 ? ('lose' as const) : ('pass' as const);
    proxy.fate = cut;
    const seen: string[] = [];
    for await (const hits of engine.scan(core, { signal, pageSize: 7 }))
      seen.push(...hits.map(({ id }) => id));
    expect(seen.sort()).toEqual(
      numbered(50)
        .map(({ id }) => id)
        .sort(),
    );
    expect(pages).toBeGreaterThan(8);

    pages = 0;
    proxy.fate = ({ url }) => (url!.includes('/select') && ++pages === 3 ? partial : 'pass');
    const scanning = (async () => {
      const before: string[] = [];
      for await (const hits of engine.scan(core, { signal, pageSize: 7 }))
        before.push(...hits.map(({ id }) => id));
    })();
    await expect(scanning).rejects.toThrow(IncompleteScan);
    proxy.fate = ({ url }) => (url!.includes('/select') ? partial : 'pass');
    await expect(engine.count(core, signal)).rejects.toThrow(IncompleteScan);
  });

  test('a core that is not there, and somebody else at the address', async () => {
    proxy.fate = () => 'pass';
    const not = { index: `${port.server.prefix}not` };
    await expect(engine.bulk(not, [{ kind: 'delete', id: toBytes('a') }], signal)).rejects.toMatchObject({
      status: 404,
      exitCode: 2,
      message: expect.stringContaining('there is no core') as unknown,
    });
    proxy.fate = () => () => ({ status: 200, body: '{"version":{"number":"9.0.0"}}' });
    await expect(openAt(port.server, `${proxy.url}/solr`)).rejects.toMatchObject({
      code: 'NOT_A_SEARCH_SERVER',
    });
  });

  test('a chain that tolerates errors answers 200: its errors are read', async () => {
    proxy.fate = () => 'pass';
    const core = await create('tolerant');
    const configure = (command: object) =>
      fetch(`${port.server.url}/${core}/config`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(command),
      }).then((answer) => expect(answer.status).toBe(200));
    await configure({
      'add-updateprocessor': { name: 'tolerant', class: 'solr.TolerantUpdateProcessorFactory' },
    });
    await configure({
      'add-requesthandler': {
        name: '/update',
        class: 'solr.UpdateRequestHandler',
        defaults: { processor: 'tolerant' },
      },
    });
    const status: number[] = [];
    proxy.fate = ({ url }) =>
      url!.includes('/update?versions')
        ? async (body, forward) => {
            const answer = await forward(body);
            status.push(answer.status);
            return answer;
          }
        : 'pass';
    const outcomes = await engine.bulk(
      { index: core },
      Array.from({ length: 9 }, (_, i) =>
        i === 3 ? operation('delete', 'd3') : operation('index', `d${i}`, { n: i % 4 === 1 ? 'x' : i }),
      ),
      signal,
    );
    expect(status).toEqual([200]);
    expect(statuses(outcomes)).toEqual(['done', 400, 'done', 404, 'done', 400, 'done', 'done', 'done']);
    expect(outcomes[1]).toMatchObject({ reason: expect.stringContaining("'n'='x'") as unknown });
    await engine.refresh(core, signal);
    expect(await engine.count(core, signal)).toBe(6);

    // Behind more errors than it tolerates it fails, with documents that it has not looked at.
    await configure({
      'update-updateprocessor': {
        name: 'tolerant',
        class: 'solr.TolerantUpdateProcessorFactory',
        maxErrors: 1,
      },
    });
    status.length = 0;
    const limited = await engine.bulk(
      { index: core },
      Array.from({ length: 9 }, (_, i) => operation('index', `l${i}`, { n: i % 2 === 1 ? 'x' : i })),
      signal,
    );
    expect(status[0]).toBe(400);
    expect(statuses(limited)).toEqual(['done', 400, 'done', 400, 'done', 400, 'done', 400, 'done']);
  });
});

/** What Solr says when time ran out (timeAllowed), or a shard was left out (shards.tolerant). */
async function partial(body: Buffer, forward: (body: Buffer) => Promise<ProxyAnswer>): Promise<ProxyAnswer> {
  const answer = await forward(body);
  const told = JSON.parse(answer.body.toString()) as { responseHeader: object };
  return {
    ...answer,
    body: JSON.stringify({ ...told, responseHeader: { ...told.responseHeader, partialResults: true } }),
  };
}
