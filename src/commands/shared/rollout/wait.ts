import { formatCount, formatDuration } from '../../../lib/core/units.js';
import type { CheckResult } from '../../../lib/rollout/analysis/judgement.js';
import { currentRates, type PlannedStep, planSteps } from '../../../lib/rollout/analysis/plan.js';
import { isAbsence } from '../../../lib/rollout/absence.js';
import { follow } from '../../../lib/rollout/canary/follow.js';
import type { CanaryRun } from '../../../lib/rollout/canary/run.js';
import type { Stepped } from '../../../lib/rollout/canary/step.js';
import { waitsFor } from '../../../lib/rollout/canary/waits.js';
import { formatWeights } from '../../../lib/rollout/session.js';
import type { RolloutState } from '../../../lib/rollout/state.js';
import type { Context } from '../../../runtime/context.js';
import type { Printer } from '../../../runtime/printer.js';

interface WaitInput {
  readonly wait: boolean;
  readonly every: number | undefined;
}

/** With `--wait`, follows the rollout to its end: a live view on a terminal, plain lines elsewhere. */
export async function goOn(
  run: CanaryRun,
  stepped: Stepped,
  { wait, every }: WaitInput,
  context: Context,
): Promise<Stepped> {
  if (!wait || context.dryRun || stepped.ending !== 'ok' || stepped.state?.phase !== 'progressing')
    return stepped;
  if (!context.terminal.stdoutIsTerminal || context.output !== 'text')
    return follow(run, { everyMs: every, saw: plainLines(run, context) });
  const { openRolloutView } = await import('../../../ui/rollout-live.js');
  const view = openRolloutView(context.terminal);
  try {
    return await context.drawing(view, () =>
      follow(run, {
        everyMs: every,
        saw: ({ did, warnings }, state) =>
          view.show({
            state,
            did,
            warnings,
            waits: waitsFor(state, run.spec, run.session.now()),
          }),
      }),
    );
  } finally {
    view.close();
  }
}

/** A line when something changed, and at least each half minute. */
function plainLines(
  run: CanaryRun,
  { narrator, clock }: Context,
): (stepped: Stepped, state: RolloutState) => void {
  let said = '';
  let saidAt = -Infinity;
  return ({ did, warnings, checks: looked }, state) => {
    const checks = looked ?? state.checks;
    const verdicts = checks.map(({ name, verdict }) => `${name} ${verdict}`).join(', ');
    const key = `${formatWeights(state.weights)} ${state.phase} ${verdicts}`;
    if (key === said && clock.monotonic() - saidAt < 30_000) return;
    said = key;
    saidAt = clock.monotonic();
    const time = new Date(clock.now()).toISOString().slice(11, 19);
    narrator.line(
      `${time}  ${formatWeights(state.weights).padEnd(7)}${did}${verdicts === '' ? '' : `: ${verdicts}`}`,
    );
    const waits = waitsFor({ ...state, checks }, run.spec, run.session.now());
    if (waits.length > 0) narrator.line(narrator.dim(`          waits for ${waits.join('; ')}`));
    for (const { name, observed } of checks) narrator.line(narrator.dim(`          ${name}: ${observed}`));
    for (const warning of warnings) narrator.warn(warning);
  };
}

export function sayChecks({ narrator }: Context): (checks: readonly CheckResult[]) => void {
  let said = '';
  return (checks) => {
    const line = checks.map(({ name, verdict }) => `${name} ${verdict}`).join(', ');
    if (line === said || line === '') return;
    said = line;
    narrator.line(line);
  };
}

/** How many requests each step needs at the current rates, before the rollout begins. */
export async function planOf(run: CanaryRun): Promise<PlannedStep[] | undefined> {
  const { meter, spec, canary, session, actor } = run;
  if (!meter || !spec.analysis) return undefined;
  try {
    const rates = await currentRates(meter, spec.analysis, session.now(), actor.signal);
    return rates && planSteps(spec.analysis, canary, rates);
  } catch (error) {
    actor.signal.throwIfAborted();
    if (!isAbsence(error)) throw error;
    return undefined;
  }
}

export async function tellPlan(run: CanaryRun, { narrator, warn }: Context): Promise<void> {
  if (!run.meter) return warn('there is no analysis: replicas and gates alone decide');
  const steps = await planOf(run);
  if (!steps) {
    warn(`${run.meter.name} knows nothing of the last minutes, so how long the steps take is unknown`);
    return;
  }
  presentPlan(steps, narrator);
  narrator.line();
  if (steps.some(({ tooLong }) => tooLong))
    warn('at the current rates a step lasts longer than maxStepDuration and would end inconclusive');
}

function presentPlan(steps: readonly PlannedStep[], printer: Printer): void {
  const count = (value: number | undefined) =>
    value === undefined ? '–' : Number.isFinite(value) ? formatCount(value) : 'never';
  printer.table({
    columns: [
      { title: 'step' },
      ...['canary requests', 'in all', 'about'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows: steps.map(({ percent, canaryRequests, totalRequests, ms }) => [
      `${percent}%`,
      count(canaryRequests),
      count(totalRequests),
      percent >= 100 ? 'the end' : Number.isFinite(ms) ? formatDuration(ms) : 'no traffic',
    ]),
  });
}
