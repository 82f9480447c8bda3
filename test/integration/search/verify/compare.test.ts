import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromBytes, toBytes } from '../../../../src/lib/core/bytes.js';
import { systemClock } from '../../../../src/lib/core/clock.js';
import { silentProgress } from '../../../../src/lib/core/progress.js';
import type { SearchEngine } from '../../../../src/lib/search/engine.js';
import { compareSides } from '../../../../src/lib/search/verify/compare.js';
import { openIndexSide } from '../../../../src/lib/search/verify/open-index-side.js';
import { repair } from '../../../../src/lib/search/verify/repair.js';
import type { Side } from '../../../../src/lib/search/verify/side.js';
import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
import { type Documents, engineAt, Rest, sideOf } from './index-of.js';

const { signal } = new AbortController();
const { seed } = replayable('comparisons');

needs('search')('a comparison of documents with an index', () => {
  let server: SharedSearch;
  let rest: Rest;
  let engine: SearchEngine;
  let folder: string;
  let created = 0;

  beforeAll(async () => {
    server = await searchServer('elasticsearch-9');
    rest = new Rest(server.url);
    engine = await engineAt(server.url);
    folder = await mkdtemp(join(tmpdir(), 'metrify-pairs-'));
  });
  afterAll(async () => {
    await rest.text('DELETE', `/${server.prefix}*`).catch(() => {});
    engine.close();
    await server.release();
    await rm(folder, { recursive: true });
  });

  async function newIndex(documents: Documents): Promise<string> {
    const index = `${server.prefix}${created++}`;
    await rest.ask('PUT', `/${index}`, {
      settings: { number_of_shards: 2, number_of_replicas: 0 },
      mappings: { dynamic: false },
    });
    await rest.write(index, documents);
    return index;
  }

  async function compare(source: Side, index: string) {
    const side = await openIndexSide(engine, index, { takesRouting: true }, signal);
    const comparison = await compareSides(source, side, {
      temporaryFolder: folder,
      listed: Infinity,
      signal,
      progress: silentProgress,
    });
    expect(await readdir(folder)).toEqual([]);
    const found = new Map(comparison.examples.map(({ id, kind }) => [fromBytes(id), kind]));
    return { ...comparison, side, found };
  }

  it('finds what Maps find, and its repair makes the index what the source is', async () => {
    const id = fc.oneof(fc.nat(40).map(String), fc.constantFrom('é', '"', '\\', ' ', 'a b', '😀', '{}'));
    const side = fc.array(fc.tuple(id, fc.nat(2)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(side, side, async (ours, theirs) => {
        const asDocuments = (pairs: readonly [string, number][]) =>
          new Map(pairs.map(([id, value]): [string, string] => [id, `{"v":${value}}`]));
        const [source, held] = [asDocuments(ours), asDocuments(theirs)];
        const index = await newIndex(held);
        const expected = new Map<string, string>();
        for (const [id, json] of source)
          if (held.get(id) !== json) expected.set(id, held.has(id) ? 'stale' : 'missing');
        for (const id of held.keys()) if (!source.has(id)) expected.set(id, 'extra');

        const { found, side: indexSide, differences, ...counts } = await compare(sideOf(source), index);
        expect(found).toEqual(expected);
        const count = (kind: string) => [...expected.values()].filter((each) => each === kind).length;
        expect(counts).toMatchObject({
          compared: new Set([...source.keys(), ...held.keys()]).size,
          ...{ missing: count('missing'), extra: count('extra'), stale: count('stale') },
          ...{ changing: 0, doubled: 0, unconfirmed: 0 },
        });

        const options = { clock: systemClock, signal, deletes: () => true };
        const repaired = await repair(differences, sideOf(source), indexSide, options);
        expect(repaired).toEqual({
          written: count('missing') + count('stale'),
          deleted: count('extra'),
          ...{ changed: 0, rejected: 0 },
        });
        expect(await rest.documents(index)).toEqual(source);
      }),
      { seed, numRuns: scaled(6) },
    );
  });

  it('takes numbers by every digit of their value, and members in any order', async () => {
    const source = new Map([
      ['integer', '{"id":9007199254740993}'],
      ['negative', '{"id":-6078848508545849313}'],
      ['long', '{"id":123456789012345678901234567890}'],
      ['numeric', '{"a":0.1,"b":"x"}'],
      ['whole', '{"a":1}'],
    ]);
    const index = await newIndex(
      new Map([
        ['integer', '{"id":9007199254740992}'],
        ['negative', '{ "id": -6078848508545849313 }'],
        ['long', '{"id":123456789012345678901234567891}'],
        ['numeric', '{"b":"\\u0078","a":0.10}'],
        ['whole', '{"a":1.0}'],
      ]),
    );
    const { found } = await compare(sideOf(source), index);
    expect(found).toEqual(
      new Map([
        ['integer', 'stale'],
        ['long', 'stale'],
      ]),
    );
  });

  it.each(['source', 'index'])(
    'raises no alarm over documents that are written, added and deleted while both are read, first in the %s',
    async (first) => {
      const before = new Map(Array.from({ length: 100 }, (_, i): [string, string] => [`${i}`, '{"v":1}']));
      const after = new Map(before).set('3', '{"v":2}').set('new', '{"v":1}');
      after.delete('4');
      const index = await newIndex(before);
      const follow = async () => {
        await rest.write(index, new Map([...after].filter(([id]) => id === '3' || id === 'new')));
        await rest.text('DELETE', `/${index}/_doc/4?refresh=true`);
      };
      if (first === 'index') await follow();
      let reads = 0;
      const busy: Side = {
        ...sideOf(before),
        async *documents(signal) {
          if (first === 'source' && reads === 1) await follow();
          const now = first === 'index' && reads === 0 ? before : after;
          reads++;
          yield* sideOf(now).documents(signal);
        },
      };
      const counts = await compare(busy, index);
      expect(counts.differences.size).toBe(3);
      expect(counts).toMatchObject({ missing: 0, extra: 0, stale: 0, changing: 0 });
    },
  );

  it('does not judge a document that was another one both times', async () => {
    const source = new Map([
      ['1', '{"v":0}'],
      ['2', '{"v":0}'],
    ]);
    const index = await newIndex(
      new Map([
        ['1', '{"v":-1}'],
        ['2', '{"v":0}'],
      ]),
    );
    const { documents, ...side } = sideOf(source);
    const busy: Side = {
      ...side,
      async *documents(signal) {
        source.set('1', `{"v":${Math.random()}}`);
        yield* documents(signal);
      },
    };
    expect(await compare(busy, index)).toMatchObject({ missing: 0, extra: 0, stale: 0, changing: 1 });
  });

  it('looks behind an alias: into each of its indices, where an id may stand twice', async () => {
    const [one, other] = [
      await newIndex(
        new Map([
          ['1', '{"v":1}'],
          ['2', '{"v":2}'],
          ['5', '{"v":5}'],
        ]),
      ),
      await newIndex(
        new Map([
          ['2', '{"v":2}'],
          ['3', '{"v":0}'],
        ]),
      ),
    ];
    const alias = `${server.prefix}both`;
    const actions = [one, other].map((index) => ({ add: { index, alias, is_write_index: index === other } }));
    await rest.ask('POST', '/_aliases', { actions });
    const source = new Map([
      ['1', '{"v":1}'],
      ['2', '{"v":2}'],
      ['3', '{"v":3}'],
      ['4', '{"v":4}'],
    ]);
    const { found, doubled, side, differences } = await compare(sideOf(source), alias);
    expect(found).toEqual(
      new Map([
        ['3', 'stale'],
        ['4', 'missing'],
        ['5', 'extra'],
      ]),
    );
    expect(doubled).toBe(1);
    await repair(differences, sideOf(source), side, { clock: systemClock, signal, deletes: () => true });
    expect(await rest.documents(one)).toEqual(
      new Map([
        ['1', '{"v":1}'],
        ['2', '{"v":2}'],
      ]),
    );
    expect(await rest.documents(other)).toEqual(
      new Map([
        ['2', '{"v":2}'],
        ['3', '{"v":3}'],
        ['4', '{"v":4}'],
      ]),
    );
  });

  it.each([{ filter: { term: { v: 1 } } }, { search_routing: 'a' }])(
    'is refused through an alias that shows only a part: %o',
    async (part) => {
      const index = await newIndex(new Map([['1', '{"v":1}']]));
      const alias = `${index}-part`;
      await rest.ask('POST', '/_aliases', { actions: [{ add: { index, alias, ...part } }] });
      await expect(openIndexSide(engine, alias, { takesRouting: true }, signal)).rejects.toMatchObject({
        ...{ code: 'SHOWS_PART', hint: expect.stringContaining(index) as string },
      });
    },
  );

  it('is refused where the index does not keep its documents', async () => {
    const index = `${server.prefix}${created++}`;
    await rest.ask('PUT', `/${index}`, { mappings: { _source: { enabled: false } } });
    await expect(openIndexSide(engine, index, { takesRouting: true }, signal)).rejects.toMatchObject({
      code: 'SOURCE_INCOMPLETE',
    });
  });

  it('is repaired without touching what was written since it was compared', async () => {
    const source = new Map([
      ['stale', '{"v":1}'],
      ['missing', '{"v":1}'],
    ]);
    const index = await newIndex(
      new Map([
        ['stale', '{"v":0}'],
        ['extra', '{"v":0}'],
      ]),
    );
    const { side, differences } = await compare(sideOf(source), index);
    const since = new Map([
      ['stale', '{"v":2}'],
      ['missing', '{"v":2}'],
      ['extra', '{"v":2}'],
    ]);
    await rest.write(index, since);
    const options = { clock: systemClock, signal, deletes: () => true };
    expect(await repair(differences, sideOf(source), side, options)).toEqual({
      ...{ written: 0, deleted: 0, changed: 3, rejected: 0 },
    });
    expect(await rest.documents(index)).toEqual(since);
  });

  describe.each([1, 5])('with routing, in %i shards', (shards) => {
    /** Documents by id and routing, as `id routing`. */
    type Routed = Readonly<Record<string, number>>;
    const routedSide = (documents: Routed): Side => ({
      ...sideOf(new Map()),
      async *documents() {
        yield await Promise.resolve(
          Object.entries(documents).map(([name, v]) => {
            const [id, routing] = name.split(' ') as [string, string];
            return { id: toBytes(id), routing: toBytes(routing), source: toBytes(`{"v":${v}}`) };
          }),
        );
      },
    });
    const newRouted = async (documents: Routed): Promise<string> => {
      const index = `${server.prefix}${created++}`;
      await rest.ask('PUT', `/${index}`, {
        settings: { number_of_shards: shards, number_of_replicas: 0 },
        mappings: { dynamic: false },
      });
      for (const [name, v] of Object.entries(documents)) {
        const [id, routing] = name.split(' ') as [string, string];
        await rest.text('PUT', `/${index}/_doc/${id}?routing=${routing}&refresh=true`, `{"v":${v}}`);
      }
      return index;
    };
    const held = async (index: string): Promise<Routed> => {
      await rest.text('POST', `/${index}/_refresh`);
      type Found = { hits: { hits: { _id: string; _routing?: string; _source: { v: number } }[] } };
      const { hits } = await rest.ask<Found>('POST', `/${index}/_search?size=100`, {});
      return Object.fromEntries(
        hits.hits.map(({ _id, _routing, _source }) => [`${_id} ${_routing}`, _source.v]),
      );
    };

    it('finds and mends documents whose content or routing has changed', async () => {
      const index = await newRouted({ '1 a': 1, '2 a': 2, '3 a': 3, '4 a': 4 });
      const source = { '1 a': 1, '2 a': 0, '3 b': 3, '5 b': 5 };
      const { side, differences, ...counts } = await compare(routedSide(source), index);
      expect(counts).toMatchObject({ missing: 2, extra: 2, stale: 1, changing: 0, doubled: 0 });
      const options = { clock: systemClock, signal, deletes: () => true };
      const repaired = await repair(differences, routedSide(source), side, options);
      expect(repaired).toMatchObject({ written: 3, changed: 0, rejected: 0 });
      expect(await held(index)).toEqual(source);
      expect(await compare(routedSide(source), index)).toMatchObject({ missing: 0, extra: 0, stale: 0 });
    });

    it('is refused where the other side has no routing', async () => {
      const index = await newRouted({ '1 a': 1 });
      const side = await openIndexSide(engine, index, { takesRouting: false }, signal);
      const options = { temporaryFolder: folder, listed: 0, signal, progress: silentProgress };
      await expect(compareSides(sideOf(new Map([['1', '{"v":1}']])), side, options)).rejects.toMatchObject({
        code: 'ROUTING_MISSING',
      });
      expect(await readdir(folder)).toEqual([]);
    });
  });

  it('takes documents of one id apart by their routing', async () => {
    const index = await newIndex(new Map());
    const routings = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const routing of routings)
      await rest.text('PUT', `/${index}/_doc/same?routing=${routing}&refresh=true`, '{"v":1}');
    const other = await openIndexSide(engine, index, { takesRouting: true }, signal);
    const { compared, missing, extra, doubled } = await compare(other, index);
    const { count } = await rest.ask<{ count: number }>('GET', `/${index}/_count`);
    expect(count).toBe(2); // one a shard
    expect({ compared, missing, extra, doubled }).toEqual({ compared: 2, missing: 0, extra: 0, doubled: 0 });
  });

  it('is repaired from the last row of an id, however far before it another one is', async () => {
    const ids = Array.from({ length: 600 }, (_, i) => `${i}`);
    const rows = (v: number) => ids.map((id) => ({ id: toBytes(id), source: toBytes(`{"v":${v}}`) }));
    const source: Side = {
      ...sideOf(new Map()),
      async *documents() {
        yield await Promise.resolve(rows(1));
        yield rows(2);
      },
    };
    const index = await newIndex(new Map(ids.slice(0, 300).map((id) => [id, '{"v":0}'])));
    const { side, differences, duplicates } = await compare(source, index);
    expect(duplicates).toBe(600);
    const options = { clock: systemClock, signal, deletes: () => true };
    const repaired = await repair(differences, source, side, options);
    expect(repaired).toEqual({ written: 600, deleted: 0, changed: 0, rejected: 0 });
    expect(await rest.documents(index)).toEqual(new Map(ids.map((id) => [id, '{"v":2}'])));
  });

  it('is given up where it is stopped, and leaves no file', async () => {
    const source = new Map([['1', '{}']]);
    const index = await newIndex(source);
    const stop = new AbortController();
    const endless: Side = {
      ...sideOf(source),
      async *documents(signal) {
        for (let i = 0; ; i++) {
          signal.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 1));
          const id = `${i}` as typeof source extends never ? never : string as never;
          yield Array.from({ length: 20_000 }, () => ({ id, source: toBytes('{}') }));
          if (i === 3) stop.abort(new Error('stopped by the test'));
        }
      },
    };
    const side = await openIndexSide(engine, index, { takesRouting: true }, signal);
    const options = { temporaryFolder: folder, listed: 0, signal: stop.signal, progress: silentProgress };
    await expect(compareSides(endless, side, options)).rejects.toThrow('stopped by the test');
    expect(await readdir(folder)).toEqual([]);
  });
});
