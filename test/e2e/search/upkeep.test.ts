import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { type SearchServer, startSearchServer } from '../../servers/search.js';
import { readMeters } from '../../servers/simbench.js';
import { confirming } from '../confirm-name.js';
import { metrifyInProcess } from '../in-process.js';

needs('search', 'simbench')('setup, status and retention of a cluster', () => {
  let server: SearchServer;
  let folder: string;

  beforeAll(async () => {
    server = await startSearchServer('elasticsearch-7');
    folder = await mkdtemp(join(tmpdir(), 'metrify-search-'));
    await writeFile(
      join(folder, 'metrify.config.yaml'),
      `environments:
  default:
    elasticsearch: { url: '${server.url}' }
  keeping:
    elasticsearch: { url: '${server.url}' }
    search: { retention: { long: 90y } }
`,
    );
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const metrify = (...args: string[]) =>
    metrifyInProcess(['search', ...args], { env: { METRIFY_ELASTICSEARCH_URL: server.url }, cwd: folder });
  const ask = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> => {
    const answer = await fetch(server.url + path, {
      headers: {
        'content-type':
          init?.method === 'POST' && path.includes('_bulk') ? 'application/x-ndjson' : 'application/json',
      },
      ...init,
    });
    return (await answer.json()) as Record<string, unknown>;
  };

  it('says what it would do, does it, and then finds nothing to do', async () => {
    const planned = await metrify('setup', '--dry-run');
    expect(planned).toMatchObject({ code: 0 });
    expect(planned.stdout).toContain('create index sensors-000001');
    expect(planned.stdout).toContain('no edge_ngram: names are not found by their first letters');
    expect(await ask('/_cat/indices?format=json')).toEqual([]);

    const made = await metrify('setup');
    expect(made).toMatchObject({ code: 0 });
    const again = await metrify('setup', '-o', 'json');
    expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'ok', result: { changes: [] } });
    expect(Object.keys(await ask('/sensors,meter-readings,events/_alias')).sort()).toEqual([
      'events-000001',
      `meter-readings-${new Date().toISOString().slice(0, 7)}`,
      'sensors-000001',
    ]);
  });

  it('prints requests that another tool can send', async () => {
    const { stdout } = await metrify('setup', '--print', '-o', 'json');
    const { result } = JSON.parse(stdout) as {
      result: { requests: { method: string; path: string; body: object }[] };
    };
    await ask('/sensors-000001', { method: 'DELETE' });
    for (const { method, path, body } of result.requests)
      if (/sensors/.test(path)) await ask(path, { method, body: JSON.stringify(body) });
    const after = await metrify('setup', '--dry-run', '-o', 'json');
    expect(JSON.parse(after.stdout)).toMatchObject({ result: { changes: [] } });
  });

  it('takes the documents of a grid as they are', async () => {
    const meters = (await readMeters()).slice(0, 500);
    const documents = meters.map(({ longitude, latitude, ...meter }) => ({
      ...meter,
      sensor_id: meter.meterId,
      value: meter.pLoad,
      location: longitude === undefined ? undefined : { lat: latitude, lon: longitude },
      time: '2016-01-01T00:00:00Z',
    }));
    for (const [index, lines] of [
      ['sensors', documents],
      ['sensors', meters],
      ['events', documents.map((one) => ({ ...one, severity: 'info', message: `${one.name} reads again` }))],
      ['meter-readings', documents.map(({ time, ...one }) => ({ ...one, '@timestamp': time }))],
    ] as const) {
      const body = lines.map((one) => `{"index":{}}\n${JSON.stringify(one)}\n`).join('');
      expect(await ask(`/${index}/_bulk?refresh=true`, { method: 'POST', body })).toMatchObject({
        errors: false,
      });
    }
    const query = { query: { match: { name: meters[7]!.name.toUpperCase() } } };
    const { hits } = (await ask('/sensors/_search', { method: 'POST', body: JSON.stringify(query) })) as {
      hits: { hits: { _source: { name: string } }[] };
    };
    expect(hits.hits[0]!._source.name).toBe(meters[7]!.name);
  });

  it('changes nothing when a field would need another type', async () => {
    await mkdir(join(folder, 'own', 'indices'), { recursive: true });
    await writeFile(
      join(folder, 'own', 'indices', 'sensors.yaml'),
      'mappings:\n  properties:\n    value: { type: keyword }\n    depth: { type: double }\n',
    );
    const before = await ask('/sensors/_mapping');
    const { code, stderr } = await metrify('setup', '--from', 'own');
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr:
        'error: what an index was created with cannot be changed: sensors-000001 (mappings.properties.value.type: double → keyword)\n' +
        '  Nothing was changed. A new index can have it: metrify search setup --templates-only, then metrify search reindex sensors --template\n',
    });
    expect(await ask('/sensors/_mapping')).toEqual(before);
  });

  it.each([
    ['indices/a.json', '{', 'a.json cannot be used: it is not JSON'],
    ['indices/a.txt', '{}', 'its name does not end in .json or .yaml'],
    ['index-templates/a.json', '{}', 'it has no index_patterns'],
    [
      'lifecycle-policies/a.json',
      '{"policy":{}}',
      'it has neither policy.phases (ILM) nor policy.states (ISM)',
    ],
    ['indices/a.json', '{"mapping":{}}', "'mapping' is not one of the objects settings, mappings, aliases"],
    ['templates/a.json', '{}', 'is not a folder of templates'],
    [
      'indices/a.json',
      '{"mappings":{"properties":{"a":{"type":"nonsense"}}}}',
      'No handler for type [nonsense]',
    ],
    [
      'index-templates/a.json',
      '{"index_patterns":["a-*"],"composed_of":["b"]}',
      'there is no such component template',
    ],
  ])('refuses a folder with %s of %s', async (file, content, said) => {
    const own = await mkdtemp(join(folder, 'bad-'));
    await mkdir(join(own, file.split('/')[0]!), { recursive: true });
    await writeFile(join(own, file), content);
    const before = await ask('/_cat/indices?format=json');
    const { code, stderr } = await metrify('setup', '--from', own);
    expect({ code }).toEqual({ code: 2 });
    expect(stderr).toContain(said);
    expect(await ask('/_cat/indices?format=json')).toHaveLength((before as unknown as object[]).length);
  });

  it('status ends well without --check, and with exit 3 with it', async () => {
    const all = await metrify('status');
    expect(all).toMatchObject({ code: 0 });
    expect(all.stdout).toContain('1 replica cannot be on 1 node');
    const checked = await metrify('status', 'sensors', '--check', '-o', 'json');
    expect(checked).toMatchObject({ code: 3 });
    expect(JSON.parse(checked.stdout)).toMatchObject({
      verdict: 'failed',
      result: { health: 'yellow', findings: [{ subject: 'shards' }] },
    });
  });

  it('doctor says how the cluster is, and what it lacks', async () => {
    const { stdout } = await metrifyInProcess(['doctor', '-o', 'json'], {
      env: { METRIFY_ELASTICSEARCH_URL: server.url },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      result: {
        systems: [
          {
            system: 'Elasticsearch',
            version: '7.17.29',
            notes: [
              '3 shards are unassigned; see metrify search status',
              'without analysis-common; see metrify search setup --dry-run',
            ].map((note) => expect.stringContaining(note) as string),
          },
        ],
      },
    });
  });

  it('retention deletes what is too old, only after the name of the target is given', async () => {
    const confirmed = confirming('events', server.url);
    const count = async () => (await ask('/events/_count'))['count'];
    const planned = await metrify('retention', 'events', '--keep', '1y', '--dry-run', '-o', 'json');
    expect(JSON.parse(planned.stdout)).toMatchObject({
      result: { names: [{ documents: 500 }], confirm: confirmed[1] },
    });
    expect(await metrify('retention', 'events', '--keep', '1y')).toMatchObject({ code: 4 });
    await ask('/events-000001/_alias/long', { method: 'PUT' });
    const keeping = await metrify(
      'retention',
      'events',
      '--keep',
      '1y',
      '-e',
      'keeping',
      '--dry-run',
      '-o',
      'json',
    );
    expect(JSON.parse(keeping.stdout)).toMatchObject({
      result: { names: [{ documents: 0, kept: [{ reason: 'the configuration keeps long longer' }] }] },
    });
    expect(await count()).toBe(500);
    const done = await metrify('retention', 'events', '--keep', '1y', ...confirmed);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toContain('500 documents');
    await ask('/events/_refresh', { method: 'POST' });
    expect(await count()).toBe(0);
  });

  it('an index may be called error', async () => {
    const body = JSON.stringify({ mappings: { properties: { time: { type: 'date' } } } });
    await ask('/error', { method: 'PUT', body });
    const document = JSON.stringify({ time: '2020-01-01T00:00:00Z' });
    await ask('/error/_doc/1?refresh=true', { method: 'PUT', body: document });
    try {
      expect(await metrify('status')).toMatchObject({ code: 0 });
      expect(await metrify('reindex', 'error', '--dry-run')).toMatchObject({ code: 0 });
      const { stdout } = await metrify('retention', 'error', '--keep', '1y', '--dry-run', '-o', 'json');
      expect(JSON.parse(stdout)).toMatchObject({ result: { names: [{ documents: 1 }] } });
    } finally {
      await ask('/error', { method: 'DELETE' });
    }
  });

  const withoutPatterns: readonly (readonly string[])[] = [
    ['retention', '--keep', '1y', '--dry-run'],
    ['reindex', '--dry-run'],
    ['reindex', '--rollback', '--dry-run'],
    ['reindex', '--abandon', '--dry-run'],
    ['copy', '--from', 'default', '--to', 'default', '--dry-run'],
    ['verify', '--keys', '--file', 'rows.jsonl', '--id', 'id'],
    ['index', '--file', 'rows.jsonl', '--id', 'id'],
  ];
  it.each(withoutPatterns)('%s takes no pattern and no list of names', async (verb, ...flags) => {
    await writeFile(join(folder, 'rows.jsonl'), '{"id":"1"}\n');
    for (const name of [
      'sensor*',
      '*',
      '_all',
      'sensors,events',
      'sensors,-events',
      '<sensors-{now/M}>',
      '.',
      '',
    ])
      expect(await metrify(verb!, name, ...flags)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`'${name}' is not the name of an index`) as string,
      });
  });

  it.each([
    [['retention', 'events'], 'nothing says how long events is kept'],
    [['retention'], 'nothing says what is kept how long'],
    [['retention', '--keep', '1y'], '--keep is given, and no index'],
    [['retention', 'nowhere', '--keep', '1y'], "has no index, alias or data stream 'nowhere'"],
    [
      ['retention', 'events', '--keep', '1y', '--time-field', 'message'],
      'message is not a field of type date: events has time',
    ],
    [
      ['copy', 'sensors', '--from', 'default', '--to', 'default', '--rename', 'a,b', '--dry-run'],
      "'a,b' is not the name of an index",
    ],
    [['status', 'nowhere'], "has no index, alias or data stream 'nowhere'"],
    [['setup', '--from', 'nowhere'], 'cannot read'],
  ])('%j is refused', async (args, said) => {
    const { code, stderr } = await metrify(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(said) as string });
  });
});
