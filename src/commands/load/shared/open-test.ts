import { UserError } from '../../../lib/core/errors.js';
import type { LoadPlan } from '../../../lib/load/generator.js';
import { prepare, targetOf } from '../../../lib/load/request.js';
import { loadPlanOf } from '../../../lib/load/scenario/load-settings.js';
import { startScenario } from '../../../lib/load/scenario/run.js';
import type { Context } from '../../../runtime/context.js';
import { flagName, type FlagValues } from '../../../runtime/flags.js';
import { type loadFlags, overlayLoad } from './load-flags.js';
import { readScenario } from './read-scenario.js';
import { requestFlags, requestOf, targetsWith, type transportFlags, transportOf } from './transport-flags.js';

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
  if (isUrl(input.test)) return openUrl(input, context);
  return openScenario(input, context).catch((error: unknown) => {
    const isMissing = error instanceof UserError && error.code === 'SCENARIO_NOT_FOUND';
    if (!isMissing || !withoutScheme.test(input.test) || /\.(ya?ml|json)$/i.test(input.test)) throw error;
    throw new UserError(`'${input.test}' is neither a file nor a URL: its scheme is missing`, {
      code: 'URL_INVALID',
      hint: `Give http://${input.test.replace(/^\/\//, '')}, or the same with https://.`,
    });
  });
}

/** Whether a URL is to be tested, and not a scenario. */
export function isUrl(test: string): boolean {
  return test.includes('://');
}

/** What people type into a browser: a host with a port, a name with a path, an address. */
const withoutScheme =
  /^(\/\/)?(localhost|\[[\da-f:.]+\]|[\w-]+(\.[\w-]+)*(?=:\d)|\d+(\.\d+){3}|[\w-]+(\.[\w-]+)+(?=\/))(:\d+)?([/?].*)?$/i;

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
      for (const problem of await stop(context.signal)) context.warn(problem);
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
