import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import { afterEach, describe, expect, it } from 'vitest';

import { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { applySetup } from '../../../../src/lib/search/setup/apply.js';
import { wantedOf } from '../../../../src/lib/search/setup/built-in.js';
import { probe } from '../../../../src/lib/search/setup/capabilities.js';
import { meterReadings } from '../../../../src/lib/search/setup/fields.js';
import { planSetup } from '../../../../src/lib/search/setup/plan.js';

/** Answers a path; undefined: there is nothing. */
type Answers = (path: string, put: ReadonlyMap<string, Record<string, never>>) => object | undefined;

/** A server that keeps what is put, and gives it back in the shape that the documentation shows. */
async function startStub(version: object, answers: Answers): Promise<Server> {
  const put = new Map<string, Record<string, never>>();
  const server = createServer(async (request, response) => {
    const path = request.url!.replace(/\?.*/, '');
    const send = (status: number, body: object) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-elastic-product': 'Elasticsearch',
      });
      response.end(JSON.stringify(body));
    };
    if (request.method === 'PUT') {
      put.set(path, (await json(request)) as Record<string, never>);
      return send(200, { acknowledged: true });
    }
    request.resume();
    if (path === '/') return send(200, { version, cluster_uuid: 'a' });
    if (path === '/_analyze') return send(200, { tokens: [] });
    if (path === '/_data_stream') return send(200, { data_streams: [] });
    const answer = answers(path, put);
    return answer === undefined ? send(404, { error: 'nothing', status: 404 }) : send(200, answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The template and the data stream, as all servers give them back. */
function template(path: string, put: ReadonlyMap<string, Record<string, never>>): object | undefined {
  const body = put.get(path);
  const stream = put.get('/_data_stream/meter-readings');
  if (path === '/_index_template/meter-readings')
    return (
      body && { index_templates: [{ name: 'meter-readings', index_template: { ...body, composed_of: [] } }] }
    );
  const { mappings, settings } = (
    (put.get('/_index_template/meter-readings') ?? {}) as { template?: Record<string, unknown> }
  ).template ?? { mappings: {} };
  if (stream && path === '/meter-readings') return { '.ds-1': { aliases: {}, mappings, settings } };
  if (stream && path === '/_data_stream/meter-readings')
    return { data_streams: [{ name: 'meter-readings', indices: [{ index_name: '.ds-1' }] }] };
  return undefined;
}

/** https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-ilm-get-lifecycle */
const ilm: Answers = (path, put) => {
  if (path === '/_ilm/policy') return {};
  if (path !== '/_ilm/policy/meter-readings') return template(path, put);
  const phases = (put.get(path) as { policy?: { phases: Record<string, object> } } | undefined)?.policy
    ?.phases;
  return (
    phases && {
      'meter-readings': {
        version: 1,
        modified_date: 82392349,
        policy: {
          phases: {
            hot: { min_age: '0ms', ...phases['hot'] },
            delete: { min_age: '400d', actions: { delete: { delete_searchable_snapshot: true } } },
          },
        },
      },
    }
  );
};

/** https://docs.opensearch.org/latest/im-plugin/ism/api/ */
const ism: Answers = (path, put) => {
  if (path === '/_plugins/_ism/policies') return { policies: [], total_policies: 0 };
  if (path !== '/_plugins/_ism/policies/meter-readings') return template(path, put);
  const policy = (put.get(path) as { policy?: object } | undefined)?.policy;
  return (
    policy && {
      _id: 'meter-readings',
      _version: 1,
      _seq_no: 7,
      _primary_term: 1,
      policy: { policy_id: 'meter-readings', last_updated_time: 1577990934044, schema_version: 1, ...policy },
    }
  );
};

/** https://www.elastic.co/docs/manage-data/lifecycle/data-stream */
const ofStreams: Answers = (path, put) =>
  path === '/_lifecycle/stats' ? { data_stream_count: 0, data_streams: [] } : template(path, put);

describe('retention by the server, as the documentation has it', () => {
  let server: Server;
  afterEach(() => server.close());

  it.each([
    ['data-stream', { number: '9.5.3' }, ofStreams, [], { lifecycle: { data_retention: '400d' } }],
    ['ilm', { number: '7.17.29' }, ilm, ['lifecycle policy meter-readings'], undefined],
    [
      'ism',
      { number: '3.8.0', distribution: 'opensearch' },
      ism,
      ['lifecycle policy meter-readings'],
      undefined,
    ],
  ] as const)('%s: what is put is found again', async (lifecycle, version, answers, policies, inTemplate) => {
    server = await startStub(version, answers);
    const signal = AbortSignal.timeout(30_000);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = await ElasticClient.open(
      { urls: [url] },
      { connectTimeoutMs: 5000, requestTimeoutMs: 5000 },
      signal,
    );
    const capabilities = await probe(client, signal);
    expect(capabilities).toMatchObject({ lifecycle, dataStreams: true });
    const wanted = wantedOf([meterReadings], capabilities, {
      synonyms: [],
      retention: { 'meter-readings': { count: 13, unit: 'M' } },
    });
    const plan = () => planSetup(client, wanted, capabilities, new Date(), signal);
    const { changes } = await plan();
    expect(changes.map(({ what }) => what)).toEqual([
      ...policies,
      'index template meter-readings',
      'data stream meter-readings',
    ]);
    if (inTemplate) expect(wanted.stored[0]!.body['template']).toMatchObject(inTemplate);
    await applySetup(client, changes, signal, () => {});
    expect(await plan()).toEqual({ changes: [], fixed: [] });
    client.close();
  });
});
