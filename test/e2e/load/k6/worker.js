import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { receiveMessageOnPort, parentPort, workerData } from 'node:worker_threads';

const { work, iterations, port, signal } = workerData;
const requests = {};
const checks = {};
let slept = 0;

const exec = {
  scenario: { iterationInTest: 0 },
  test: {
    abort(why) {
      throw new Error(why);
    },
  },
};
globalThis.k6 = {
  exec,
  check(value, sets) {
    let all = true;
    for (const [name, holds] of Object.entries(sets)) {
      const ok = Boolean(holds(value));
      checks[name] ??= { passed: 0, failed: 0 };
      checks[name][ok ? 'passed' : 'failed']++;
      all &&= ok;
    }
    return all;
  },
  fail(why) {
    throw new Error(why);
  },
  sleep(seconds) {
    if (!(seconds >= 0)) throw new Error(`slept ${seconds}`);
    slept += seconds;
  },
  SharedArray: function (name, make) {
    return Object.freeze(make());
  },
  encoding: { b64decode: (text) => Uint8Array.from(Buffer.from(text, 'base64')).buffer },
  http: {
    CookieJar: class {},
    expectedStatuses: (...statuses) => statuses,
    request(method, url, body, params) {
      const { name } = params.tags;
      requests[name] = (requests[name] ?? 0) + 1;
      Atomics.store(signal, 0, 0);
      port.postMessage({ method, url, body, params: { headers: params.headers } });
      Atomics.wait(signal, 0, 0);
      for (;;) {
        const answer = receiveMessageOnPort(port);
        if (answer) return answer.message;
      }
    },
  },
};
globalThis.__ENV = process.env;
globalThis.open = (path) => readFileSync(join(work, path), 'utf8');

const script = await import(join(work, 'script.js'));
const given = script.setup?.() ?? {};
for (let i = 0; i < iterations; i++) {
  exec.scenario.iterationInTest = i;
  script.default(JSON.parse(JSON.stringify(given)));
}
script.teardown?.(given);
parentPort.postMessage({ options: script.options, requests, checks, slept });
port.close();
