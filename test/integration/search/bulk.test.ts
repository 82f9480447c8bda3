import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { type ByteString, toBytes } from '../../../src/lib/core/bytes.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { HttpFailure } from '../../../src/lib/http/failure.js';
import { BulkWriter } from '../../../src/lib/search/bulk/writer.js';
import { openElastic, type ElasticEngine } from '../../../src/lib/search/elastic/engine.js';
import type { Operation, OperationKind, Settled } from '../../../src/lib/search/engine.js';
import { createIndex, type IndexOf } from '../../e2e/search/index-of.js';
import { replayable } from '../../random.js';
import { startHttpProxy, type HttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';
import { ModelIndex } from '../../unit/search/model-server.js';

const signal = new AbortController().signal;

needs('search')('bulks', () => {
  let server: SharedSearch;
  let proxy: HttpProxy;
  let engine: ElasticEngine;
  let index: IndexOf;
  beforeAll(async () => {
    server = await searchServer('elasticsearch-9');
    proxy = await startHttpProxy(Number(new URL(server.url).port));
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 20_000 };
    engine = await openElastic({ urls: [proxy.url] }, timeouts, signal);
    index = await createIndex(server.url, `${server.prefix}bulks`, {
      settings: { number_of_shards: 2, number_of_replicas: 0 },
      mappings: { properties: { a: { type: 'integer' }, text: { type: 'keyword', ignore_above: 10 } } },
    });
  });
  afterEach(() => (proxy.fate = () => 'pass'));
  afterAll(async () => {
    await index.remove();
    engine.close();
    await proxy.stop();
    await server.release();
  });

  const write = (operation: Operation) => engine.bulk({ index: index.name }, [operation], signal);
  const writeAll = async (
    operations: readonly Operation[],
    { index: name = index.name, mayRepeat = false } = {},
  ): Promise<readonly Settled[]> => {
    const settled = new Map<Operation, Settled>();
    const writer = new BulkWriter({
      engine,
      target: { index: name },
      clock: systemClock,
      signal,
      mayRepeat,
      settled: (operation, outcome) => void settled.set(operation, outcome),
    });
    for (const operation of operations) await writer.add(operation);
    await writer.drain();
    return operations.map((operation) => settled.get(operation)!);
  };

  test('one update that the server cannot read is rejected alone', async () => {
    const many = Array.from({ length: 7 }, (_, n) => `spoiled-${n}` as ByteString);
    for (const id of many) await write({ kind: 'index', id, source: toBytes('{"a":1}') });
    const settled = await writeAll(
      many.map((id, n) => ({
        kind: 'update',
        id,
        source: toBytes(n === 3 ? '{"a":2,"a":3}' : `{"b":${n}}`),
      })),
    );
    expect(settled.map(({ kind }) => kind)).toEqual(many.map((_, n) => (n === 3 ? 'rejected' : 'done')));
    expect(settled[3]).toMatchObject({
      status: 400,
      reason: expect.stringMatching(/[Dd]uplicate/) as string,
    });
  });

  test('what may have been written before is looked up behind an alias of several indices', async () => {
    const older = await createIndex(server.url, `${server.prefix}bulks-older`, {});
    const alias = `${server.prefix}both`;
    await engine.client.json(
      {
        method: 'POST',
        path: '/_aliases',
        body: {
          actions: [
            { add: { index: older.name, alias } },
            { add: { index: index.name, alias, is_write_index: true } },
          ],
        },
      },
      signal,
    );
    const source = toBytes('{"a":1}');
    const operations: Operation[] = ['same', 'other'].map((id) => ({
      kind: 'create',
      id: id as ByteString,
      source,
    }));
    await write({ kind: 'index', id: 'same' as ByteString, source });
    await write({ kind: 'index', id: 'other' as ByteString, source: toBytes('{"a":2}') });
    const settled = await writeAll(operations, { index: alias, mayRepeat: true });
    await older.remove();
    expect(settled.map(({ kind }) => kind)).toEqual(['done', 'rejected']);
  });

  test('of mixed kinds are answered each in its place, as the rules say', async () => {
    const { random } = replayable('operations');
    const kinds: readonly OperationKind[] = ['index', 'create', 'update', 'delete'];
    const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const operations = Array.from({ length: 600 }, (_, n): Operation => {
      const kind = any(kinds);
      const source = JSON.stringify({ [any(['a', 'b'])]: random() < 0.1 ? 'bad' : n }).replace(
        '"b":"bad"',
        '"b":1',
      );
      return {
        kind,
        id: `mixed-${Math.floor(random() * 150)}` as ByteString,
        ...(kind === 'delete' ? {} : { source: source as ByteString }),
      };
    });
    const model = new ModelIndex();
    const expected = operations.map((operation) => model.carryOut(operation));
    const outcomes = await engine.bulk({ index: index.name }, operations, signal);
    const brief = (list: readonly { kind: string; status?: number }[]) =>
      list.map(({ kind, status }) => [kind, status]);
    expect(brief(outcomes as Settled[])).toEqual(brief(expected as Settled[]));
    const stored = (await index.hits()).filter(({ id }) => id.startsWith('mixed-'));
    expect(stored.map(({ id, source }) => [id, source])).toEqual(
      model.sources().map(([id, source]) => [id, JSON.parse(source)]),
    );
  });

  test('hold ids and documents that would break the request', async () => {
    const id = toBytes('"é\\\n{}"');
    const source = '{\n  "a": 1,\r\n  "text": "line\\nbreak é"\n}';
    expect(await write({ kind: 'index', id, source: toBytes(source) })).toEqual([{ kind: 'done' }]);
    const [stored] = await engine.read(index.name, [{ id }], signal);
    expect(JSON.parse(Buffer.from(stored!.source, 'latin1').toString())).toEqual({
      a: 1,
      text: 'line\nbreak é',
    });
    const operations = ['x'.repeat(513), '', 'x'.repeat(512)].map((each): Operation => ({
      kind: 'index',
      id: each as ByteString,
      source: '{"a":2}' as ByteString,
    }));
    const outcomes = await engine.bulk({ index: index.name }, operations, signal);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['rejected', 'rejected', 'done']);
  });

  test('end when the index is the matter, and not a document', async () => {
    const operation: Operation = { kind: 'index', id: '1' as ByteString, source: '{}' as ByteString };
    const target = { index: `${server.prefix}nowhere`, requireAlias: true };
    await expect(engine.bulk(target, [operation], signal)).rejects.toMatchObject({
      exitCode: 2,
      type: 'index_not_found_exception',
    });
    await index.settings({ 'index.blocks.write': true });
    expect(await write(operation)).toMatchObject([
      { kind: 'blocked', reason: expect.stringContaining('index write') as string },
    ]);
    await index.settings({ 'index.blocks.write': false });
  });

  test('take an answer to other operations for a lost one, and find out what became of them', async () => {
    const operations = ['1', '2', '3'].map((id): Operation => ({
      kind: 'create',
      id: `lost-${id}` as ByteString,
      source: '{"a":1.0}' as ByteString,
    }));
    let garbled = 2;
    proxy.fate = ({ url }) =>
      url!.includes('/_bulk') && garbled-- > 0
        ? async (body, forward) => ({
            ...(await forward(body)),
            body: garbled === 1 ? '{"errors":false,"items":[]}' : '<html>Bad Gateway</html>',
          })
        : 'pass';
    await expect(engine.bulk({ index: index.name }, operations, signal)).rejects.toBeInstanceOf(HttpFailure);
    const outcomes: Settled[] = [];
    const writer = new BulkWriter({
      engine,
      target: { index: index.name },
      clock: systemClock,
      signal,
      settled: (_, outcome) => outcomes.push(outcome),
      mayRepeat: true,
    });
    for (const operation of operations) await writer.add(operation);
    await writer.drain();
    expect(outcomes).toEqual([{ kind: 'done' }, { kind: 'done' }, { kind: 'done' }]);
  });
});
