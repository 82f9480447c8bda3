import { afterAll, beforeAll, expect, it } from 'vitest';

import { applySetup } from '../../../../src/lib/search/setup/apply.js';
import { builtIn, type IndexFields } from '../../../../src/lib/search/setup/fields.js';
import { planSolr } from '../../../../src/lib/search/setup/solr.js';
import { createCore, deleteCore } from '../../../../src/lib/search/solr/cores.js';
import { toBytes } from '../../../../src/lib/core/bytes.js';
import { openSolr, type SolrEngine } from '../../../../src/lib/search/solr/engine.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';

needs('search')('the schema of Solr', () => {
  const signal = AbortSignal.timeout(600_000);
  let server: SharedSearch;
  let engine: SolrEngine;
  let indices: IndexFields[];

  beforeAll(async () => {
    server = await searchServer('solr-9');
    engine = await openSolr(
      { urls: [server.url] },
      { connectTimeoutMs: 5000, requestTimeoutMs: 60_000 },
      signal,
    );
    indices = builtIn.map((index) => ({ ...index, name: `${server.prefix}${index.name}` }));
  });
  afterAll(async () => {
    for (const { name } of indices) await deleteCore(engine.client, name, signal);
    engine.close();
    await server.release();
  });

  it('a core that is not there is named, and nothing is changed', async () => {
    await expect(planSolr(engine.client, indices, signal)).rejects.toMatchObject({
      code: 'INDEX_MISSING',
      exitCode: 2,
    });
  });

  it('gets what it lacks, once, and takes documents then', async () => {
    // They share the schema of their configuration: what one of them has, all have.
    for (const { name } of indices) await createCore(engine.client, name, server.configSet, signal);
    for (const index of indices) {
      const { changes } = await planSolr(engine.client, [index], signal);
      await applySetup(engine.client, changes, signal, () => {});
      expect(await planSolr(engine.client, [index], signal)).toEqual({ changes: [], fixed: [] });
    }
    const sensors = indices[0]!.name;
    const source = toBytes(
      '{"sensor_id":"9007199254740993","name":"Zähler Straße 7","tags":["a","b"],"value":0.1,"location":{"lat":52.5,"lon":13.4},"time":"2026-01-01T00:00:00Z"}',
    );
    const [outcome] = await engine.bulk(
      { index: sensors },
      [{ kind: 'index', id: toBytes('1'), source }],
      signal,
    );
    expect(outcome).toEqual({ kind: 'done' });
    await engine.refresh(sensors, signal);
    const stored = await engine.read(sensors, [{ id: toBytes('1') }], signal);
    expect(stored[0]?.source).toBe(source);
    for (const [field, query] of [
      ['name', 'zahler'],
      ['name_prefix', 'zähl'],
      ['sensor_id', '9007199254740993'],
    ])
      expect(
        await engine.client.json(
          { path: `/${sensors}/select`, query: { q: `{!field f=${field}}${query}`, rows: '0' } },
          signal,
        ),
      ).toMatchObject({ response: { numFound: 1 } });
  });

  it('a field of another type is named, and nothing is changed', async () => {
    const [sensors] = indices;
    const other = {
      ...sensors!,
      fields: { ...sensors!.fields, value: { is: 'keyword' }, more: { is: 'date' } },
    } as const;
    const { fixed } = await planSolr(engine.client, [other], signal);
    expect(fixed).toMatchObject([
      {
        name: sensors!.name,
        differences: [{ path: 'fields.value.type', has: 'metrify_double', wants: 'metrify_keyword' }],
      },
    ]);
  });
});
