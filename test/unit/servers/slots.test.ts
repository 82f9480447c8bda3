import { setImmediate as tick } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { Slots, type Claim } from '../../servers/search/slots.js';

type Engine = 'a' | 'b' | 'c' | 'd';

const LIMIT = 2;

const claims: fc.Arbitrary<Claim<Engine>> = fc
  .record({
    shared: fc.uniqueArray(fc.constantFrom<Engine>('a', 'b', 'c', 'd'), { maxLength: LIMIT }),
    own: fc.nat({ max: LIMIT }),
  })
  .filter(({ shared, own }) => shared.length + own <= LIMIT);

/** Servers that take a few turns to start and stop, counted from the first to the last. */
function counting(turns: number): {
  slots: Slots<Engine, { engine: Engine; stop(): Promise<void> }>;
  alive: () => number;
  starts: Engine[];
} {
  let alive = 0;
  const starts: Engine[] = [];
  const slots = new Slots(LIMIT, async (engine: Engine) => {
    alive++;
    starts.push(engine);
    for (let i = 0; i < turns; i++) await tick();
    return {
      engine,
      async stop() {
        for (let i = 0; i < turns; i++) await tick();
        alive--;
      },
    };
  });
  return { slots, alive: () => alive, starts };
}

describe('slots', () => {
  test('every claim is met, with its own engines, and no more nodes run than may', async () => {
    const { seed } = replayable('claims of search servers');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ claim: claims, begin: fc.nat(6), hold: fc.nat(4) }), { maxLength: 12 }),
        fc.nat(3),
        async (files, turns) => {
          const { slots, alive } = counting(turns);
          let own = 0;
          await Promise.all(
            files.map(async ({ claim, begin, hold }) => {
              for (let i = 0; i < begin; i++) await tick();
              const { servers, release } = await slots.take(claim);
              expect(servers.map(({ engine }) => engine)).toEqual(claim.shared);
              own += claim.own;
              for (let i = 0; i <= hold; i++) {
                expect(alive() + own).toBeLessThanOrEqual(LIMIT);
                await tick();
              }
              own -= claim.own;
              release();
            }),
          );
          await slots.stop();
        },
      ),
      { seed },
    );
  });

  test('a server that is given back serves the next one, until its place is needed', async () => {
    const { slots, starts } = counting(1);
    const use = async (claim: Claim<Engine>): Promise<void> => (await slots.take(claim)).release();
    await use({ shared: ['a'], own: 0 });
    await use({ shared: ['b'], own: 0 });
    await use({ shared: ['a'], own: 0 });
    await use({ shared: ['c'], own: 0 }); // In b's place.
    await use({ shared: ['a'], own: 0 });
    expect(starts).toEqual(['a', 'b', 'c']);
    await use({ shared: [], own: 2 });
    await use({ shared: ['a'], own: 0 });
    expect(starts).toEqual(['a', 'b', 'c', 'a']);
  });

  test('a claim beyond the limit is refused, and a server that does not start keeps no place', async () => {
    let works = false;
    const slots = new Slots(1, async (engine: Engine) => {
      await tick();
      if (!works) throw new Error(`${engine} broke`);
      return { engine, stop: async () => {} };
    });
    await expect(slots.take({ shared: ['a', 'b'], own: 0 })).rejects.toThrow(
      '2 nodes were asked for; 1 may run',
    );
    await expect(slots.take({ shared: ['a'], own: 0 })).rejects.toThrow('a broke');
    works = true;
    const { servers } = await slots.take({ shared: ['a'], own: 0 });
    expect(servers).toHaveLength(1);
  });
});
