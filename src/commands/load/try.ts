import { ServiceUnavailable } from '../../lib/core/errors.js';
import { isSecretName } from '../../lib/core/secrets/named-values.js';
import type { Redactor } from '../../lib/core/secrets/redactor.js';
import { loadPlanOf } from '../../lib/load/scenario/load-settings.js';
import { type Pass, tryScenario } from '../../lib/load/scenario/try.js';
import { readCommand } from '../../runtime/command.js';
import { presentPasses, type TriedPass, type TriedStep } from '../../ui/load-try.js';
import { readScenario } from './shared/read-scenario.js';

/** Of a body, in characters. */
const mostShown = 1000;

export const tryOnce = readCommand({
  name: 'load try',
  summary: 'run one pass of a scenario, and show each request and answer',
  synonyms: ['debug', 'check'],
  description:
    'Runs setup, each task once, and teardown, without pauses. Shows what was sent and answered, what was captured, and which ' +
    'checks failed and why. Secrets are masked.',
  args: { scenario: { help: 'the file of a scenario', required: true } },
  flags: {},
  examples: [{ does: 'does the scenario do what it should?', command: 'metrify load try load.yaml' }],

  async read({ scenario: name }, context) {
    const { scenario, materials } = await readScenario(name, context);
    const transport = loadPlanOf({ ...scenario, load: undefined, connections: 1 });
    const passes = await tryScenario(scenario, materials, transport, context.signal);
    const result = { passes: passes.map((pass) => triedPass(pass, context.settingsInput.redactor)) };
    const steps = result.passes.flatMap((pass) => pass.steps);
    context.applied(() => result);
    if (steps.every(({ answer }) => answer === null))
      throw new ServiceUnavailable(`none of ${steps.length} requests was answered: ${steps[0]?.failure}`, {
        hint: 'Check the target, and that the service runs.',
      });
    return { verdict: steps.every(({ ok }) => ok) ? 'ok' : 'failed', result };
  },

  present: ({ passes }, printer) => presentPasses(passes, printer),
});

function triedPass({ name, steps, secrets }: Pass, redactor: Redactor): TriedPass {
  // They are shown nowhere, also not in requests that carry them.
  for (const secret of secrets) redactor.learn(secret);
  return { name, steps: steps.map(triedStep) };
}

function triedStep({
  request,
  url,
  answer,
  failure,
  latencyMs,
  checks,
  ok,
}: Pass['steps'][number]): TriedStep {
  return {
    name: request.name,
    request: {
      method: request.method,
      url,
      headers: Object.fromEntries(request.headers.map(([header, value]) => [header, masked(header, value)])),
      body: request.body ? excerpt(Buffer.from(request.body)) : null,
    },
    answer: answer
      ? {
          status: answer.status,
          headers: Object.fromEntries(
            Object.entries(answer.headers).map(([header, value]) => [header, masked(header, value)]),
          ),
          body: excerpt(answer.body),
        }
      : null,
    failure: failure ?? null,
    latencyMs: Math.round(latencyMs * 100) / 100,
    checks: checks.map(({ name, passed, detail }) => ({ name, passed, detail: detail ?? null })),
    ok,
  };
}

function masked(header: string, value: string): string {
  return isSecretName(header) ? '***' : value;
}

function excerpt(body: Buffer): string {
  const text = body.toString('utf8');
  // U+FFFD stands for what is not UTF-8.
  if (text.includes('\ufffd') || text.includes('\0')) return `(${body.length} bytes that are not text)`;
  return text.length > mostShown ? `${text.slice(0, mostShown)}… (${text.length} characters)` : text;
}
