import { isAbsence } from '../absence.js';
import { judgedMetrics } from '../analysis/judge.js';
import type { CheckResult, LatencyBounds } from '../analysis/judgement.js';
import { fixBounds } from '../analysis/latency-bounds.js';
import { commandGate } from '../gates.js';
import { formatWeights } from '../session.js';
import type { RolloutState } from '../state.js';
import { countBlind, decide } from './decide.js';
import { lookAtStep } from './look.js';
import { type CanaryRun, type Ending, refuseFailed, refuseOtherPlan, refuseSwitch } from './run.js';

export interface Stepped {
  readonly state: RolloutState | undefined;
  readonly ending: Ending;
  /** `waiting`, `advanced`, `promoted`, `rejected`, … */
  readonly did: string;
  /** Of this look, where they are not those of the state. */
  readonly checks?: readonly CheckResult[];
  /** What the operator can do about it, where the phase does not say it. */
  readonly advice?: string;
  readonly warnings: readonly string[];
}

/**
 * Judges once and does what is due. Harmless when nothing runs.
 * @param persist whether to keep a look that changed nothing but its numbers
 * @throws UserError exit 4: another plan, weights that somebody else set, phase `failed`
 */
export async function step(run: CanaryRun, persist = true): Promise<Stepped> {
  const { session, canary } = run;
  const { state } = session;
  refuseSwitch(session);
  if (!state || state.phase === 'idle' || state.phase === 'promoted' || state.phase === 'aborted')
    return { state, ending: 'ok', did: 'nothing runs', warnings: [] };
  refuseFailed(session);
  refuseOtherPlan(state, run);
  if (state.phase !== 'progressing') return { state, ending: 'ok', did: state.phase, warnings: [] };
  session.refuseDrift();
  if (session.view.unfinished) await session.commit(session.next(state, {}));

  const late = await lateBounds(run, state);
  if (late) return late;
  const { judgement, tally } = await lookAtStep(run, state);
  const now = session.now();
  const blindness = run.spec.analysis
    ? countBlind(state, judgement.verdict, canary, run.spec.analysis, now)
    : { blindLooks: 0, blindAt: undefined };
  const maxInconclusive = run.spec.analysis?.maxInconclusive ?? Infinity;
  const decision = decide(state, judgement, blindness.blindLooks, canary, maxInconclusive, now);
  const looked = session.next(state, { ...blindness, tally, checks: judgement.checks });
  const warnings = judgement.warnings;
  switch (decision.kind) {
    case 'reject':
      return { ...(await reject(run, looked, decision.reason)), warnings };
    case 'inconclusive':
      return { ...(await giveUp(run, looked, decision.reason)), warnings };
    case 'wait':
      if (persist || isNews(state, looked)) await session.commit(looked);
      return { state: looked, ending: 'ok', did: 'waiting', warnings };
    case 'advance': {
      const gates = await closedGates(run, looked);
      if (gates.length === 0) {
        const advanced = await advance(run, looked, { action: 'step', verdict: 'passed' });
        return { ...advanced, checks: looked.checks, warnings };
      }
      const waiting = { ...looked, checks: [...looked.checks, ...gates] };
      if (persist || isNews(state, waiting)) await session.commit(waiting);
      return { state: waiting, ending: 'ok', did: 'waiting', warnings };
    }
  }
}

/** Whether a follower would want to see it in `status` now: numbers alone can wait. */
function isNews(before: RolloutState, after: RolloutState): boolean {
  const verdicts = (state: RolloutState) =>
    state.checks.map(({ name, verdict }) => `${name} ${verdict}`).join();
  return (
    before.blindLooks !== after.blindLooks ||
    verdicts(before) !== verdicts(after) ||
    JSON.stringify(before.tally) !== JSON.stringify(after.tally)
  );
}

async function closedGates(run: CanaryRun, state: RolloutState): Promise<CheckResult[]> {
  const { canary, actor } = run;
  const next = {
    app: run.spec.app,
    versions: state.versions,
    weight: canary.steps[state.step + 1] ?? 100,
  };
  const command = await commandGate(canary.gates, next, actor.signal);
  if (command?.verdict === 'failed') return [{ ...command, verdict: 'waiting' }];
  if (!canary.gates.approval) return [];
  return [{ name: 'approval', verdict: 'waiting', observed: 'waits for promote', limit: 'by hand' }];
}

/** To the next step, or to the end. */
export async function advance(
  run: CanaryRun,
  state: RolloutState,
  note: { action: string; verdict: string },
  target = state.step + 1,
): Promise<Omit<Stepped, 'warnings'>> {
  const { session, canary, actor } = run;
  const percent = canary.steps[target] ?? 100;
  const weights = { stable: 100 - percent, canary: percent };
  if (percent >= 100) {
    const done = session.next(
      state,
      { phase: 'promoted', step: canary.steps.length - 1, weights, stoppedAt: undefined, reason: undefined },
      note,
    );
    await session.commit(done);
    return { state: done, ending: 'ok', did: 'promoted' };
  }
  const latency = await boundsBefore(run);
  const now = session.now();
  const next = session.next(
    state,
    {
      ...freshStep(now, latency),
      phase: 'progressing',
      step: target,
      weights,
      reason: undefined,
    },
    note,
  );
  actor.signal.throwIfAborted();
  await session.commit(next);
  return { state: next, ending: 'ok', did: `advanced to ${formatWeights(weights)}` };
}

/** A step counts afresh. */
export function freshStep(now: number, latency: LatencyBounds | undefined) {
  return {
    stepStartedAt: now,
    stoppedAt: undefined,
    stoppedMs: 0,
    blindLooks: 0,
    blindAt: undefined,
    tally: undefined,
    checks: [],
    latency,
  } satisfies Partial<RolloutState>;
}

/**
 * A step whose latency bounds could not be fixed, because stable had no traffic, counts from when they can: bounds
 * that are chosen by the data they judge prove nothing.
 */
async function lateBounds(run: CanaryRun, state: RolloutState): Promise<Stepped | undefined> {
  const { analysis } = run.spec;
  if (state.latency || !analysis || !judgedMetrics(analysis).latency) return undefined;
  const latency = await boundsBefore(run);
  if (!latency) return undefined;
  const begun = run.session.next(state, freshStep(run.session.now(), latency));
  await run.session.commit(begun);
  return { state: begun, ending: 'ok', did: 'waiting', warnings: [] };
}

/** The latency bounds of a step that is about to begin, from stable's latencies of the last minutes. */
export async function boundsBefore({
  spec,
  canary,
  meter,
  session,
  actor,
}: CanaryRun): Promise<LatencyBounds | undefined> {
  if (!meter || !spec.analysis || !judgedMetrics(spec.analysis).latency) return undefined;
  const since = session.now() - Math.max(canary.intervalMs, 300_000);
  try {
    const { counts } = await meter.look(since, undefined, actor.signal);
    const fixed = counts.stable.latency && fixBounds(spec.analysis, counts.stable.latency);
    for (const warning of fixed?.warnings ?? []) actor.warn(warning);
    return fixed?.bounds;
  } catch (error) {
    actor.signal.throwIfAborted();
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function reject(
  run: CanaryRun,
  looked: RolloutState,
  reason: string,
): Promise<Omit<Stepped, 'warnings'>> {
  await run.session.returnTraffic((base) =>
    run.session.next(
      { ...base, checks: looked.checks, tally: looked.tally },
      { phase: 'aborted', weights: { stable: 100, canary: 0 }, reason },
      { action: 'rollback', verdict: 'rejected', reason },
    ),
  );
  return { state: run.session.state, ending: 'failed', did: 'rejected' };
}

async function giveUp(
  run: CanaryRun,
  looked: RolloutState,
  reason: string,
): Promise<Omit<Stepped, 'warnings'>> {
  const { session } = run;
  if (run.spec.analysis?.onInconclusive === 'hold') {
    const held = session.next(
      looked,
      { phase: 'holding', stoppedAt: session.now(), reason },
      { action: 'hold', verdict: 'inconclusive', reason },
    );
    await session.commit(held);
    return { state: held, ending: 'inconclusive', did: 'holding' };
  }
  await session.returnTraffic((base) =>
    session.next(
      { ...base, checks: looked.checks, tally: looked.tally, blindLooks: looked.blindLooks },
      { phase: 'aborted', weights: { stable: 100, canary: 0 }, reason },
      { action: 'rollback', verdict: 'inconclusive', reason },
    ),
  );
  return { state: session.state, ending: 'inconclusive', did: 'aborted' };
}
