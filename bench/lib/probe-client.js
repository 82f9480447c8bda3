// A small client that measures what it feels: one command every millisecond, sent on time even when earlier ones
// are not answered yet, so that a server's pause counts for every command it delayed. From the first line on stdin
// it counts; when stdin ends, it prints its figures. Plain JavaScript, because a compiler in the process would be felt.
import { connect } from 'node:net';

const socket = connect({ port: Number(process.argv[2]), host: '127.0.0.1' });
socket.setNoDelay(true);
socket.on('error', (error) => {
  console.error(`probe: ${error.message}`);
  process.exit(1);
});

const set = '*3\r\n$3\r\nSET\r\n$5\r\nprobe\r\n$5\r\nvalue\r\n'; // answered by +OK
const get = '*2\r\n$3\r\nGET\r\n$5\r\nprobe\r\n'; // answered by $5 and value
const sentAt = [];
let latencies = [];
let sent = 0;
let lines = 0;

socket.on('data', (chunk) => {
  const now = performance.now();
  for (const byte of chunk) {
    // Two commands are answered in three lines: the first of a pair by the first, the second by the third.
    if (byte === 10 && ++lines % 3 !== 2) latencies.push(now - sentAt.shift());
  }
});

socket.once('connect', () => {
  const timer = setInterval(() => {
    sentAt.push(performance.now());
    socket.write(sent++ % 2 === 0 ? set : get);
  }, 1);
  process.stdin.once('data', () => (latencies = []));
  process.stdin.once('end', () => {
    clearInterval(timer);
    const sorted = latencies.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    const figures = { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
    process.stdout.write(JSON.stringify(figures), () => process.exit(0));
  });
});
