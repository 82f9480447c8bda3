import { conflict, type Session } from '../session.js';
import type { Version } from '../spec.js';
import { isOver, type RolloutState, runningPhases } from '../state.js';
import { stopped } from './decide.js';
import type { Stepped } from './step.js';
import { type CanaryRun, refuseFailed, refuseOtherPlan, refuseSwitch } from './run.js';

/** Returns all traffic to stable; harmless when nothing runs. Needs nothing but what stands on the route. */
export async function abort(session: Session): Promise<Stepped> {
  const { state } = session;
  refuseSwitch(session);
  if (!state || isOver(state))
    return { state, ending: 'ok', did: 'nothing runs', warnings: traffic(session) };
  await session.returnTraffic((base) =>
    session.next(
      base,
      {
        phase: 'aborted',
        weights: { stable: 100, canary: 0 },
        stoppedAt: undefined,
        reason: 'aborted by hand',
      },
      { action: 'abort', verdict: 'by hand' },
    ),
  );
  return { state: session.state, ending: 'ok', did: 'aborted', warnings: [] };
}

/** What somebody who types `abort` may have meant, where nothing runs. */
function traffic({ state, view, actor }: Session): string[] {
  const { provider, command } = actor;
  const { stable, canary } = provider.versions;
  if (view.weights.canary === 0) return [];
  const share = `${provider.route.name} gives ${canary.name} ${Number(view.weights.canary.toFixed(2))}% of its traffic`;
  if (state?.phase !== 'promoted') return [`${share}, and no rollout that is kept here did that`];
  const arm = ({ name, deployment }: Version) => (deployment === undefined ? name : `${name}=${deployment}`);
  const back = `${command('canary start')} --stable ${arm(canary)} --canary ${arm(stable)} --steps 100`;
  return [`${share}: it was promoted. '${back}' goes back to ${stable.name}`];
}

/** The weights stay as they are until `resume` or `promote`. */
export async function pause(session: Session): Promise<Stepped> {
  const state = runningState(session);
  if (state.phase === 'paused')
    return { state, ending: 'ok', did: 'nothing to do: it is paused', warnings: [] };
  session.refuseDrift();
  const stoppedAt = state.stoppedAt ?? session.now();
  const paused = session.next(
    state,
    { phase: 'paused', stoppedAt, reason: 'paused by hand' },
    { action: 'pause', verdict: 'by hand' },
  );
  await session.commit(paused);
  return { state: paused, ending: 'ok', did: 'paused', warnings: [] };
}

/** Ends a pause, or a hold, of the same plan. The time stopped does not count; looks without data begin again. */
export async function resume(run: CanaryRun): Promise<Stepped> {
  const { session } = run;
  const state = runningState(session);
  refuseOtherPlan(state, run);
  if (state.phase === 'progressing')
    return { state, ending: 'ok', did: 'nothing to do: it runs', warnings: [] };
  session.refuseDrift();
  const resumed = session.next(
    state,
    {
      phase: 'progressing',
      stoppedAt: undefined,
      stoppedMs: stopped(state, session.now()),
      blindLooks: 0,
      blindAt: undefined,
      reason: undefined,
    },
    { action: 'resume', verdict: 'by hand' },
  );
  await session.commit(resumed);
  return { state: resumed, ending: 'ok', did: 'resumed', warnings: [] };
}

/**
 * The first Ctrl-C of a command that follows a rollout.
 * @param last what it saw last, which may not have been kept yet
 */
export async function holdHere(
  session: Session,
  last: RolloutState | undefined,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const { state } = session;
  if (state?.phase !== 'progressing') return;
  const isSameStep = last?.id === state.id && last.step === state.step;
  const held = session.next(
    isSameStep ? { ...state, checks: last.checks, tally: last.tally } : state,
    { phase: 'holding', stoppedAt: session.now(), reason },
    { action: 'hold', verdict: 'by hand', reason },
  );
  await session.commit(held, signal);
}

/** @throws UserError exit 4 when no canary runs on the route, or its rollback failed */
function runningState(session: Session): RolloutState {
  const { state, actor } = session;
  refuseSwitch(session);
  refuseFailed(session);
  if (state && runningPhases.includes(state.phase)) return state;
  throw conflict(
    `no rollout runs on ${actor.provider.route.name}`,
    `Type '${actor.command('canary start')}'.`,
  );
}
