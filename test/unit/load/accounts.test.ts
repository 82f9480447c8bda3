import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Accounts, type Filter } from '../../../src/lib/load/accounts.js';
import { joinTallies } from '../../../src/lib/load/generator.js';
import type { PreparedRequest } from '../../../src/lib/load/job.js';
import { NameTable } from '../../../src/lib/load/name-table.js';
import {
  packTally,
  packTimelineForThread,
  timelineFromThread,
  unpackTally,
} from '../../../src/lib/load/packed-tally.js';
import { latenciesOpener, NameTally } from '../../../src/lib/load/tally.js';
import { Timeline } from '../../../src/lib/load/timeline.js';
import { scaled } from '../../scale.js';

const open = await latenciesOpener();

interface Event {
  readonly name: string;
  readonly due: number;
  readonly wait: number;
  readonly service: number;
  readonly end: 'expected' | 'unexpected' | 'failed' | 'incomplete' | 'unsendable' | 'unsent';
  readonly bytes: number;
  readonly check: boolean | undefined;
}

const event: fc.Arbitrary<Event> = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  due: fc.integer({ min: 0, max: 600_000 }),
  wait: fc.integer({ min: 0, max: 5000 }),
  service: fc.integer({ min: 0, max: 40_000 }),
  end: fc.constantFrom('expected', 'unexpected', 'failed', 'incomplete', 'unsendable', 'unsent'),
  bytes: fc.integer({ min: 0, max: 1e6 }),
  check: fc.constantFrom(true, false, undefined),
});

function request(name: string): PreparedRequest {
  return {
    name,
    tags: { team: name === 'a' ? 'billing' : 'other' },
    target: 0,
    method: 'GET',
    path: '/',
    headers: [],
    readsBody: false,
  };
}

function accountsOf(events: readonly Event[], watch: readonly Filter[] = []) {
  const accounts = new Accounts(open, { begin: 0, isClosedLoop: false, names: [], watch });
  const timeline = new Timeline(open);
  events.forEach(({ name, due, wait, service, end, bytes, check }, i) => {
    const sentAt = due + wait;
    const now = sentAt + service;
    const sent = { request: request(name), due, sentAt };
    accounts.becameDue(due);
    if (end === 'unsendable') accounts.unsendable(sent, 'refused');
    else if (end !== 'unsent') {
      accounts.sent(sent, sentAt);
      if (end === 'failed') accounts.failed(sent, 'timeout', now);
      else if (end === 'incomplete') accounts.abandoned(sent, now);
      else {
        accounts.answered(sent, end === 'expected' ? 200 : 503, end === 'expected', bytes, now);
        if (check !== undefined) accounts.checked(sent, 'it is right', check);
      }
    }
    if (i % 3 === 0) timeline.add(accounts.takeRecent());
  });
  timeline.add(accounts.takeRecent());
  return { accounts, timeline };
}

const of = (events: readonly Event[], ...ends: Event['end'][]) =>
  events.filter(({ end }) => ends.includes(end)).length;

function plain(tally: NameTally) {
  const { response, service, wait, unexpected, incomplete, incompleteService, ...counts } = tally;
  const histograms = { response, service, wait, unexpected, incomplete, incompleteService };
  return {
    ...counts,
    statuses: [...tally.statuses].sort(),
    unexpectedStatuses: [...tally.unexpectedStatuses].sort(),
    failures: [...tally.failures].sort(),
    checks: [...tally.checks].sort(),
    histograms: Object.fromEntries(
      Object.entries(histograms).map(([key, latencies]) => [key, [...latencies.pack()]]),
    ),
  };
}

function plainNames(names: NameTable) {
  return {
    rows: Object.fromEntries([...names.rows].sort().map(([name, tally]) => [name, plain(tally)])),
    other: names.other && plain(names.other),
  };
}

describe('the accounts of a thread', () => {
  it('have each request once: by name, by time, and in what is watched', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { accounts, timeline } = accountsOf(events, [{ name: 'a' }, {}, { team: 'other' }]);
        const total = accounts.names.total();
        expect(total.sent).toBe(events.length - of(events, 'unsent'));
        expect(total.answered).toBe(of(events, 'expected', 'unexpected'));
        expect(total.failed).toBe(of(events, 'failed', 'unsendable'));
        expect(total.incomplete.count).toBe(of(events, 'incomplete'));
        expect(total.sent).toBe(total.answered + total.failed + total.incomplete.count);
        expect(accounts.due).toBe(events.length);
        // The three rows of times speak of the same requests.
        const rows = of(events, 'expected', 'incomplete');
        expect(total.response.count + total.incomplete.count).toBe(rows);
        expect(total.service.count + total.incompleteService.count).toBe(rows);
        expect(total.wait.count).toBe(rows);

        for (const { startMs, slice } of timeline.slices) {
          const mine = events.filter(({ due }) => due >= startMs && due < startMs + timeline.sliceMs);
          expect(slice.due).toBe(mine.length);
          expect(slice.sent).toBe(mine.length - of(mine, 'unsent'));
          expect(slice.expected).toBe(of(mine, 'expected'));
          expect(slice.unexpected).toBe(of(mine, 'unexpected'));
          expect(slice.failed).toBe(of(mine, 'failed', 'unsendable'));
          expect(slice.incomplete).toBe(of(mine, 'incomplete'));
          expect(slice.sent).toBe(slice.answered + slice.failed + slice.incomplete);
        }
        const sum = (key: 'due' | 'ends' | 'bytes' | 'starts') =>
          timeline.slices.reduce((all, { slice }) => all + slice[key], 0);
        expect(sum('due')).toBe(events.length);
        expect(sum('ends')).toBe(total.answered);
        expect(sum('bytes')).toBe(total.bytes);
        expect(sum('starts')).toBe(total.sent - of(events, 'unsendable'));

        const [a, all, others] = accounts.watched.map(plain);
        expect(all).toEqual(plain(total));
        const named = events.filter(({ name }) => name === 'a');
        expect(a!.sent).toBe(named.length - of(named, 'unsent'));
        expect(a!.sent + others!.sent).toBe(total.sent);
      }),
      { numRuns: scaled(100) },
    );
  });

  it('of several threads are what one would have counted, through their messages', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (events, threads) => {
        const whole = accountsOf(events);
        const parts = Array.from({ length: threads }, (_, thread) =>
          accountsOf(events.filter((_, i) => i % threads === thread)),
        );
        const packed = parts.map(({ accounts }) =>
          structuredClone(
            packTally({
              names: accounts.names,
              warmup: new NameTally(open),
              iterations: undefined,
              usedUpMs: undefined,
              due: accounts.due,
              slowest: accounts.slowest.list,
              lag: open(),
              resent: 1,
              mostConnections: 2,
              lastSentMs: 3,
              endedMs: 4,
              busy: 0.5,
              network: { lookups: 0, byAddress: [], reasons: {} },
            }),
          ),
        );
        const joined = joinTallies(
          packed.map((tally) => unpackTally(tally, open)),
          [],
          open,
        );
        expect(plainNames(joined.names)).toEqual(plainNames(whole.accounts.names));
        expect(joined).toMatchObject({ due: events.length, resent: threads, mostConnections: 2 * threads });
        const times = (list: readonly { readonly responseMs: number }[]) =>
          list.map(({ responseMs }) => responseMs);
        expect(times(joined.slowest)).toEqual(times(whole.accounts.slowest.list));

        const timeline = new Timeline(open);
        for (const part of parts) {
          const message = structuredClone(packTimelineForThread(part.timeline));
          timeline.addParallel(timelineFromThread(message, open));
        }
        timeline.atLeast(whole.timeline.sliceMs);
        expect(packTimelineForThread(timeline)).toEqual(packTimelineForThread(whole.timeline));
      }),
      { numRuns: scaled(60) },
    );
  });

  it('keep the ten slowest, whatever became of them', () => {
    const { accounts } = accountsOf(
      Array.from({ length: 30 }, (_, i) => ({
        name: 'a',
        due: i,
        wait: 1,
        service: ((i * 7) % 30) * 10,
        end: i % 2 ? 'expected' : 'failed',
        bytes: 0,
        check: undefined,
      })),
    );
    const { list } = accounts.slowest;
    expect(list.map(({ serviceMs }) => serviceMs)).toEqual(
      Array.from({ length: 10 }, (_, i) => 290 - 10 * i),
    );
    expect(list[0]).toMatchObject({
      name: 'a',
      waitMs: 1,
      responseMs: 291,
      outcome: expect.anything() as unknown,
    });
    expect(new Set(list.map(({ outcome }) => outcome))).toEqual(new Set([200, 'timeout']));
  });
});

describe('names beyond what there is room for', () => {
  it('are counted as one, exactly, however threads share the requests', () => {
    const names = fc.array(fc.stringMatching(/^[a-f]{1,2}$/), { maxLength: 80 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 4 }), (wanted, threads) => {
        const count = (table: NameTable, list: readonly string[]) => {
          for (const name of list) table.tallyOf(name).sent++;
          return table;
        };
        const most = 5;
        const pinned = ['aa', 'f'];
        const whole = count(new NameTable(open, pinned, most), wanted);
        const joined = new NameTable(open, pinned, most);
        for (let thread = 0; thread < threads; thread++) {
          const part = wanted.filter((_, i) => i % threads === thread);
          joined.add(count(new NameTable(open, pinned, most), part));
        }
        expect(plainNames(joined)).toEqual(plainNames(whole));
        // Each row is exact, too: all requests of its name, or none.
        for (const [name, { sent }] of whole.rows)
          expect(sent).toBe(wanted.filter((one) => one === name).length);
        for (const name of pinned) expect(whole.rows.has(name)).toBe(wanted.includes(name));
        const free = [...whole.rows.keys()].filter((name) => !pinned.includes(name));
        const distinct = new Set(wanted.filter((name) => !pinned.includes(name)));
        expect(free.length).toBe(Math.min(most, distinct.size));
        expect(whole.total().sent).toBe(wanted.length);
      }),
      { numRuns: scaled(200) },
    );
  });

  it('need no memory, and those that have room at most 250 MB with three outcomes each', () => {
    const used = () => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    const accounts = new Accounts(open, { begin: 0, isClosedLoop: false, names: [], watch: [] });
    // From 10 µs to 30 s: what a request can take at the usual time-out.
    for (let name = 0; name < 1200; name++) {
      const sent = { request: request(`GET /${name}`), due: 0, sentAt: 0 };
      for (let ms = 0.01; ms <= 30_000; ms *= 10) {
        accounts.answered({ ...sent, sentAt: ms / 2 }, 200, true, 1, ms);
        accounts.answered(sent, 503, false, 1, ms);
        accounts.abandoned(sent, ms);
      }
      accounts.answered(sent, 200, true, 1, 30_000);
    }
    expect(accounts.names.rows.size).toBe(1000);
    expect(accounts.names.other!.answered).toBe(200 * 15);
    const bytes = used() - before;
    console.log(`1,000 names with three outcomes: ${Math.round(bytes / 1e6)} MB`);
    expect(bytes).toBeLessThan(200e6);
    const full = used();
    for (let name = 2000; name < 52_000; name++)
      accounts.answered({ request: request(`GET /${name}`), due: 0, sentAt: 0 }, 200, true, 1, 5);
    expect(used() - full).toBeLessThan(30e6);
  });
});
