import { isSecretName } from '../../core/secrets/named-values.js';
import type { TransportOptions } from '../transport.js';
import { Compiler } from './compile.js';
import type { Materials } from './materials.js';
import { runOnce, type StepRecord } from './once.js';
import type { Scenario, ScenarioStep } from './schema.js';

/** One pass of setup, of a task, or of teardown. */
export interface Pass {
  readonly name: string;
  readonly steps: readonly (StepRecord & { readonly url: string })[];
  /** Captured, and not for everybody's eyes. */
  readonly secrets: readonly string[];
}

/**
 * Carries out setup, each task once, also those of weight 0, and teardown, without pauses. Where setup fails, the tasks do not
 * follow.
 * @throws the signal's reason
 */
export async function tryScenario(
  scenario: Scenario,
  materials: Materials,
  transport: TransportOptions,
  signal: AbortSignal,
): Promise<readonly Pass[]> {
  const { setup, tasks, teardown } = scenario;
  const passes: Pass[] = [];
  let captured: Readonly<Record<string, string>> = {};
  const pass = async (name: string, steps: readonly ScenarioStep[], stopsAtFailure: boolean) => {
    const compiler = new Compiler(scenario, { ...materials, captured });
    const task = compiler.once(name, steps);
    const { targets } = compiler;
    const options = {
      targets,
      feeds: [...materials.feeds.values()],
      transport,
      pauses: false,
      stopsAtFailure,
    };
    const result = await runOnce(task, options, signal);
    const shown = result.steps.map((step) => {
      const { tls } = targets[step.request.target]!;
      const host = step.request.headers.find(([header]) => header.toLowerCase() === 'host')?.[1] ?? '';
      return { ...step, url: `${tls ? 'https' : 'http'}://${host}${step.request.path}` };
    });
    passes.push({ name, steps: shown, secrets: secretsIn(steps, result.captured) });
    return result;
  };
  if (setup) {
    const { captured: found, steps } = await pass('setup', setup, true);
    captured = found;
    if (steps.some(({ ok }) => !ok)) return passes;
  }
  for (const { name, steps } of tasks) await pass(name, steps, false);
  if (teardown) await pass('teardown', teardown, false);
  return passes;
}

/** What has the name of a secret, or comes from a header that has, or is a cookie. */
function secretsIn(steps: readonly ScenarioStep[], captured: Readonly<Record<string, string>>): string[] {
  return steps
    .flatMap(({ capture = {} }) => Object.entries(capture))
    .filter(
      ([name, { header, cookie }]) =>
        isSecretName(name) || cookie !== undefined || isSecretName(header ?? ''),
    )
    .flatMap(([name]) => captured[name] ?? []);
}
