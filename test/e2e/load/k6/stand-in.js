/*
 * node stand-in.js FOLDER ITERATIONS: runs the k6 script of a folder as k6 does, one user after the other, with small stand-ins
 * for its modules, and prints its options, its checks and the names of its requests as JSON. k6's calls wait for their answers:
 * the script runs in a worker, and the main thread sends its requests.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';

const [, , folder, iterations] = process.argv;
const modules = {
  index: 'export const { check, fail, sleep } = globalThis.k6;',
  http: 'export default globalThis.k6.http;',
  data: 'export const { SharedArray } = globalThis.k6;',
  execution: 'export default globalThis.k6.exec;',
  encoding: 'export default globalThis.k6.encoding;',
};

const work = mkdtempSync(join(tmpdir(), 'metrify-k6-'));
try {
  cpSync(folder, work, { recursive: true });
  const packageFolder = join(work, 'node_modules/k6');
  mkdirSync(packageFolder, { recursive: true });
  writeFileSync(join(work, 'package.json'), '{"type":"module"}');
  const exports = {
    '.': './index.js',
    ...Object.fromEntries(Object.keys(modules).map((name) => [`./${name}`, `./${name}.js`])),
  };
  writeFileSync(join(packageFolder, 'package.json'), JSON.stringify({ name: 'k6', type: 'module', exports }));
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(packageFolder, `${name}.js`), text);

  const { port1, port2 } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  port1.on('message', async ({ method, url, body, params }) => {
    const begin = performance.now();
    const answer = { status: 0, body: null, headers: {}, cookies: {}, timings: { duration: 0 } };
    try {
      const response = await fetch(url, { method, body, headers: params.headers, redirect: 'manual' });
      answer.status = response.status;
      answer.body = await response.text();
      answer.headers = Object.fromEntries(response.headers);
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        answer.cookies[name] = [{ name, value }];
      }
    } catch {
      // As in k6: a request without an answer has the status 0.
    }
    answer.timings.duration = performance.now() - begin;
    port1.postMessage(answer);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  });
  const worker = new Worker(new URL('worker.js', import.meta.url), {
    workerData: { work, iterations: Number(iterations), port: port2, signal },
    transferList: [port2],
  });
  worker.on('message', (result) => process.stdout.write(JSON.stringify(result)));
  await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
  port1.close();
} finally {
  rmSync(work, { recursive: true });
}
