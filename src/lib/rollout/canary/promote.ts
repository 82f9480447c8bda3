import { adviceOn, replicasGate } from '../gates.js';
import { conflict } from '../session.js';
import { type CanaryRun, refuseOtherPlan, refuseSwitch } from './run.js';
import { advance, type Stepped } from './step.js';

/**
 * Skips the current wait: on to the next step, or with `full` to the end. The operator's word stands for the
 * analysis; replicas must be ready all the same.
 * @throws UserError exit 4 when nothing runs
 */
export async function promote(run: CanaryRun, full: boolean): Promise<Stepped> {
  const { session, actor, canary } = run;
  const { state } = session;
  refuseSwitch(session);
  if (state?.phase === 'promoted' && state.plan === run.hash)
    return { state, ending: 'ok', did: 'nothing to do: it is promoted', warnings: [] };
  if (!state || ['idle', 'aborted', 'promoted'].includes(state.phase))
    throw conflict(
      `no rollout of ${run.spec.versions.canary.name} runs`,
      `Type '${actor.command('canary start')}'.`,
    );
  if (state.phase === 'failed')
    throw conflict(
      'the rollback of this rollout failed, so it cannot be promoted',
      `Type '${actor.command('canary abort')}'.`,
    );
  refuseOtherPlan(state, run);
  session.refuseDrift();
  const replicas = await replicasGate(actor.provider.workloads, state.versions.canary, 1, actor.signal);
  if (replicas?.verdict === 'failed')
    return {
      state: { ...state, checks: [replicas] },
      ending: 'failed',
      did: 'not promoted',
      advice: adviceOn([replicas]),
      warnings: [],
    };
  const target = full ? canary.steps.length - 1 : state.step + 1;
  const note = { action: full ? 'promote --full' : 'promote', verdict: 'by hand' };
  const approved = { ...state, checks: state.checks.filter(({ name }) => name !== 'approval') };
  return { ...(await advance(run, approved, note, target)), warnings: [] };
}
