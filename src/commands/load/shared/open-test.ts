import { withGrace } from '../../../lib/core/abort.js';
import { errorMessage, UserError } from '../../../lib/core/errors.js';
import type { LoadPlan } from '../../../lib/load/generator.js';
import { prepare, targetOf } from '../../../lib/load/request.js';
import { loadPlanOf } from '../../../lib/load/scenario/load-settings.js';
import { startScenario } from '../../../lib/load/scenario/run.js';
import type { Context } from '../../../runtime/context.js';
import { flagName, type FlagValues } from '../../../runtime/flags.js';
import { type loadFlags, overlayLoad } from './load-flags.js';
import { readScenario } from './read-scenario.js';
import { requestFlags, requestOf, targetsWith, type transportFlags, transportOf } from './transport-flags.js';

/** How long teardown may take after Ctrl-C. */
const teardownGraceMs = 2000;

/** What is tested: a URL, or a scenario whose setup was done. */
export interface OpenTest {
  readonly plan: LoadPlan;
  /** Those that the scenario says. */
  readonly thresholds: readonly string[];
  /** For whoever watches: what is requested. */
  readonly title: string;
  /** For messages: who should have answered. */
  readonly host: string;
  /** Runs teardown, also when the run was stopped; warns of what went wrong. */
  stop(): Promise<void>;
}

type Input = FlagValues<typeof loadFlags & typeof requestFlags & typeof transportFlags> & {
  readonly test: string;
  readonly threads: number;
};

/** @throws UserError when it cannot be carried out; ServiceUnavailable when setup is not answered */
export async function openTest(input: Input, context: Context): Promise<OpenTest> {
  return input.test.includes('://') ? openUrl(input, context) : openScenario(input, context);
}

async function openUrl(input: Input, context: Context): Promise<OpenTest> {
  const { target, path, host } = targetOf(input.test);
  const text = await requestOf(input, context);
  const name = `${text.method} ${path.replace(/\?.*/, '')}`;
  const request = prepare(name, path, host, text);
  const plan: LoadPlan = {
    targets: await targetsWith([target], input),
    workload: { requests: [{ weight: 1, request }] },
    ...loadPlanOf(overlayLoad({}, input)),
    ...transportOf(input),
    threads: input.threads,
  };
  return { plan, thresholds: [], title: `${text.method} ${input.test}`, host, stop: async () => undefined };
}

async function openScenario(input: Input, context: Context): Promise<OpenTest> {
  refuseRequestFlags(input);
  const { scenario, materials } = await readScenario(input.test, context);
  const load = loadPlanOf(overlayLoad(scenario, input));
  const { plan, stop } = await startScenario(
    scenario,
    materials,
    {
      isClosedLoop: load.arrivals.loop === 'closed',
      transport: load,
      reach: (targets) => targetsWith(targets, input),
    },
    context.signal,
  );
  return {
    plan: { ...plan, ...load, ...transportOf(input), threads: input.threads },
    thresholds: scenario.thresholds ?? [],
    title: input.test,
    host: targetOf(scenario.target).host,
    async stop() {
      const signal = withGrace(context.signal, teardownGraceMs);
      // Whatever happens to it, what was measured is the result.
      const problems = await stop(signal).catch((error: unknown) => [`teardown: ${errorMessage(error)}`]);
      for (const problem of problems) context.warn(problem);
    },
  };
}

/** A scenario says what its requests are. */
function refuseRequestFlags(input: FlagValues<typeof requestFlags>): void {
  for (const key of Object.keys(requestFlags) as (keyof typeof requestFlags)[]) {
    const value = input[key];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw new UserError(`${flagName(key)} goes with a URL, not with a scenario`, {
      hint: 'Write it into the steps of the scenario.',
    });
  }
}
