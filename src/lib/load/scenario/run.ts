import { withGrace } from '../../core/abort.js';
import { errorMessage, ServiceUnavailable, UserError } from '../../core/errors.js';
import type { LoadPlan } from '../generator.js';
import type { Target } from '../job.js';
import type { TransportOptions } from '../transport.js';
import { Compiler } from './compile.js';
import type { Materials } from './materials.js';
import { runOnce, type StepRecord } from './once.js';
import type { Scenario } from './schema.js';

/** How long teardown may take after Ctrl-C. */
const teardownGraceMs = 2000;

/** A scenario whose setup was done. */
export interface StartedScenario {
  readonly plan: Pick<LoadPlan, 'targets' | 'workload'>;
  /**
   * Runs teardown's requests, also when the signal is aborted.
   * @returns what went wrong, of each that did: whatever happens to it, what was measured is the result
   */
  stop(signal: AbortSignal): Promise<readonly string[]>;
}

/**
 * Runs the requests of a scenario's setup, and makes the plan of its tasks.
 * @param isClosedLoop whether there are users, who wait between their tasks
 * @param reach how the targets are connected to
 * @throws ServiceUnavailable when a request of setup is not answered; UserError when its answer is not as expected
 */
export async function startScenario(
  scenario: Scenario,
  materials: Materials,
  {
    isClosedLoop,
    transport,
    reach,
  }: {
    readonly isClosedLoop: boolean;
    readonly transport: TransportOptions;
    readonly reach: (targets: readonly Target[]) => Promise<readonly Target[]>;
  },
  signal: AbortSignal,
): Promise<StartedScenario> {
  const { setup, teardown, wait } = scenario;
  let captured: Readonly<Record<string, string>> = {};
  const once = { feeds: [], transport, pauses: true };
  if (setup) {
    const compiler = new Compiler(scenario, { ...materials, captured });
    const task = compiler.once('setup', setup);
    const targets = await reach(compiler.targets);
    const pass = await runOnce(task, { ...once, targets, stopsAtFailure: true }, signal);
    const failed = pass.steps.find(({ ok }) => !ok);
    if (failed) throw setupFailed(failed);
    captured = pass.captured;
  }
  const compiler = new Compiler(scenario, { ...materials, captured });
  const tasks = compiler.tasks();
  const workload = { tasks, feeds: [...materials.feeds.values()], ...(isClosedLoop && wait && { wait }) };
  return {
    plan: { targets: await reach(compiler.targets), workload },
    async stop(signal) {
      if (!teardown) return [];
      const last = new Compiler(scenario, { ...materials, captured });
      const task = last.once('teardown', teardown);
      try {
        const options = { ...once, targets: await reach(last.targets), stopsAtFailure: false };
        const { steps } = await runOnce(task, options, withGrace(signal, teardownGraceMs));
        return steps.filter(({ ok }) => !ok).map((step) => `teardown: ${explainStep(step)}`);
      } catch (error) {
        return [`teardown: ${errorMessage(error)}`];
      }
    },
  };
}

function setupFailed(step: StepRecord): UserError {
  const message = `setup: ${explainStep(step)}`;
  const hint = 'Nothing was measured. `metrify load try` shows the request and its answer.';
  return step.answer
    ? new UserError(message, { hint, code: 'SETUP_FAILED' })
    : new ServiceUnavailable(message, { hint });
}

/** What is wrong with a step, in a line. */
export function explainStep({ request, answer, failure, checks }: StepRecord): string {
  const { name } = request;
  if (!answer) return `${name} was not answered: ${failure}`;
  const failed = checks.find(({ passed }) => !passed);
  if (failed) return `${name}: failed: ${failed.name} (${failed.detail}); the status was ${answer.status}`;
  return `${name} was answered with status ${answer.status}`;
}
