import type { CheckResult } from '../analysis/judgement.js';
import { adviceOn, commandGate, replicasGate } from '../gates.js';
import { conflict, formatWeights } from '../session.js';
import { smokeTest } from '../smoke.js';
import { type Pair, samePair } from '../spec.js';
import { isOver, newId, type RolloutState } from '../state.js';
import { advance, freshStep, type Stepped } from './step.js';
import { type CanaryRun, refuseSwitch } from './run.js';

/**
 * Sets the first weight. Before that: nothing runs on the route, all traffic is on stable, the canary's replicas are
 * ready, smoke tests and the operator's command pass.
 * @throws UserError exit 4 when something runs already, this pair was promoted, or the canary has traffic
 */
export async function start(run: CanaryRun): Promise<Stepped> {
  const { session, spec } = run;
  refuseStart(run);
  // All of them can be written, or it does not begin.
  for (const percent of run.canary.steps)
    session.actor.provider.route.describe(session.view, {
      weights: { stable: 100 - percent, canary: percent },
      state: '',
    });
  const checks = await beforeStart(run);
  const closed = checks.some(({ verdict }) => verdict !== 'passed');
  const begun = initialState(run, checks);
  if (closed)
    return { state: begun, ending: 'failed', did: 'not started', advice: adviceOn(checks), warnings: [] };
  const started = await advance(run, begun, { action: 'start', verdict: 'by hand' }, 0);
  const kept = checks.length === 0 ? started.state : { ...started.state!, checks };
  return {
    ...started,
    state: kept,
    did: session.state?.phase === 'promoted' ? 'promoted' : `started ${spec.versions.canary.name}`,
    warnings: [],
  };
}

/** What `start` would check first, without doing anything. */
export function refuseStart({ session, spec }: CanaryRun): void {
  const { state, view, actor } = session;
  refuseSwitch(session);
  if (state && !isOver(state))
    throw conflict(
      `a rollout of ${state.versions.canary.name} is ${state.phase} on ${actor.provider.route.name}`,
      `Type '${actor.command('canary step')} --wait' to continue with it, '${actor.command('canary abort')}' to end it.`,
    );
  if (state?.kind === 'canary' && state.phase === 'promoted' && isSame(state.versions, spec.versions))
    throw conflict(
      `${state.versions.canary.name} was promoted already`,
      'Name the new pair in the file: what was the canary is the stable of the next rollout.',
    );
  if (view.weights.canary !== 0 && !actor.takeOver)
    throw conflict(
      `${actor.provider.route.name} gives ${spec.versions.canary.name} traffic already (${formatWeights(view.weights)})`,
      'Give all of it to stable first, or add --take-over to begin from there.',
    );
}

async function beforeStart({ actor, spec, canary }: CanaryRun): Promise<CheckResult[]> {
  const checks: CheckResult[] = [];
  const { workloads } = actor.provider;
  const replicas = await replicasGate(workloads, spec.versions.canary, 1, actor.signal);
  if (replicas) checks.push(replicas);
  const { app, versions } = spec;
  const { name } = versions.canary;
  for (const [i, test] of spec.smoke.entries())
    checks.push(await smokeTest(test, name, `smoke ${i + 1}`, actor.signal));
  if (checks.some(({ verdict }) => verdict === 'failed')) return checks;
  const next = { app, versions, weight: canary.steps[0]! };
  const command = await commandGate(canary.gates, next, actor.signal);
  return command ? [...checks, command] : checks;
}

function initialState(run: CanaryRun, checks: readonly CheckResult[]): RolloutState {
  const { session, spec, canary, hash, actor } = run;
  const now = session.now();
  return {
    format: 1,
    id: newId(),
    app: spec.app,
    kind: 'canary',
    phase: 'idle',
    plan: hash,
    versions: spec.versions,
    to: 'canary',
    steps: canary.steps,
    step: 0,
    weights: session.view.weights,
    startedAt: now,
    ...freshStep(now, undefined),
    checks,
    reason: undefined,
    holder: actor.name,
    scaledDown: undefined,
    history: session.state?.history ?? [],
  };
}

function isSame(a: Pair, b: Pair): boolean {
  return (
    samePair(a, b) &&
    a.stable.deployment === b.stable.deployment &&
    a.canary.deployment === b.canary.deployment
  );
}
