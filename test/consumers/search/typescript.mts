// A strict TypeScript service. Compiling it is half of the test.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  openSearch,
  type SearchHit,
  type SearchQuestion,
  type SearchResult,
  searchSensors,
  ServiceUnavailable,
  UserError,
} from 'metrify/search';

// Stands in for Elasticsearch.
const server = createServer((request, response) => {
  const path = request.url ?? '';
  const answer = path.startsWith('/sensors/_field_caps')
    ? { fields: { name: { text: {} }, type: { keyword: {} }, value: { double: {} } } }
    : path.startsWith('/sensors/_search')
      ? {
          timed_out: false,
          _shards: { total: 1, successful: 1 },
          hits: {
            total: { value: 1, relation: 'eq' },
            hits: [{ _id: 's1', _score: 2, _source: { value: 7 } }],
          },
        }
      : { version: { number: '9.5.3' } };
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answer));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const question: SearchQuestion = { query: 'trafo', sensorType: 'power', minValue: 5, maxValue: 10 };
const search = await openSearch({ url });
const result: SearchResult = await search.searchSensors(question);
assert.equal(result.total, 1);
const hit: SearchHit | undefined = result.hits[0];
assert.deepEqual(hit?.document, { value: 7 });
assert.equal(hit?.json, '{"value":7}');
search.close();

assert.deepEqual(await searchSensors({ ...question, connection: { url } }), result);

// @ts-expect-error: a type is a text.
const mistaken: unknown = await searchSensors({ sensorType: 7, connection: { url } }).catch(
  (error: unknown) => error,
);
assert.ok(mistaken instanceof UserError);
assert.match(mistaken.message, /sensorType/);

// Nobody listens at port 1.
const unreachable: unknown = await openSearch({ url: 'http://127.0.0.1:1' }).catch((error: unknown) => error);
assert.ok(unreachable instanceof ServiceUnavailable);
server.close();
