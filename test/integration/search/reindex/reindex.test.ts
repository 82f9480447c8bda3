import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SearchEngine, type SharedSearch } from '../../../servers/search.js';
import { Cluster } from './cluster.js';
import { Writer } from './writer.js';

const count = scaled(1000);
const numbers = { properties: { n: { type: 'long' } } };
const document = (i: number) => `{"n":${i},"name":"sensor ${i}"}`;

for (const engine of ['elasticsearch-9', 'opensearch-3'] as SearchEngine[])
  needs('search')(`search reindex on ${engine}`, () => {
    let server: SharedSearch;
    let cluster: Cluster;
    let folder: string;
    let made = 0;
    const name = () => `${server.prefix}r${++made}`;
    const written = async (file: string, content: object) => {
      const path = join(folder, file);
      await writeFile(path, JSON.stringify(content));
      return path;
    };
    beforeAll(async () => {
      server = await searchServer(engine);
      // The server is not killed here, and need not sync each write.
      cluster = new Cluster(server.url, { 'translog.durability': 'async' });
      folder = await mkdtemp(join(tmpdir(), 'metrify-reindex-'));
    });
    afterAll(async () => {
      await cluster.clean(server.prefix);
      await server.release();
      await rm(folder, { recursive: true });
    });

    test('loses, doubles and revives nothing of a writer that never pauses, and can go back', async () => {
      const { random } = replayable('changes during a reindex');
      const alias = name();
      const definition = { is_write_index: true, filter: { range: { n: { gte: 0 } } } };
      const old = await cluster.createSeries(alias, numbers, definition);
      const documents = await cluster.fill(alias, count, document);
      const writer = new Writer(cluster, alias, documents, random);

      const { code, stderr, json } = await writer.during(
        cluster.reindex(alias, '--freeze', '60s'),
        scaled(60),
      );

      expect(code, stderr).toBe(0);
      expect(writer.problems).toEqual([]);
      expect(json().result).toMatchObject({ swapped: true, rejected: 0, mayBeMissing: 0, kept: old });
      const next = `${alias}-000002`;
      // Exactly one index has the alias, and none its name; the private alias is gone.
      expect(await cluster.alias(alias)).toEqual({ [next]: definition });
      expect(await cluster.ask('GET', `/${next}/_alias`)).toEqual({
        [next]: { aliases: { [alias]: definition } },
      });
      expect(await cluster.documents(next)).toEqual(documents);

      const before = await cluster.documents(old);
      const back = await cluster.reindex(alias, '--rollback');
      const { writtenSince } = back.json().result;
      expect(back.code).toBe(writtenSince === 0 ? 0 : 6);
      expect(await cluster.alias(alias)).toEqual({ [old]: definition });
      expect(await cluster.documents(alias)).toEqual(before);
      await cluster.fill(alias, 1, document); // It takes writes again.
    });

    test('documents that the new mapping refuses keep the alias where it is, until they are allowed', async () => {
      const alias = name();
      const old = await cluster.createSeries(alias, { properties: { n: { type: 'keyword' } } });
      await cluster.fill(alias, 200, (i) => (i % 100 === 7 ? `{"n":"no number ${i}"}` : document(i)));
      const mapping = await written('numbers.json', numbers);
      const dead = join(folder, 'dead.ndjson');

      const first = await cluster.reindex(alias, '--mapping', mapping, '--dead-letter', dead);

      expect(first.code, first.stderr).toBe(6);
      expect(first.json().result).toMatchObject({ swapped: false, rejected: 2, reasons: [{ count: 2 }] });
      expect(await cluster.alias(alias)).toEqual({ [old]: {} });
      const letters = (await readFile(dead, 'utf8')).trim().split('\n');
      const rows = letters.map((line) => (JSON.parse(line) as { key: string; row: string }).row);
      expect(rows.sort()).toEqual(['{"n":"no number 107"}', '{"n":"no number 7"}']);

      // One is mended meanwhile; a new run must not begin beside the unfinished one.
      await cluster.ask('PUT', `/${alias}/_doc/d7`, { n: 7 });
      expect((await cluster.reindex(alias)).code).toBe(4);
      const second = await cluster.reindex(alias, '--resume', '--allow-rejected', '1');
      expect(second.code, second.stderr).toBe(6);
      expect(second.json().result).toMatchObject({ swapped: true, rejected: 1 });
      const there = await cluster.documents(alias);
      expect(there.size).toBe(199);
      expect(there.get('d7')).toEqual({ n: 7 });
    });

    if (engine === 'opensearch-3')
      test('a pipeline that documents have been through is not applied again', async () => {
        const alias = name();
        const pipeline = `${alias}-count`;
        const processors = [{ script: { source: 'ctx.times = (ctx.times ?: 0) + 1' } }];
        await cluster.ask('PUT', `/_ingest/pipeline/${pipeline}`, { processors });
        try {
          const old = await cluster.createSeries(alias, numbers);
          await cluster.ask('PUT', `/${old}/_settings`, { 'index.default_pipeline': pipeline });
          await cluster.fill(alias, 20, document);
          for (const by of ['server', 'client']) {
            const { code, stderr } = await cluster.reindex(alias, '--by', by);
            expect(code, stderr).toBe(0);
          }
          await cluster.ask('PUT', `/${alias}/_doc/later`, { n: 1 });
          const documents = [...(await cluster.documents(alias)).values()] as { times: number }[];
          expect(documents).toHaveLength(21);
          expect(documents.filter(({ times }) => times !== 1)).toEqual([]);
        } finally {
          await cluster.clean(alias);
          await cluster.ask('DELETE', `/_ingest/pipeline/${pipeline}`);
        }
      });

    // What follows does not depend on who copies.
    if (engine !== 'elasticsearch-9') return;

    test('an index that is not an alias becomes one, with every digit of its documents', async () => {
      const bare = name();
      const mappings = { properties: { n: { type: 'long' }, long: { type: 'double' } } };
      await cluster.ask('PUT', `/${bare}`, { settings: { number_of_replicas: 0 }, mappings });
      const raw = '{ "n": 9007199254740993, "one": 1.0, "long": 123456789012345678901234567890 }';
      await cluster.fill(bare, 3, () => raw);
      const mapping = await written('digits.json', {
        settings: { number_of_shards: 3 },
        mappings: { properties: { n: { type: 'keyword' }, long: { type: 'keyword' } } },
      });

      const { code, stderr, json } = await cluster.reindex(bare, '--mapping', mapping);

      expect(code, stderr).toBe(0);
      const [next, kept] = [`${bare}-000002`, `${bare}-000001`];
      expect(json().result).toMatchObject({ destination: next, kept });
      expect(await cluster.alias(bare)).toEqual({ [next]: { is_write_index: true } });
      for (const index of [next, kept]) {
        const answer = await (await fetch(`${server.url}/${index}/_doc/d1`)).text();
        expect(answer).toContain(raw);
      }
      const { [next]: now } = await cluster.ask('GET', `/${next}`);
      expect(now.mappings.properties.n).toEqual({ type: 'keyword' });
      expect(now.settings.index.number_of_shards).toBe('3');
    });

    test('a document that was deleted and inserted again keeps its latest content, though its version begins at 1', async () => {
      const alias = name();
      const old = await cluster.createSeries(alias, numbers);
      await cluster.ask('PUT', `/${old}/_settings`, { 'index.gc_deletes': '0s' });
      const documents = await cluster.fill(alias, 100, document);
      for (let i = 0; i < 5; i++) await cluster.fill(alias, 1, document);
      const mapping = await written('refusing.json', {
        properties: { n: { type: 'long' }, bad: { type: 'long' } },
      });
      await cluster.ask('PUT', `/${alias}/_doc/bad`, { bad: 'no number' });
      expect((await cluster.reindex(alias, '--mapping', mapping)).code).toBe(6);

      // When the server forgets the deleted one is up to its clock.
      for (let version = Infinity; version >= 6;) {
        await cluster.ask('DELETE', `/${alias}/_doc/d0`);
        await cluster.ask('POST', `/${alias}/_refresh`);
        version = (await cluster.ask('PUT', `/${alias}/_doc/d0`, { n: 0, again: true }))._version;
      }
      documents.set('d0', { n: 0, again: true });
      await cluster.ask('DELETE', `/${alias}/_doc/bad`);
      await cluster.ask('DELETE', `/${alias}/_doc/d1`);
      documents.delete('d1');
      const { code, stderr } = await cluster.reindex(alias, '--resume');
      expect(code, stderr).toBe(0);
      expect(await cluster.documents(`${alias}-000002`)).toEqual(documents);
    });

    test('a destination that somebody created again is refused', async () => {
      const alias = name();
      const old = await cluster.createSeries(alias, numbers);
      await cluster.fill(alias, 20, (i) => (i === 3 ? '{"n":3,"bad":"x"}' : document(i)));
      const mapping = await written('bad.json', {
        properties: { n: { type: 'long' }, bad: { type: 'long' } },
      });
      expect((await cluster.reindex(alias, '--mapping', mapping)).code).toBe(6);
      const next = `${alias}-000002`;
      await cluster.ask('DELETE', `/${next}`);
      await cluster.fill(next, 1, document);

      const resumed = await cluster.reindex(alias, '--resume');
      expect(resumed.code).toBe(4);
      expect(resumed.stderr).toContain('the destination is not the one we created');
      expect(await cluster.alias(alias)).toEqual({ [old]: {} });

      // Given up, that index is not ours to delete.
      expect((await cluster.reindex(alias, '--abandon')).code).toBe(0);
      expect((await cluster.documents(next)).size).toBe(1);
      const again = await cluster.reindex(alias);
      expect(again.code, again.stderr).toBe(0);
      expect(again.json().result.destination).toBe(`${alias}-000003`);
    });

    test('of two at once one is refused', async () => {
      const alias = name();
      await cluster.createSeries(alias, numbers);
      const documents = await cluster.fill(alias, 100, document);
      const both = await Promise.all([cluster.reindex(alias), cluster.reindex(alias)]);
      expect(both.map(({ code }) => code).sort(), both.map(({ stderr }) => stderr).join()).toEqual([0, 4]);
      expect(Object.keys(await cluster.alias(alias))).toHaveLength(1);
      expect(await cluster.documents(alias)).toEqual(documents);
    });

    test('without a freeze it says how many writes may be missing', async () => {
      const { random } = replayable('changes without a freeze');
      const alias = name();
      await cluster.createSeries(alias, numbers);
      const documents = await cluster.fill(alias, scaled(300), document);
      const writer = new Writer(cluster, alias, documents, random);
      const { code, json } = await writer.during(cluster.reindex(alias, '--no-freeze'), scaled(20));
      expect(writer.refused).toBe(0);
      const { mayBeMissing } = json().result as { mayBeMissing: number };
      expect(code).toBe(mayBeMissing === 0 ? 0 : 6);
      const there = await cluster.documents(alias);
      const differing = [...new Set([...documents.keys(), ...there.keys()])].filter(
        (id) => JSON.stringify(documents.get(id)) !== JSON.stringify(there.get(id)),
      );
      expect(differing.length).toBeLessThanOrEqual(mayBeMissing);
    });

    test('an alias that a template gives to the new index does not get a second index', async () => {
      const alias = name();
      const template = `${alias}-template`;
      await cluster.ask('PUT', `/_index_template/${template}`, {
        index_patterns: [`${alias}-0*`],
        template: {
          mappings: { properties: { n: { type: 'integer' } } },
          settings: { number_of_replicas: 0 },
          aliases: { [alias]: {} },
        },
      });
      try {
        await cluster.ask('PUT', `/${alias}-000001`);
        const documents = await cluster.fill(alias, 50, document);
        const { random } = replayable('changes with a template');
        const writer = new Writer(cluster, alias, documents, random);
        const { code, stderr } = await writer.during(
          cluster.reindex(alias, '--template', '--freeze', '60s'),
          50,
        );
        expect(code, stderr).toBe(0);
        expect(writer.problems).toEqual([]);
        expect(await cluster.alias(alias)).toEqual({ [`${alias}-000002`]: {} });
        expect(await cluster.documents(alias)).toEqual(documents);
      } finally {
        await cluster.ask('DELETE', `/_index_template/${template}`);
      }
    });

    test('routing is kept, also where one id is there under two', async () => {
      const alias = name();
      const old = await cluster.createSeries(
        alias,
        { _routing: { required: true }, ...numbers },
        { index_routing: 'north', search_routing: 'north,south' },
      );
      // Some of these routings lead to different shards, where the same id is another document.
      for (let n = 0; n < 12; n++) await cluster.ask('PUT', `/${old}/_doc/one?routing=r${n}`, { n });
      const read = async (index: string) => {
        await cluster.ask('POST', `/${index}/_refresh`);
        const { hits } = await cluster.ask('POST', `/${index}/_search`, { sort: ['n'] });
        return hits.hits.map(({ _id, _routing, _source }: Record<string, unknown>) => [
          _id,
          _routing,
          _source,
        ]);
      };
      const before = await read(old);
      expect(before).toHaveLength(2);
      const { code, stderr } = await cluster.reindex(alias);
      expect(code, stderr).toBe(0);
      const next = `${alias}-000002`;
      expect(await cluster.alias(alias)).toEqual({
        [next]: { index_routing: 'north', search_routing: 'north,south' },
      });
      expect(await read(next)).toEqual(before);
    });

    test('an alias shows the same documents afterwards: its filter has every digit', async () => {
      const alias = name();
      const old = await cluster.createSeries(alias, { properties: { m: { type: 'long' } } });
      await cluster.fill(old, 3, (i) => `{"m":900719925474099${i + 2}}`);
      const filter = '{"term":{"m":9007199254740993}}';
      await fetch(`${server.url}/_aliases`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"actions":[{"add":{"index":"${old}","alias":"${alias}-part","filter":${filter}}}]}`,
      });
      const shown = async () => [...(await cluster.documents(`${alias}-part`)).keys()];
      expect(await shown()).toEqual(['d1']);
      for (const flags of [[], ['--rollback']]) {
        const { code, stderr } = await cluster.reindex(alias, ...flags);
        expect(code, stderr).toBe(0);
        expect(await shown()).toEqual(['d1']);
      }
    });

    test('what is not one index is refused', async () => {
      const alias = name();
      expect((await cluster.reindex(alias)).code).toBe(2);
      await cluster.createSeries(alias, numbers);
      await cluster.ask('PUT', `/${alias}-other`, { aliases: { [alias]: {} } });
      const { code, stderr } = await cluster.reindex(alias);
      expect(code).toBe(2);
      expect(stderr).toContain('2 indices');
    });

    test('a dry run changes nothing', async () => {
      const alias = name();
      const old = await cluster.createSeries(alias, numbers);
      await cluster.fill(alias, 10, document);
      await cluster.ask('POST', `/${alias}/_refresh`);
      const before = await cluster.ask('GET', `/${alias}*`);
      const { code, json } = await cluster.reindex(alias, '--shards', '3', '--dry-run');
      expect(code).toBe(0);
      expect(json().result).toMatchObject({ source: old, documents: 10, shards: { before: 2, after: 3 } });
      expect(await cluster.ask('GET', `/${alias}*`)).toEqual(before);
    });
  });
