import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ServerClock } from '../../../src/lib/clients/kubernetes/server-clock.js';
import type { Clock } from '../../../src/lib/core/clock.js';

const START = 1_790_000_000_000;

/** A local clock that tests move. */
function localClock(): Clock & { at: number } {
  return {
    at: 0,
    now() {
      return START + this.at;
    },
    monotonic() {
      return this.at;
    },
    sleep: () => Promise.resolve(),
  };
}

test('is this host’s clock until something is heard, and for nonsense', () => {
  const clock = localClock();
  const server = new ServerClock(clock);
  clock.at = 500;
  expect(server.now()).toBe(START + 500);
  server.heard(undefined, 0, 1);
  server.heard('yesterday', 0, 1);
  expect(server.now()).toBe(START + 500);
});

test('is never further from the server than half a second and half of an answer’s way', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -86_400_000, max: 86_400_000 }),
      fc.array(fc.record({ pause: fc.nat(5000), to: fc.nat(300), from: fc.nat(300) }), {
        minLength: 1,
        maxLength: 30,
      }),
      (offset, requests) => {
        const clock = localClock();
        const server = new ServerClock(clock);
        let bound = Infinity;
        for (const { pause, to, from } of requests) {
          clock.at += pause;
          const sent = clock.at;
          clock.at += to;
          const date = new Date(START + clock.at + offset).toUTCString();
          clock.at += from;
          server.heard(date, sent, clock.at);
          // An answer never makes it worse.
          bound = Math.min(bound, 500 + (to + from) / 2);
          expect(Math.abs(server.now() - (START + clock.at + offset))).toBeLessThanOrEqual(bound);
        }
      },
    ),
  );
});

test('follows a server whose clock was set', () => {
  const clock = localClock();
  const server = new ServerClock(clock);
  server.heard(new Date(START).toUTCString(), 0, 10);
  clock.at = 1000;
  server.heard(new Date(START + 3_600_000).toUTCString(), 1000, 1010);
  expect(Math.abs(server.now() - (START + 3_600_000))).toBeLessThan(1000);
});
