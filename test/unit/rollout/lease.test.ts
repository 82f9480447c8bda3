import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { UserError } from '../../../src/lib/core/errors.js';
import {
  type HeldLease,
  holdLease,
  LEASE_DURATION_MS,
  type LeaseStore,
} from '../../../src/lib/rollout/lease.js';
import { FileLease } from '../../../src/lib/rollout/providers/files/file-lease.js';
import { MemoryLeases } from './memory.js';
import { scaled } from '../../scale.js';

/** Time that passes when the test says so. */
class ManualClock {
  time = Date.UTC(2030, 0, 1);
  private sleepers: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal!.reason as Error);
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      const wake = () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      this.sleepers.push({ at: this.time + ms, wake });
    });
  }

  /** Wakes everybody at their own time. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const next = this.sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.sleepers = this.sleepers.filter((each) => each !== next);
      this.time = Math.max(this.time, next.at);
      next.wake();
    }
    this.time = end;
    await settled();
  }

  /** The process stood still, as with SIGSTOP: all of that time passes at once. */
  async jump(ms: number): Promise<void> {
    this.time += ms;
    const due = this.sleepers.filter(({ at }) => at <= this.time);
    this.sleepers = this.sleepers.filter((each) => !due.includes(each));
    for (const { wake } of due) wake();
    await settled();
  }
}

let underWay = 0;

/** What is under way is done, on a disk too. */
async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet = underWay === 0 ? quiet + 1 : 0)
    await new Promise((resolve) => setImmediate(resolve));
}

/** A store whose work can be waited for. */
function counted(store: LeaseStore): LeaseStore {
  const count = async <T>(work: Promise<T>): Promise<T> => {
    underWay++;
    return work.finally(() => underWay--);
  };
  return {
    name: store.name,
    now: () => store.now(),
    read: (signal) => count(store.read(signal)),
    write: (record, version, signal) => count(store.write(record, version, signal)),
  };
}

/** A command that works until it is told to stop. */
interface Worker {
  readonly name: string;
  readonly lease: HeldLease;
  readonly finish: () => void;
  /** Undefined when it ended well. */
  readonly ended: Promise<unknown>;
}

async function work(store: LeaseStore, clock: ManualClock, name: string, takeOver = false): Promise<Worker> {
  const options = { holder: name, takeOver, clock, signal: new AbortController().signal };
  return new Promise((resolve, reject) => {
    const ended = holdLease(store, options, (lease) => {
      return new Promise<void>((finish, fail) => {
        lease.signal.addEventListener('abort', () => fail(lease.signal.reason as Error));
        resolve({
          name,
          lease,
          finish,
          get ended() {
            return ended;
          },
        });
      });
    }).then(
      () => undefined,
      (error: unknown) => {
        reject(error as Error);
        return error;
      },
    );
  });
}

const held = { code: 'LEASE_HELD', exitCode: 4 };
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const stores: [string, (clock: ManualClock) => Promise<() => LeaseStore>][] = [
  [
    'in memory',
    async (clock) => {
      const store = new MemoryLeases(clock);
      return () => store;
    },
  ],
  [
    'in a file',
    async (clock) => {
      const folder = await mkdtemp(join(tmpdir(), 'metrify-lease-'));
      folders.push(folder);
      await writeFile(join(folder, 'rds.yaml'), '');
      return () => counted(new FileLease(join(folder, 'rds.yaml'), clock));
    },
  ],
];

describe.each(stores)('a lease %s', (_, open) => {
  const begin = async () => {
    const clock = new ManualClock();
    return { clock, store: await open(clock) };
  };
  const recordOf = async (store: LeaseStore) => (await store.read(new AbortController().signal)).record;

  it('is renewed while it is held, and free at once afterwards', async () => {
    const { clock, store } = await begin();
    const ann = await work(store(), clock, 'ann');
    for (let i = 0; i < 5; i++) {
      await clock.pass(LEASE_DURATION_MS - 1000);
      await expect(work(store(), clock, 'bob')).rejects.toMatchObject(held);
      await ann.lease.confirm();
    }
    ann.finish();
    expect(await ann.ended).toBeUndefined();
    const bob = await work(store(), clock, 'bob');
    expect(await recordOf(store())).toMatchObject({ holder: 'bob', transitions: 1 });
    bob.finish();
    await bob.ended;
  });

  it('keeps out another process of the same name', async () => {
    const { clock, store } = await begin();
    const first = await work(store(), clock, 'root@ci (7)');
    await expect(work(store(), clock, 'root@ci (7)')).rejects.toMatchObject(held);
    first.finish();
    await first.ended;
  });

  it('of a process that was killed is over in its time, and not before', async () => {
    const { clock, store } = await begin();
    const signal = new AbortController().signal;
    const dead = {
      holder: 'dead',
      acquiredAt: clock.now(),
      renewedAt: clock.now(),
      durationMs: LEASE_DURATION_MS,
      transitions: 4,
    };
    await store().write(dead, undefined, signal);
    await clock.pass(LEASE_DURATION_MS - 1);
    const error: unknown = await work(store(), clock, 'bob').catch((problem: unknown) => problem);
    expect(error).toMatchObject({ ...held, hint: expect.stringMatching(/--take-over/) });
    await clock.pass(1);
    const bob = await work(store(), clock, 'bob');
    expect(await recordOf(store())).toMatchObject({ holder: 'bob', transitions: 5 });
    bob.finish();
    await bob.ended;
  });

  it('that is taken over is lost to the one who had it', async () => {
    const { clock, store } = await begin();
    const ann = await work(store(), clock, 'ann');
    const bob = await work(store(), clock, 'bob', true);
    // Before a change she asks, and does not wait for the next renewal.
    await expect(ann.lease.confirm()).rejects.toMatchObject({ code: 'LEASE_LOST', exitCode: 4 });
    expect(String(((await ann.ended) as Error).message)).toMatch(/bob took/);
    expect(await recordOf(store())).toMatchObject({ holder: 'bob' });
    await bob.lease.confirm();
    await clock.pass(60_000);
    await bob.lease.confirm();
    bob.finish();
    expect(await bob.ended).toBeUndefined();
  });

  it('that was taken over is noticed by the next renewal too', async () => {
    const { clock, store } = await begin();
    const ann = await work(store(), clock, 'ann');
    const bob = await work(store(), clock, 'bob', true);
    await clock.pass(LEASE_DURATION_MS / 3);
    expect(await ann.ended).toMatchObject({ code: 'LEASE_LOST' });
    bob.finish();
    await bob.ended;
  });

  it('is lost by who stood still and somebody took it meanwhile, else kept', async () => {
    const { clock, store } = await begin();
    const ann = await work(store(), clock, 'ann');
    await clock.jump(10 * LEASE_DURATION_MS);
    await ann.lease.confirm();
    expect(ann.lease.signal.aborted).toBe(false);
    // She stands still once more, and he does not see her renew it.
    const later = clock.time + 10 * LEASE_DURATION_MS;
    const signal = new AbortController().signal;
    const { record, version } = await store().read(signal);
    const bob = {
      ...record!,
      holder: 'bob',
      acquiredAt: later,
      renewedAt: later,
      transitions: 1,
    };
    await store().write(bob, version, signal);
    await clock.jump(10 * LEASE_DURATION_MS);
    expect(await ann.ended).toMatchObject({ code: 'LEASE_LOST' });
    expect(await recordOf(store())).toMatchObject({ holder: 'bob' });
  });

  it('goes to one of many who want it at once', async () => {
    const { clock, store } = await begin();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (__, i) => work(store(), clock, `worker ${i}`)),
    );
    const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ exitCode: 4 });
    expect(await recordOf(store())).toMatchObject({ holder: winners[0]!.name });
    winners[0]!.finish();
    await winners[0]!.ended;
  });
});

describe('a lease whose store fails', () => {
  const begin = () => {
    const clock = new ManualClock();
    return { clock, store: new MemoryLeases(clock) };
  };

  it('is renewed although answers are lost', async () => {
    const { clock, store } = begin();
    const ann = await work(store, clock, 'ann');
    for (let i = 0; i < 6; i++) {
      store.faults = ['answer lost'];
      await clock.pass(LEASE_DURATION_MS);
    }
    await ann.lease.confirm();
    expect(store.record!.renewedAt).toBeGreaterThan(clock.now() - LEASE_DURATION_MS);
    store.faults = ['answer lost'];
    await clock.pass(LEASE_DURATION_MS / 3);
    ann.finish();
    expect(await ann.ended).toBeUndefined();
    expect(store.record).toMatchObject({ holder: '' });
  });

  it('is begun again when somebody deleted it', async () => {
    const { clock, store } = begin();
    const ann = await work(store, clock, 'ann');
    store.record = undefined;
    await clock.pass(LEASE_DURATION_MS);
    expect(store.record).toMatchObject({ holder: 'ann' });
    ann.finish();
    expect(await ann.ended).toBeUndefined();
  });

  it('is given up before anybody else may take it, and that is no refusal', async () => {
    const { clock, store } = begin();
    const ann = await work(store, clock, 'ann');
    const { renewedAt, durationMs } = store.record!;
    store.isDown = true;
    // What cannot be asked says nothing.
    await ann.lease.confirm();
    await clock.pass(durationMs - 1500);
    expect(ann.lease.signal.aborted).toBe(false);
    await clock.pass(1500);
    expect(ann.lease.signal.aborted).toBe(true);
    expect(clock.now()).toBe(renewedAt + durationMs);
    expect(await ann.ended).toMatchObject({ code: 'LEASE_LOST', exitCode: 5 });
  });

  it('survives what is shorter than itself', async () => {
    const { clock, store } = begin();
    const ann = await work(store, clock, 'ann');
    for (let i = 0; i < 4; i++) {
      store.isDown = true;
      await clock.pass(LEASE_DURATION_MS - 6000);
      store.isDown = false;
      await clock.pass(6000);
    }
    await ann.lease.confirm();
    ann.finish();
    expect(await ann.ended).toBeUndefined();
  });

  it('stops the work with the reason why the command was stopped', async () => {
    const { clock, store } = begin();
    const stopping = new AbortController();
    const reason = new UserError('stopped');
    const holding = holdLease(
      store,
      { holder: 'ann', takeOver: false, clock, signal: stopping.signal },
      ({ signal }) => clock.sleep(1e9, signal),
    );
    await clock.pass(100);
    stopping.abort(reason);
    await expect(holding).rejects.toBe(reason);
    expect(store.record).toMatchObject({ holder: '' });
  });

  it('is never held by two who both may change things', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({
              kind: fc.constantFrom('come' as const, 'take' as const, 'go' as const),
              who: fc.nat(2),
            }),
            fc.record({ kind: fc.constant('pass' as const), who: fc.nat(20_000) }),
            fc.record({
              kind: fc.constantFrom('down' as const, 'up' as const, 'lose' as const),
              who: fc.constant(0),
            }),
          ),
          { maxLength: 25 },
        ),
        async (events) => {
          const { clock, store } = begin();
          const workers = new Map<number, Worker>();
          for (const { kind, who } of events) {
            if (kind === 'pass') await clock.pass(who);
            else if (kind === 'down') store.isDown = true;
            else if (kind === 'up') store.isDown = false;
            else if (kind === 'lose') store.faults = ['answer lost'];
            else if (kind === 'go') {
              workers.get(who)?.finish();
              await workers.get(who)?.ended;
              workers.delete(who);
            } else if (!workers.has(who)) {
              const worker = await work(store, clock, `worker ${who}`, kind === 'take').catch(
                () => undefined,
              );
              if (worker) workers.set(who, worker);
            }
            if (!store.isDown) {
              const sure = await Promise.allSettled(
                [...workers.values()].map(({ lease }) => lease.confirm()),
              );
              expect(sure.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
            }
          }
          store.isDown = false;
          for (const { finish, ended } of workers.values()) {
            finish();
            await ended;
          }
        },
      ),
      { numRuns: scaled(60) },
    );
  });
});
