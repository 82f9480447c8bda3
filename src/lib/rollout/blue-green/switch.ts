import { withGrace } from '../../core/abort.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import type { CheckResult } from '../analysis/judgement.js';
import { adviceOn, replicasGate } from '../gates.js';
import { patiently } from '../patience.js';
import { commandsOf, conflict, GRACE_MS, isOthers, type Session } from '../session.js';
import { provesVersion, smokeTest } from '../smoke.js';
import type { Arm, Colour, Version } from '../spec.js';
import { isOver, newId, type RolloutState, runningPhases } from '../state.js';
import { allOn, armOf, type BlueGreenRun, type Colours, colourOf, liveArm, other } from './run.js';
import { scaleDownOld, scaleUp } from './scale.js';
import { type Watched, type Watcher, watch } from './watch.js';

export interface Switched {
  readonly state: RolloutState | undefined;
  readonly ending: 'ok' | 'failed' | 'inconclusive';
  readonly did: string;
  readonly checks: readonly CheckResult[];
  readonly advice?: string;
  readonly warnings: readonly string[];
}

/**
 * Checks the colour, switches to it, and watches; returns by itself when a check fails. A switch whose watch was
 * killed is watched again, from its own beginning.
 * @throws UserError exit 4: a canary runs, another plan
 */
export async function switchTo(
  run: BlueGreenRun,
  wanted: Colour | undefined,
  watcher: Watcher,
): Promise<Switched> {
  const { session, spec } = run;
  const { state } = session;
  if (state?.kind === 'canary' && runningPhases.includes(state.phase))
    throw conflict(
      `a canary is ${state.phase} on this route`,
      `Type '${commandsOf(session.actor, state).back}' first.`,
    );
  if (state?.phase === 'failed')
    throw conflict(
      `the last rollback on this route failed: ${state.reason ?? ''}`,
      `Type '${commandsOf(session.actor, state).back}'.`,
    );
  if (state?.phase === 'progressing' && state.kind === 'blue-green') {
    if (wanted !== undefined && armOf[wanted] !== state.to)
      throw conflict(
        `the switch to ${colourOf(spec.versions[state.to])} is not finished`,
        `Type '${session.actor.command('deploy rollback')}' to return.`,
      );
    if (state.plan !== run.hash)
      throw conflict(
        `the plan is not the one that the switch to ${colourOf(spec.versions[state.to])} was begun with`,
        `Put the file back as it was, or type '${commandsOf(session.actor, state).back}'.`,
      );
    session.refuseDrift();
    if (session.view.unfinished) await session.commit(session.next(state, {}));
    return finish(run, state, watcher);
  }
  const live = liveArm(session);
  const to = wanted === undefined ? other(live) : armOf[wanted];
  if (to === live) {
    // A switch that was killed before it scaled the old colour down.
    if (state?.kind === 'blue-green' && state.phase === 'promoted' && state.to === to)
      await scaleDownOld(run);
    return {
      state: session.state,
      ending: 'ok',
      did: `${colourOf(spec.versions[to])} is live already`,
      checks: [],
      warnings: [],
    };
  }

  const checks = await beforeSwitch(run, to);
  watcher.saw(checks);
  if (checks.some(({ verdict }) => verdict !== 'passed'))
    return { state, ending: 'failed', did: 'not switched', checks, advice: adviceOn(checks), warnings: [] };
  session.actor.signal.throwIfAborted();
  const now = session.now();
  const begun: RolloutState = {
    format: 1,
    id: newId(),
    app: spec.app,
    kind: 'blue-green',
    phase: 'progressing',
    plan: run.hash,
    versions: spec.versions,
    to,
    steps: [100],
    step: 0,
    weights: allOn(to),
    startedAt: now,
    stepStartedAt: now,
    stoppedAt: undefined,
    stoppedMs: 0,
    blindLooks: 0,
    blindAt: undefined,
    latency: undefined,
    tally: undefined,
    checks,
    reason: undefined,
    holder: session.actor.name,
    scaledDown: undefined,
    history: state?.history ?? [],
  };
  await session.commit(session.next(begun, {}, { action: 'switch', verdict: 'checks passed' }));
  return finish(run, session.state!, watcher);
}

/** What must be true of a colour before it gets the traffic. */
async function beforeSwitch({ session, spec }: BlueGreenRun, to: Arm): Promise<CheckResult[]> {
  const { signal, provider, warn } = session.actor;
  const { workloads } = provider;
  const target = spec.versions[to];
  const old = spec.versions[other(to)];
  const live =
    workloads && old.deployment !== undefined
      ? await workloads.fleet(old.deployment, signal)
      : { ready: 1, desired: 1 };
  const checks: CheckResult[] = [];
  const replicas = await replicasGate(workloads, target, live.ready, signal);
  if (replicas) checks.push(replicas);
  for (const [i, test] of spec.smoke.entries())
    checks.push(await smokeTest(test, target.name, `smoke ${i + 1}`, signal));
  if (!replicas && spec.smoke.length + spec.probes.length === 0 && !spec.analysis)
    warn('nothing is checked: there are no replicas, smoke tests, probes or analysis to judge it by');
  else if (!spec.smoke.some(provesVersion))
    warn(
      'no smoke test has bodyContains, so it is not proved that the new version answers at the preview address',
    );
  return checks;
}

async function finish(run: BlueGreenRun, state: RolloutState, watcher: Watcher): Promise<Switched> {
  const { session } = run;
  const colour = colourOf(run.spec.versions[state.to]);
  const seen = await watch(run, state, watcher);
  if (seen.failed !== undefined) {
    await returnTo(run, other(state.to), 'rejected', seen.failed, seen.checks);
    return {
      state: session.state,
      ending: 'failed',
      did: `returned to ${colourOf(run.spec.versions[other(state.to)])}`,
      checks: seen.checks,
      warnings: [],
    };
  }
  if (seen.undecided) return undecided(run, state, seen);
  const note = { action: 'promote', verdict: seen.watched ? 'passed' : 'not watched' };
  await session.commit(session.next(state, { phase: 'promoted', checks: seen.checks }, note));
  await scaleDownOld(run);
  return {
    state: session.state,
    ending: 'ok',
    did: `switched to ${colour}`,
    checks: seen.checks,
    warnings: [],
  };
}

/** The watch is over, and too little is known: the file says whether traffic stays. */
async function undecided(run: BlueGreenRun, state: RolloutState, { checks }: Watched): Promise<Switched> {
  const { session, spec } = run;
  const colour = (arm: Arm) => colourOf(spec.versions[arm]);
  const reason = 'the watch is over, and there is too little data for a verdict';
  if (spec.analysis?.onInconclusive === 'hold') {
    await session.commit(
      session.next(
        state,
        { phase: 'promoted', checks, reason },
        { action: 'promote', verdict: 'inconclusive', reason },
      ),
    );
    const did = `${colour(state.to)} stays live without a verdict`;
    return { state: session.state, ending: 'inconclusive', did, checks, warnings: [] };
  }
  await returnTo(run, other(state.to), 'inconclusive', reason, checks);
  const did = `returned to ${colour(other(state.to))}`;
  return { state: session.state, ending: 'inconclusive', did, checks, warnings: [] };
}

/** All traffic on the arm again; its replicas are there first. @throws as Session.returnTraffic */
async function returnTo(
  run: Colours,
  to: Arm,
  verdict: string,
  reason: string,
  checks: readonly CheckResult[],
): Promise<void> {
  const { session, spec } = run;
  const returned = (base: RolloutState) =>
    session.next(
      base,
      { phase: 'aborted', weights: allOn(to), reason, checks, scaledDown: undefined },
      { action: 'rollback', verdict, reason },
    );
  const signal = withGrace(session.actor.signal, GRACE_MS);
  try {
    await scaleUp(run, to, signal);
    await requireReady(session, spec.versions[to], signal);
  } catch (thrown) {
    const error = signal.aborted ? (signal.reason as unknown) : thrown;
    if (!(error instanceof UserError) || isOthers(error)) throw error;
    return session.rollbackFailed(returned(session.state!), error);
  }
  await session.returnTraffic(returned);
}

/** Traffic is better off where some of it is answered. */
async function requireReady({ actor }: Session, version: Version, signal: AbortSignal): Promise<void> {
  const { provider, clock } = actor;
  if (!provider.workloads || version.deployment === undefined) return;
  const { ready, problem } = await patiently(provider.workloads, clock).fleet(version.deployment, signal);
  if (ready === 0)
    throw new ServiceUnavailable(`no replica of ${version.deployment} is ready`, {
      hint: problem ?? `Look with 'kubectl describe deployment ${version.deployment}'.`,
    });
}

/** To the colour that was live before the last switch. @throws UserError exit 4 when there was none */
export async function rollback(run: Colours): Promise<Switched> {
  const { session, spec } = run;
  const { state } = session;
  if (state?.kind === 'canary' && !isOver(state))
    throw conflict(
      `a canary is ${state.phase} on this route`,
      `Type '${commandsOf(session.actor, state).back}'.`,
    );
  if (!state || state.kind !== 'blue-green' || state.phase === 'idle')
    throw conflict(
      'there was no switch that could be taken back',
      `Type '${session.actor.command('deploy status')}' to see what is live.`,
    );
  if (state.phase === 'aborted')
    return {
      state,
      ending: 'ok',
      did: `nothing to do: ${colourOf(spec.versions[liveArm(session)])} is live again`,
      checks: [],
      warnings: [],
    };
  const to = other(state.to);
  await scaleUp(run, to, session.actor.signal);
  const replicas = await replicasGate(
    session.actor.provider.workloads,
    spec.versions[to],
    1,
    session.actor.signal,
  );
  if (replicas?.verdict === 'failed' && replicas.numbers?.ready === 0)
    return {
      state,
      ending: 'failed',
      did: `not returned: no replica of ${colourOf(spec.versions[to])} is ready`,
      checks: [replicas],
      warnings: [],
    };
  const checks = replicas ? [replicas] : [];
  await returnTo(run, to, 'by hand', 'rolled back by hand', checks);
  return {
    state: session.state,
    ending: 'ok',
    did: `returned to ${colourOf(spec.versions[to])}`,
    checks,
    warnings: [],
  };
}
