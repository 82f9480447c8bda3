// Answers with 100 bytes, and stops for one second in every five, first after two and a half: a run of whole periods that begins
// before that has as many stops. An open loop at any rate should see, by the time at which each request was due: p50 0, p90 500,
// p99 950 ms.
import { createServer } from 'node:http';

const body = 'x'.repeat(100);
const nobody = new Int32Array(new SharedArrayBuffer(4));
const server = createServer((_, response) => response.end(body));
server.listen(0, '127.0.0.1', () => {
  setTimeout(() => {
    const stop = () => Atomics.wait(nobody, 0, 0, 1000);
    setInterval(stop, 5000);
    stop();
  }, 2500);
  console.log(server.address().port);
});
