import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { replayable, seeded } from '../../random.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import type { Fault, Traffic } from './proxy/fault.js';
import { found } from './proxy/found.js';
import { systems } from './proxy/systems.js';
import { Bench } from './proxy/trial.js';

const { seed } = replayable('faults between metrify and its servers');
/** A seed that is given is that of the one trial to repeat. */
const trials = process.env['METRIFY_TEST_SEED'] === undefined ? scaled(60) : 1;
const names = Object.keys(systems);

/** Each trial follows from its own seed: the system, the verb, and the fault. */
const plan = Array.from({ length: trials }, (_, i) => {
  const random = seeded(seed + i);
  return { seed: seed + i, system: names[Math.floor(random() * names.length)]!, draw: random() };
});

const usual: Fault = {
  kind: 'cut',
  server: 0,
  direction: 'replies',
  afterBytes: 0,
  strikes: 1,
  delayMs: 10,
  bytes: '',
};

needs(
  'redis',
  'memcached',
  'postgres',
)('a server behind a bad network, or one that lies', () => {
  test(`${trials} commands end in time, with counts that are true (METRIFY_TEST_SEED=${seed})`, async () => {
    const outcomes = (await Promise.all(names.map(runTrials))).flat();
    const problems = outcomes.filter(({ problem }) => problem !== undefined);
    expect(problems.map(describeProblem).join('\n\n')).toBe('');
    // Else the faults are drawn so that nothing meets them.
    if (trials >= 60) expect(outcomes.filter(({ struck }) => struck).length).toBeGreaterThan(trials / 2);
  });

  describe.each(names)('%s', (system) => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await Bench.open(systems[system]!);
    });
    afterAll(() => bench.close());

    test.each(found.filter((one) => one.system === system))(
      '$verb: no more $once',
      async ({ verb, fault }) => {
        const outcome = await bench.disturb(verb, { ...usual, ...fault }, seeded(seed));
        expect(outcome.problem).toBeUndefined();
        expect(outcome.struck).toBe(true);
      },
    );
  });
});

interface Trial {
  readonly seed: number;
  readonly system: string;
  readonly verb: string;
  readonly struck: boolean;
  readonly fault?: Fault;
  readonly problem?: string;
}

/** A system's trials one after the other; each verb runs undisturbed first. */
async function runTrials(system: string): Promise<Trial[]> {
  const mine = plan.filter((trial) => trial.system === system);
  if (mine.length === 0) return [];
  const bench = await Bench.open(systems[system]!);
  const traffic = new Map<string, readonly Traffic[]>();
  const outcomes: Trial[] = [];
  try {
    for (const trial of mine) {
      const verb = bench.verbs[Math.floor(trial.draw * bench.verbs.length)]!;
      const said = { seed: trial.seed, system, verb };
      try {
        if (!traffic.has(verb)) traffic.set(verb, await bench.rehearse(verb));
      } catch (error) {
        const problem = `without a fault: ${(error as Error).message}`;
        outcomes.push({ ...said, struck: false, problem });
        continue;
      }
      outcomes.push({ ...said, ...(await bench.try(verb, traffic.get(verb)!, trial.seed)) });
    }
  } finally {
    await bench.close();
  }
  return outcomes;
}

function describeProblem({ seed: of, system, verb, fault, problem }: Trial): string {
  return `METRIFY_TEST_SEED=${of}: ${system}, ${verb}, ${JSON.stringify(fault)}\n${problem}`;
}
