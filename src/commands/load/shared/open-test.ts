import { withGrace } from '../../../lib/core/abort.js';
import { errorMessage } from '../../../lib/core/errors.js';
import type { LoadPlan } from '../../../lib/load/generator.js';
import { prepare, targetOf } from '../../../lib/load/request.js';
import { loadPlanOf } from '../../../lib/load/scenario/load-settings.js';
import { startScenario } from '../../../lib/load/scenario/run.js';
import type { Context } from '../../../runtime/context.js';
import type { FlagValues } from '../../../runtime/flags.js';
import { type loadFlags, overlayLoad } from './load-flags.js';
import { readScenario } from './read-scenario.js';

/** How long teardown may take after Ctrl-C. */
const teardownGraceMs = 2000;

/** What is tested: a URL, or a scenario whose setup was done. */
export interface OpenTest {
  readonly plan: LoadPlan;
  /** Those that the scenario says. */
  readonly thresholds: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** For messages: who should have answered. */
  readonly host: string;
  /** Runs teardown, also when the run was stopped; warns of what went wrong. */
  stop(): Promise<void>;
}

type Input = FlagValues<typeof loadFlags> & { readonly test: string; readonly threads: number };

/** @throws UserError when it cannot be carried out; ServiceUnavailable when setup is not answered */
export async function openTest(input: Input, context: Context): Promise<OpenTest> {
  const { test, threads } = input;
  if (test.includes('://')) {
    const { target, path, host } = targetOf(test);
    const name = `GET ${path.replace(/\?.*/, '')}`;
    const request = prepare(name, path, host, { method: 'GET', headers: [] });
    const load = loadPlanOf(overlayLoad({}, input));
    const plan = { targets: [target], workload: { requests: [{ weight: 1, request }] }, ...load, threads };
    return { plan, thresholds: [], tags: {}, host, stop: async () => undefined };
  }
  const { scenario, materials } = await readScenario(test, context);
  const load = loadPlanOf(overlayLoad(scenario, input));
  const { plan, stop } = await startScenario(
    scenario,
    materials,
    { isClosedLoop: load.arrivals.loop === 'closed', transport: load },
    context.signal,
  );
  return {
    plan: { ...plan, ...load, threads },
    thresholds: scenario.thresholds ?? [],
    tags: scenario.tags ?? {},
    host: targetOf(scenario.target).host,
    async stop() {
      const signal = withGrace(context.signal, teardownGraceMs);
      // Whatever happens to it, what was measured is the result.
      const problems = await stop(signal).catch((error: unknown) => [`teardown: ${errorMessage(error)}`]);
      for (const problem of problems) context.warn(problem);
    },
  };
}
