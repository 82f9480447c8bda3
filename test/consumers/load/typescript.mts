// A strict TypeScript test suite. Compiling it is half of the test.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  assertThresholds,
  load,
  type LoadOptions,
  type LoadResult,
  ThresholdsNotMet,
  UserError,
} from 'metrify/load';

const server = createServer((_, response) => response.end('ok'));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/meters`;
const options: LoadOptions = { url, rate: 20, duration: '500ms', thresholds: ['p95<30s', 'error_rate<1%'] };
const result: LoadResult = await load(options);
assert.equal(result.sent, 10);
assert.equal(result.answered + result.failed + result.incomplete, result.sent);
const p95: number | null = result.latencyMs.p95;
assert.ok(p95 !== null && p95 > 0);
assert.deepEqual(
  result.thresholds.map(({ expression }) => expression),
  options.thresholds,
);
// A busy machine may be the limit; then nothing is known of the service.
if (result.generator.bottleneck === undefined) assertThresholds(result);

const refused: unknown = await load({
  url,
  connections: 1,
  duration: 300,
  thresholds: ['p50<0.001ms'],
  assert: true,
}).catch((error: unknown) => error);
assert.ok(refused instanceof ThresholdsNotMet);
assert.match(refused.message, /p50<0\.001ms/);
assert.equal(refused.notMet.length, 1);

const scenario = { target: url, tasks: [{ name: 'meters', steps: [{ get: '/' }] }] };
const ran: LoadResult = await load({ scenario, rate: 20, duration: '500ms', onWarning: console.warn });
assert.equal(ran.sent, 10);

// @ts-expect-error: a scenario says its own target and requests.
const both: unknown = await load({ scenario, url, rate: 1 }).catch((error: unknown) => error);
assert.ok(both instanceof UserError);

// @ts-expect-error: a rate is a number.
const mistaken: unknown = await load({ url, rate: 'fast' }).catch((error: unknown) => error);
assert.ok(mistaken instanceof UserError);
server.close();
