import { errorMessage, type UserError } from '../../core/errors.js';
import { isAbsence } from '../absence.js';
import type { CheckResult, Judgement } from '../analysis/judgement.js';
import { judge } from '../analysis/judge.js';
import type { Tally } from '../analysis/measurements.js';
import { replicasGate } from '../gates.js';
import type { RolloutState } from '../state.js';
import type { CanaryRun } from './run.js';

export interface StepLook {
  readonly judgement: Judgement;
  readonly tally: Tally | undefined;
}

/** Judges the running step from all that was counted since it began. Changes nothing. */
export async function lookAtStep(run: CanaryRun, state: RolloutState): Promise<StepLook> {
  const { actor, spec } = run;
  const replicas = await replicasGate(actor.provider.workloads, state.versions.canary, 1, actor.signal);
  const analysed = await analyse(run, state);
  const checks = [...(replicas ? [replicas] : []), ...analysed.judgement.checks];
  const isGone = replicas?.verdict === 'failed' && replicas.numbers?.ready === 0;
  const verdict = isGone
    ? 'reject'
    : replicas?.verdict === 'failed' && analysed.judgement.verdict === 'pass'
      ? 'wait'
      : analysed.judgement.verdict;
  const gone = isGone ? [`no replica of ${spec.versions.canary.name} is ready`] : [];
  return {
    judgement: { verdict, checks, warnings: [...gone, ...analysed.judgement.warnings] },
    tally: analysed.tally,
  };
}

async function analyse(run: CanaryRun, state: RolloutState): Promise<StepLook> {
  const { meter, actor, canary } = run;
  const analysis = run.spec.analysis;
  if (!meter || !analysis)
    return { judgement: { verdict: 'pass', checks: [], warnings: [] }, tally: undefined };
  try {
    const { counts, tally, warnings } = await meter.look(state.stepStartedAt, state.tally, actor.signal);
    const judgement = judge(analysis, counts, {
      steps: canary.steps.filter((percent) => percent < 100).length,
      bounds: state.latency,
      // Metrify's own probes go to both alike.
      share: meter.remembers ? state.weights.canary / 100 : 0.5,
    });
    return { judgement: { ...judgement, warnings: [...warnings, ...judgement.warnings] }, tally };
  } catch (error) {
    actor.signal.throwIfAborted();
    // A service that cannot be asked says nothing about the canary. What is wrong in the file is said at once.
    if (!isAbsence(error)) throw error;
    return { judgement: blind(meter.name, error), tally: state.tally };
  }
}

function blind(name: string, error: UserError): Judgement {
  const check: CheckResult = {
    name: 'requests',
    verdict: 'no-data',
    observed: errorMessage(error),
    limit: `an answer of ${name}`,
  };
  return { verdict: 'no-data', checks: [check], warnings: [errorMessage(error)] };
}
