// A server whose faults are known, as a process of its own. It prints its port, and ends with its standard input.
//   /queue/MS   one after the other, each in a fixed time: its capacity is 1000 ÷ MS a second
//   /leak       each request keeps memory, and every tenth a descriptor
//   /slower     answers 5 ms later with each request
//   /failing    fails ever more often
//   /deployed/N  answers N requests after 50 ms, and those behind them after 200 ms
//   /after/MS   answers after that time
//   /metrics    how much was kept, for Prometheus
import { createServer } from 'node:http';
import { openSync } from 'node:fs';

let [freeAt, slower, requests] = [0, 0, 0];
const kept = [];

const server = createServer((request, response) => {
  const now = performance.now();
  const [, what, text] = request.url.split('/');
  const ms = Number(text);
  const answer = (delayMs, status = 200, body = 'ok') =>
    setTimeout(() => {
      response.statusCode = status;
      response.end(body);
    }, delayMs);
  if (what === 'queue') {
    freeAt = Math.max(now, freeAt) + ms;
    answer(freeAt - now);
  } else if (what === 'leak') {
    kept.push(Buffer.alloc(256 * 1024, 1));
    if (kept.length % 10 === 0) kept.push(openSync('/dev/null', 'r'));
    answer(1);
  } else if (what === 'slower') answer(20 + 5 * slower++);
  else if (what === 'failing') {
    requests++;
    answer(1, requests % 20 < requests / 40 ? 503 : 200);
  } else if (what === 'deployed') answer(requests++ < ms ? 50 : 200);
  else if (what === 'metrics') {
    response.setHeader('Content-Type', 'text/plain');
    answer(0, 200, `kept_things ${kept.length}\n`);
  } else answer(ms);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
