import { expect, test } from 'vitest';

import { fromBytes, toBytes, type ByteString } from '../../../../src/lib/core/bytes.js';
import { canonical } from '../../../../src/lib/search/canonical.js';
import { replayable } from '../../../random.js';
import { ModelIndex } from '../../../unit/search/model-server.js';
import { everything, operation, statuses, type PortUnderTest } from './port-under-test.js';

/** What is written, and what of it comes back. */
export function writesContract(port: PortUnderTest): void {
  const { signal } = port;
  test('one document that does not fit is refused, and nothing else', async () => {
    const index = await port.create('unfit');
    const outcomes = await port.write(
      index,
      ...Array.from({ length: 40 }, (_, i) =>
        operation('index', `d${i}`, i % 13 === 6 ? { n: `text ${i}` } : { n: i }),
      ),
    );
    expect(statuses(outcomes)).toEqual(Array.from({ length: 40 }, (_, i) => (i % 13 === 6 ? 400 : 'done')));
    expect(outcomes.filter(({ kind }) => kind === 'rejected')).toMatchObject([
      { reason: expect.stringContaining('n') as unknown },
      { reason: expect.stringContaining('n') as unknown },
      { reason: expect.stringContaining('n') as unknown },
    ]);
    await port.engine.refresh(index, signal);
    expect(await port.engine.count(index, signal)).toBe(37);
  });

  test('random operations leave what the rules say, in their order', async () => {
    const { random } = replayable(`operations on ${port.name}`);
    const index = await port.create('model');
    const model = new ModelIndex();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    for (let round = 0; round < 4; round++) {
      const operations = Array.from({ length: 25 }, () => {
        const kind = pick(['index', 'create', 'update', 'delete'] as const);
        const id = pick(['a', 'b', 'c', 'ä,"b"\\', 'x/y?z=1#']);
        const document =
          kind === 'index' && random() < 0.3
            ? { n: 'bad' }
            : { [pick(['n', 'meter'])]: Math.floor(random() * 100) };
        return operation(kind, id, kind === 'delete' ? undefined : document);
      });
      const outcomes = await port.write(index, ...operations);
      expect(statuses(outcomes)).toEqual(statuses(operations.map((one) => model.carryOut(one))));
    }
    await port.engine.refresh(index, signal);
    const held = (await port.scanned(index)).map(({ id, source }) => [id, canonical(source)]).sort();
    expect(held).toEqual(model.sources().map(([id, source]) => [id, canonical(source as ByteString)]));
  });

  test('an older external version is refused', async () => {
    const index = await port.create('versions');
    const big = '9007199254740993';
    const outcomes = await port.write(
      index,
      operation('index', 'a', { n: 1 }, big),
      operation('index', 'b', { n: 1 }, '5'),
    );
    expect(statuses(outcomes)).toEqual(['done', 'done']);
    const again = await port.write(
      index,
      operation('index', 'a', { n: 2 }, '9007199254740992'),
      operation('index', 'b', { n: 2 }, '6'),
    );
    expect(statuses(again)).toEqual([409, 'done']);
    expect(statuses(await port.write(index, operation('delete', 'b', undefined, '6')))).toEqual([409]);
    const [a, b] = await port.engine.read(index, [{ id: toBytes('a') }, { id: toBytes('b') }], signal);
    expect([a?.version, b?.version]).toEqual([big, '6']);
  });

  test('what was changed since it was read is not overwritten', async () => {
    const index = await port.create('revisions');
    const ids = ['a', 'b'].map((id) => ({ id: toBytes(id) }));
    await port.write(index, operation('index', 'a', { n: 1 }), operation('index', 'b', { n: 1 }));
    const [a, b] = await port.engine.read(index, ids, signal);
    await port.write(index, operation('index', 'a', { n: 2 }));
    const outcomes = await port.write(
      index,
      { ...operation('index', 'a', { n: 3 }), ifRevision: a!.revision },
      { ...operation('index', 'b', { n: 3 }), ifRevision: b!.revision },
      { ...operation('delete', 'a'), ifRevision: a!.revision },
    );
    expect(statuses(outcomes)).toEqual([409, 'done', 409]);
    const [after] = await port.engine.read(index, ids, signal);
    expect(
      statuses(await port.write(index, { ...operation('delete', 'a'), ifRevision: after!.revision })),
    ).toEqual(['done']);
  });

  test('documents come back byte by byte, before a refresh', async () => {
    const index = await port.create('bytes');
    const documents = {
      digits:
        '{"meter":9007199254740993,"value":0.1,"deep":{"big":123456789012345678901234567890,"one":1.0}}',
      negative: '{"meter":-6078848508545849313,"value":1,"deep":{"list":[1.50,[2]]}}',
      'a,b ü"\\!':
        '{"name":"ü \\u0000 \\" 😀","time":"2026-11-29T12:00:00.000+01:00","place":{"lat":50.10,"lon":8.6}}',
    };
    const entries = Object.entries(documents);
    const outcomes = await port.write(
      index,
      ...entries.map(([id, source]) => operation('index', id, source)),
    );
    expect(statuses(outcomes)).toEqual(entries.map(() => 'done'));
    expect(await port.sources(index, [...Object.keys(documents), 'missing'])).toEqual([
      ...Object.values(documents),
      undefined,
    ]);
    await port.engine.refresh(index, signal);
    const hits = await port.scanned(index);
    expect(Object.fromEntries(hits.map(({ id, source }) => [fromBytes(id), fromBytes(source)]))).toEqual(
      documents,
    );
    const found = await port.engine.search(
      index,
      { ...everything, filters: [{ kind: 'range', field: 'meter', gt: '9007199254740992' }] },
      signal,
    );
    expect(found.hits.map(({ id, source }) => [fromBytes(id), fromBytes(source)])).toEqual([
      ['digits', documents.digits],
    ]);
    expect(await port.engine.read(index, [], signal)).toEqual([]);
  });

  test('a scan gives every document once, also in slices, also while others are written', async () => {
    const index = await port.create('scanned');
    const ids = Array.from({ length: 300 }, (_, i) => `d${i}`);
    await port.write(index, ...ids.map((id, i) => operation('index', id, { n: i })));
    await port.engine.refresh(index, signal);
    const seen: string[] = [];
    let page = 0;
    for await (const hits of port.engine.scan(index, { signal, pageSize: 37 })) {
      seen.push(...hits.map(({ id }) => id));
      if (page++ % 2 === 0) {
        await port.write(index, ...ids.slice(0, 40).map((id) => operation('index', id, { n: -1 })));
        await port.write(index, operation('index', `e${page}`, { n: 1 }));
        await port.engine.refresh(index, signal);
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(ids));
    const slices = await Promise.all(
      [0, 1, 2].map((id) => port.scanned(index, { source: false, slice: { id, max: 3 } })),
    );
    const all = slices.flat();
    expect(all.map(({ source }) => source)).toEqual(all.map(() => ''));
    expect(all.map(({ id }) => id).sort()).toEqual((await port.scanned(index)).map(({ id }) => id).sort());
  });

  test('what the name stands for, and that there is nothing of it', async () => {
    const index = await port.create('described');
    const described = await port.engine.describe(index, signal);
    expect(described).toMatchObject({ indices: [{ name: index }], isAlias: false, isDataStream: false });
    expect(described!.indices[0]!.uuid).not.toBe('');
    expect(await port.engine.describe(`${index}-not`, signal)).toBeUndefined();
    await expect(port.write(`${port.server.prefix}Not/there`, operation('index', 'a', {}))).rejects.toThrow();
    const known = await port.engine.fields(index, signal);
    expect(known).toEqual(
      expect.arrayContaining([
        { name: 'name', kind: 'text' },
        { name: 'kind', kind: 'keyword' },
        { name: 'value', kind: 'number' },
        { name: 'time', kind: 'date' },
        { name: 'place', kind: 'geo' },
      ]),
    );
  });
}
