import { ServiceUnavailable } from '../../core/errors.js';
import { judge } from '../analysis/judge.js';
import type { ArmNames, CheckResult, LatencyBounds } from '../analysis/judgement.js';
import { fixBounds } from '../analysis/latency-bounds.js';
import type { Measurements, Tally } from '../analysis/measurements.js';
import { isAbsence } from '../absence.js';
import { replicasGate } from '../gates.js';
import { smokeTest } from '../smoke.js';
import type { RolloutState } from '../state.js';
import { type BlueGreenRun, other } from './run.js';

export interface Watcher {
  /** Told after each look. */
  saw(checks: readonly CheckResult[]): void;
}

export interface Watched {
  readonly checks: readonly CheckResult[];
  /** Why to return; undefined: nothing was found. */
  readonly failed: string | undefined;
  readonly watched: boolean;
  /** There is an analysis, and its last look was no pass. */
  readonly undecided: boolean;
}

/** Looks every second until the watch is over, or something is wrong for certain. */
export async function watch(run: BlueGreenRun, state: RolloutState, watcher: Watcher): Promise<Watched> {
  const { session, watchMs } = run;
  const { clock, signal } = session.actor;
  const begun = session.now();
  let baseline: Baseline = nothingKnown;
  let checks: readonly CheckResult[] = state.checks;
  let tally: Tally | undefined;
  let isSecond = false;
  let watched = false;
  let undecided = false;
  const said = new Set<string>();
  const say = (warning: string) => {
    if (!said.has(warning)) session.actor.warn(warning);
    said.add(warning);
  };
  // A failure in the last look is looked at once more.
  while (isSecond || session.now() - begun < watchMs) {
    if (baseline === nothingKnown) baseline = await readBaseline(run, state, say);
    await clock.sleep(1000, signal);
    const look = await lookOnce(run, state, baseline, tally);
    ({ checks, tally, undecided } = look);
    look.warnings.forEach(say);
    watched = true;
    watcher.saw(checks);
    const failed = checks.filter(({ verdict }) => verdict === 'failed');
    // The analysis is right at any look; a single probe that failed may be the network's fault.
    if (failed.length > 0 && (isSecond || look.isCertain)) {
      const reason = failed.map(({ name, observed }) => `${name}: ${observed}`).join('; ');
      return { checks, failed: reason, watched, undecided };
    }
    isSecond = failed.length > 0;
  }
  return { checks, failed: undefined, watched, undecided };
}

interface Baseline {
  /** Undefined: the meter remembers nothing, so the old colour is measured beside the new one. */
  readonly old: Measurements | undefined;
  readonly bounds: LatencyBounds | undefined;
}

const nothingKnown: Baseline = { old: undefined, bounds: undefined };

/** What the old colour did in as long a time before the switch. */
async function readBaseline(
  run: BlueGreenRun,
  state: RolloutState,
  say: (warning: string) => void,
): Promise<Baseline> {
  const { meter, spec, session, watchMs } = run;
  if (!meter?.remembers || !spec.analysis) return nothingKnown;
  try {
    const since = state.stepStartedAt - Math.max(watchMs, 60_000);
    const { counts } = await meter.look(since, undefined, session.actor.signal);
    const old = counts[other(state.to)];
    const fixed = old.latency && fixBounds(spec.analysis, old.latency, namesOf(run, state));
    fixed?.warnings.forEach(say);
    return { old, bounds: fixed?.bounds };
  } catch (error) {
    session.actor.signal.throwIfAborted();
    if (!isAbsence(error)) throw error;
    say(`nothing is known of the time before the switch: ${error.message}`);
    return nothingKnown;
  }
}

/** The old colour is judged as stable, the new one as canary; people read their names. */
function namesOf({ spec }: BlueGreenRun, { to }: RolloutState): ArmNames {
  return { stable: spec.versions[other(to)].name, canary: spec.versions[to].name };
}

interface Look {
  readonly checks: CheckResult[];
  readonly tally: Tally | undefined;
  /** The analysis has rejected. */
  readonly isCertain: boolean;
  readonly undecided: boolean;
  readonly warnings: readonly string[];
}

async function lookOnce(
  run: BlueGreenRun,
  state: RolloutState,
  baseline: Baseline,
  tally: Tally | undefined,
): Promise<Look> {
  const { session, spec, meter } = run;
  const { signal } = session.actor;
  const replicas = await lookAtReplicas(run, state);
  const isBlind = replicas?.verdict === 'no-data';
  const probes = await Promise.all(
    spec.probes.map((test, i) => smokeTest(test, spec.versions[state.to].name, `probe ${i + 1}`, signal)),
  );
  const checks = [...(replicas ? [replicas] : []), ...probes];
  if (!meter || !spec.analysis) return { checks, tally, isCertain: false, undecided: isBlind, warnings: [] };
  try {
    const look = await meter.look(state.stepStartedAt, tally, signal);
    const counts = {
      stable: baseline.old ?? look.counts[other(state.to)],
      canary: look.counts[state.to],
    };
    const judgement = judge(spec.analysis, counts, {
      steps: 1,
      bounds: baseline.bounds,
      names: namesOf(run, state),
    });
    return {
      checks: [...checks, ...judgement.checks],
      tally: look.tally,
      isCertain: judgement.verdict === 'reject',
      undecided: isBlind || judgement.verdict === 'wait' || judgement.verdict === 'no-data',
      warnings: [...look.warnings, ...judgement.warnings],
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!isAbsence(error)) throw error;
    const blind: CheckResult = {
      name: 'requests',
      verdict: 'no-data',
      observed: error.message,
      limit: `an answer of ${meter.name}`,
    };
    return { checks: [...checks, blind], tally, isCertain: false, undecided: true, warnings: [] };
  }
}

/** An API that is away for a moment says nothing of the replicas. */
async function lookAtReplicas(
  { session, spec }: BlueGreenRun,
  { to }: RolloutState,
): Promise<CheckResult | undefined> {
  const { signal, provider } = session.actor;
  const version = spec.versions[to];
  try {
    return await replicasGate(provider.workloads, version, 1, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ServiceUnavailable)) throw error;
    const limit = 'an answer of the API server';
    return { name: `replicas ${version.name}`, verdict: 'no-data', observed: error.message, limit };
  }
}
