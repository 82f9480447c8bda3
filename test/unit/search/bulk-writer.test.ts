import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../../src/lib/core/bytes.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { BulkWriter, type Settled, type Wait } from '../../../src/lib/search/bulk/writer.js';
import { BulkBusy, done, type Operation, type OperationKind } from '../../../src/lib/search/engine.js';
import { HttpFailure } from '../../../src/lib/http/failure.js';
import { replayable, seeded } from '../../random.js';
import { scaled } from '../../scale.js';
import { type Faults, leapingClock, ModelIndex, ModelServer, noFaults } from './model-server.js';

type Engine = Pick<ModelServer, 'bulk' | 'read' | 'name'>;

async function write(engine: Engine, operations: readonly Operation[], more: object = {}) {
  const outcomes = new Map<Operation, Settled>();
  const settled = (operation: Operation, outcome: Settled) => {
    if (outcomes.has(operation)) throw new Error('settled twice');
    outcomes.set(operation, outcome);
  };
  const signal = new AbortController().signal;
  const options = { engine, target: { index: 'x' }, clock: leapingClock(), signal, settled, ...more };
  const writer = new BulkWriter(options);
  for (const operation of operations) await writer.add(operation);
  await writer.drain();
  return { outcomes: operations.map((operation) => outcomes.get(operation)), retried: writer.retried };
}

function index(id: string, value: unknown): Operation {
  return { kind: 'index', id: id as ByteString, source: JSON.stringify({ value }) as ByteString };
}

const source = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ a: fc.nat(9), b: fc.string({ maxLength: 30 }) }, { requiredKeys: [] }),
  },
  { weight: 1, arbitrary: fc.constant({ a: 'bad' }) },
);

const kinds: readonly OperationKind[] = ['index', 'create', 'update', 'delete'];

/** Few ids, so that many operations are about the same document. */
const mixed = fc.array(
  fc
    .record({ kind: fc.constantFrom(...kinds), id: fc.nat(20), source, version: fc.nat(1000) })
    .map(({ kind, id, source, version }): Operation => ({
      kind,
      id: `id-${id}` as ByteString,
      ...(kind === 'delete' ? {} : { source: JSON.stringify(source) as ByteString }),
      ...(kind === 'index' && version < 200 ? { version: String(version) } : {}),
    })),
  { maxLength: 150 },
);

/** They may share a request. */
const overwriting = fc.array(
  fc.record({ id: fc.nat(20), source }).map(({ id, source }): Operation => ({
    kind: 'index',
    id: `id-${id}` as ByteString,
    source: JSON.stringify(source) as ByteString,
  })),
  { maxLength: 150 },
);

const operations = fc.oneof(mixed, overwriting);

const faults: fc.Arbitrary<Faults> = fc.record({
  busy: fc.constantFrom(0, 0.2),
  away: fc.constantFrom(0, 0.2),
  lost: fc.constant(0),
  again: fc.constantFrom(0, 0.1, 0.5),
  blocked: fc.constantFrom(0, 0.05),
  maxBytes: fc.constantFrom(Infinity, 200),
});

const { seed } = replayable('operations and faults');

describe('BulkWriter', () => {
  it('leaves what a server without faults would have, and says of each operation what that one would', async () => {
    await fc.assert(
      fc.asyncProperty(operations, faults, fc.nat(), async (list, faults, seed) => {
        const server = new ModelServer(faults, seeded(seed));
        const model = new ModelIndex();
        const expected = list.map((operation) => model.carryOut(operation).kind);
        const { outcomes } = await write(server, list, { random: seeded(seed) });
        expect(outcomes.map((outcome) => outcome?.kind)).toEqual(expected);
        expect(server.index.sources()).toEqual(model.sources());
      }),
      { seed, numRuns: scaled(200) },
    );
  });

  it('leaves the same when answers are lost, and settles every operation once', async () => {
    await fc.assert(
      fc.asyncProperty(operations, faults, fc.nat(), async (list, faults, seed) => {
        const server = new ModelServer({ ...faults, lost: 0.3 }, seeded(seed));
        const model = new ModelIndex();
        for (const operation of list) model.carryOut(operation);
        const { outcomes } = await write(server, list, { random: seeded(seed) });
        expect(outcomes).not.toContain(undefined);
        expect(server.index.sources()).toEqual(model.sources());
      }),
      { seed, numRuns: scaled(200) },
    );
  });

  it('counts a create whose answer was lost as done, and one that somebody else was before as rejected', async () => {
    const server = new ModelServer(noFaults, seeded(1));
    server.index.carryOut(index('theirs', 0));
    let cuts = 1;
    const engine: Engine = {
      name: 'model',
      read: (...args) => server.read(...args),
      async bulk(...args) {
        const outcomes = await server.bulk(...args);
        if (cuts-- > 0) throw new HttpFailure('model', 'closed', 'headers', 'the connection was closed');
        return outcomes;
      },
    };
    const creates = ['ours', 'theirs'].map((id): Operation => ({ ...index(id, 1), kind: 'create' }));
    const { outcomes, retried } = await write(engine, creates);
    expect(outcomes).toEqual([done, { kind: 'rejected', status: 409, reason: expect.any(String) as string }]);
    expect(retried).toBe(2);
  });

  it('looks again for a document that a copy of its shard does not have yet', async () => {
    const server = new ModelServer(noFaults, seeded(1));
    let cuts = 1;
    let looks = 0;
    const engine: Engine = {
      name: 'model',
      read: async (...args) => {
        const there = await server.read(...args);
        return ++looks < 3 ? there.map(() => undefined) : there;
      },
      async bulk(...args) {
        const outcomes = await server.bulk(...args);
        if (cuts-- > 0) throw new HttpFailure('model', 'closed', 'headers', 'the connection was closed');
        return outcomes;
      },
    };
    const create: Operation = { ...index('ours', 1), kind: 'create' };
    expect((await write(engine, [create])).outcomes).toEqual([done]);
    // One that is never found is somebody else's, who has deleted it.
    looks = -1000;
    cuts = 0;
    const { outcomes } = await write(engine, [create], { mayRepeat: true });
    expect(outcomes).toMatchObject([{ kind: 'rejected', status: 409 }]);
  });

  it('sends every operation while the source pauses and the server is slow', async () => {
    const given: Operation[] = [];
    const received: string[] = [];
    const engine: Engine = {
      name: 'slow',
      read: () => Promise.reject(new Error('nothing is to be read')),
      async bulk(_, list) {
        await systemClock.sleep(120);
        received.push(...list.map(({ id }) => id));
        return list.map(() => done);
      },
    };
    // A twentieth of real time: an operation waits 50 ms for others.
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 20, signal),
    };
    const signal = new AbortController().signal;
    let settled = 0;
    const writer = new BulkWriter({
      engine,
      target: { index: 'x' },
      clock,
      signal,
      settled: () => settled++,
      senders: 1,
    });
    for (const count of [10, 1, 0, 10, 1]) {
      for (let i = 0; i < count; i++) {
        given.push(index(String(given.length), i));
        await writer.add(given.at(-1)!);
      }
      await systemClock.sleep(70);
    }
    await writer.drain();
    expect(received.sort()).toEqual(given.map(({ id }) => id as string).sort());
    expect(settled).toBe(22);
  });

  it('rejects the one document that alone is too long, and writes the others', async () => {
    const server = new ModelServer({ ...noFaults, maxBytes: 1000 }, seeded(2));
    const list = Array.from({ length: 40 }, (_, i) => index(String(i), 'x'.repeat(i === 17 ? 2000 : 100)));
    const { outcomes } = await write(server, list);
    expect(outcomes.map((outcome) => outcome!.kind)).toEqual(
      list.map((_, i) => (i === 17 ? 'rejected' : 'done')),
    );
    expect(outcomes[17]).toMatchObject({ status: 413 });
  });

  it('ends after the stall with what stands against it, and settles nothing', async () => {
    const waits: Wait[] = [];
    const engine: Engine = {
      name: 'full',
      read: () => Promise.resolve([]),
      bulk: (_, list) => Promise.resolve(list.map(() => ({ kind: 'blocked', reason: 'disk full' }))),
    };
    const clock = leapingClock();
    const written = write(engine, [index('1', 1)], {
      clock,
      stallMs: 60_000,
      waits: (wait: Wait) => waits.push(wait),
    });
    await expect(written).rejects.toMatchObject({
      exitCode: 5,
      message: 'full took no writes for 1m: disk full',
    });
    expect(waits).toEqual([{ kind: 'blocked', reason: 'disk full', stallMs: 60_000 }]);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(60_000);
  });

  it('waits as long as the server asks for', async () => {
    const clock = leapingClock();
    let busy = true;
    const engine: Engine = {
      name: 'busy',
      read: () => Promise.resolve([]),
      bulk(_, list) {
        if (!busy) return Promise.resolve(list.map(() => done));
        busy = false;
        return Promise.reject(new BulkBusy(503, 'later', 7000));
      },
    };
    await write(engine, [index('1', 1)], { clock });
    expect(clock.monotonic()).toBeGreaterThanOrEqual(7000);
  });

  it('has several requests under way, and ends all of them with what ended one', async () => {
    const server = new ModelServer(noFaults, seeded(3));
    await write(
      server,
      Array.from({ length: 20_000 }, (_, i) => index(String(i), i)),
    );
    expect(server.mostAtOnce).toBeGreaterThan(1);
    expect(server.index.documents.size).toBe(20_000);

    const refusal = new Error('refused us');
    let first = true;
    const engine: Engine = {
      ...server,
      name: 'refusing',
      read: () => Promise.resolve([]),
      bulk: async (target, list) => {
        if (first) {
          first = false;
          throw refusal;
        }
        return server.bulk(target, list);
      },
    };
    await expect(
      write(
        engine,
        Array.from({ length: 20_000 }, (_, i) => index(String(i), i)),
      ),
    ).rejects.toBe(refusal);
  });
});
