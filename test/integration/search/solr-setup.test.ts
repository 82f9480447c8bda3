import { afterAll, beforeAll, expect, test } from 'vitest';

import { fromBytes } from '../../../src/lib/core/bytes.js';
import { applySetup } from '../../../src/lib/search/setup/apply.js';
import { events, meterReadings, sensors } from '../../../src/lib/search/setup/fields.js';
import { createCore, deleteCore, swapCores } from '../../../src/lib/search/solr/cores.js';
import type { SolrEngine } from '../../../src/lib/search/solr/engine.js';
import { planSolrSetup } from '../../../src/lib/search/solr/setup.js';
import { needs } from '../../servers/needs.js';
import { everything, operation, PortUnderTest, statuses } from './contract/port-under-test.js';

needs('search')('cores of Solr', () => {
  const port = new PortUnderTest('solr-9');
  const { signal } = port;
  const client = () => (port.engine as SolrEngine).client;
  const named = (name: string) => port.server.prefix + name;
  beforeAll(() => port.start());
  afterAll(() => port.stop());

  const find = async (core: string, text: string) => {
    const fields = await port.engine.fields(core, signal);
    const all = fields
      .filter(({ kind, name }) => kind === 'text' && !name.startsWith('_'))
      .map(({ name }) => name);
    const exact = all.filter((name) => name.endsWith('.prefix'));
    const question = {
      ...everything,
      text: {
        query: text,
        words: 'any' as const,
        fields: all.filter((name) => !name.includes('.')),
        whole: [],
        exact,
        fuzziness: 0 as const,
      },
    };
    return (await port.engine.search(core, question, signal)).hits.map(({ id }) => id).sort();
  };

  test('a setup is made once, and takes the documents of the platform', async () => {
    const indices = [sensors, meterReadings, events].map((index) => ({ ...index, name: named(index.name) }));
    await expect(planSolrSetup(client(), indices, false, signal)).rejects.toMatchObject({
      code: 'CORE_MISSING',
      exitCode: 2,
    });
    await createCore(client(), indices[0]!.name, port.server.configSet, signal);
    const first = await planSolrSetup(client(), indices, true, signal);
    expect(first.fixed).toEqual([]);
    expect(first.lacks.join('\n')).toContain(`no core ${indices[1]!.name}`);
    expect(first.lacks.join('\n')).toContain('no synonyms');
    await applySetup(client(), first.changes, signal, () => {});
    expect(await planSolrSetup(client(), indices, false, signal)).toMatchObject({ changes: [], fixed: [] });
    const core = indices[0]!.name;
    const sources = [
      '{"sensor_id":"a","name":"Zürich Nord","location":{"lat":47.4,"lon":8.5},"tags":["x","y"],"value":1.50,"time":"2026-11-29","more":{"deep":[1]}}',
      '{"sensor_id":"b","name":"Genf","location":[6.1,46.2],"tags":"x","value":9007199254740993,"time":1764417600000}',
    ];
    const outcomes = await port.write(
      core,
      ...sources.map((source, i) => operation('index', `s${i}`, source)),
    );
    expect(statuses(outcomes)).toEqual(['done', 'done']);
    await port.engine.refresh(core, signal);
    expect(await port.sources(core, ['s0', 's1'])).toEqual(sources);
    const readings = indices[1]!.name;
    await createCore(client(), readings, port.server.configSet, signal);
    const second = await planSolrSetup(client(), indices, false, signal);
    await applySetup(client(), second.changes, signal, () => {});
    const reading = '{"@timestamp":"2026-11-29T12:00:00.000Z","sensor_id":"","value":0}';
    expect(statuses(await port.write(readings, operation('create', 'r', reading)))).toEqual(['done']);
    await port.engine.refresh(readings, signal);
    const at = { kind: 'time', field: '@timestamp', gte: '2026-11-29T12:00:00Z' } as const;
    const empty = { kind: 'term', field: 'sensor_id', values: [''] } as const;
    expect(await port.engine.count(readings, signal, port.engine.filterOf({ filters: [at, empty] }))).toBe(1);
    // Somebody else writes, without a source.
    await fetch(`${port.server.url}/${core}/update?commit=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[{"id":"other","sensor_id":"c","value":9007199254740992}]',
    });
    const scanned = await port.scanned(core);
    expect(scanned.map(({ source }) => fromBytes(source)).sort()).toEqual(
      [...sources, '{"id":"other","sensor_id":"c","value":9.007199254740992E15}'].sort(),
    );
    expect(await find(core, 'zurich')).toEqual(['s0']);
    expect(await find(core, 'GEN')).toEqual(['s1']);
    const near = {
      kind: 'distance',
      field: 'location',
      center: { lat: 46.2, lon: 6.1 },
      meters: 10,
    } as const;
    expect(await port.engine.count(core, signal, port.engine.filterOf({ filters: [near] }))).toBe(1);
    const day = {
      kind: 'time',
      field: 'time',
      gte: '2026-11-29T00:00:00Z',
      lt: '2026-11-30T00:00:00Z',
    } as const;
    expect(await port.engine.count(core, signal, port.engine.filterOf({ filters: [day] }))).toBe(1);
  });

  test('a field of another type is not changed, and said', async () => {
    const index = {
      ...events,
      name: named('other'),
      fields: { ...events.fields, sensor_id: { is: 'double' } as const },
    };
    await createCore(client(), index.name, port.server.configSet, signal);
    const { changes, fixed } = await planSolrSetup(client(), [index], false, signal);
    expect(fixed).toMatchObject([
      {
        index: index.name,
        differences: [{ path: 'sensor_id.type', has: 'metrify_keyword', wants: 'metrify_double' }],
      },
    ]);
    expect(changes.flatMap(({ differences }) => differences).map(({ path }) => path)).not.toContain(
      'sensor_id',
    );
  });

  test('two cores take each other’s names, and back; a core that was made again is another one', async () => {
    const [live, next] = [named('live'), named('next')];
    for (const core of [live, next]) await createCore(client(), core, port.server.configSet, signal);
    await port.write(live, operation('index', 'old', {}));
    await port.write(next, operation('index', 'new', {}));
    const identity = async (core: string) => (await port.engine.describe(core, signal))!.indices[0]!;
    const ids = async (core: string) => (await port.scanned(core)).map(({ id }) => id);
    const [first, second] = [await identity(live), await identity(next)];
    await swapCores(client(), first, second, signal);
    for (const core of [live, next]) await port.engine.refresh(core, signal);
    expect([await ids(live), await ids(next)]).toEqual([['new'], ['old']]);
    await expect(swapCores(client(), first, second, signal)).rejects.toMatchObject({
      code: 'CORE_CHANGED',
      exitCode: 4,
    });
    await swapCores(client(), await identity(live), await identity(next), signal);
    expect([await ids(live), await ids(next)]).toEqual([['old'], ['new']]);
    const before = await identity(next);
    await deleteCore(client(), next, signal);
    expect(await port.engine.describe(next, signal)).toBeUndefined();
    await createCore(client(), next, port.server.configSet, signal);
    expect((await identity(next)).uuid).not.toBe(before.uuid);
    await expect(createCore(client(), named('none'), 'not-there', signal)).rejects.toMatchObject({
      code: 'CONFIGSET_MISSING',
    });
  });
});
