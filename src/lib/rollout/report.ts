import type { CheckResult } from './analysis/judgement.js';
import { isHeld } from './lease.js';
import { elapsed } from './canary/decide.js';
import { waitsFor, type WaitingPlan } from './canary/waits.js';
import { type Actor, describeDrift, type Session } from './session.js';
import { type Pair, type RouteSpec, samePair } from './spec.js';
import { type HistoryEntry, type Phase, runningPhases } from './state.js';
import type { Weights } from './route.js';

/** How a rollout stands; what every verb prints. */
export interface RolloutReport {
  readonly app: string;
  readonly provider: string;
  readonly route: string;
  readonly phase: Phase;
  /** Names; null where no rollout ever ran and none is described. */
  readonly versions: { readonly stable: string; readonly canary: string } | null;
  /** Blue-green: the colour that has the traffic. */
  readonly live: 'blue' | 'green' | null;
  /** From 1; 0 when nothing runs. */
  readonly step: number;
  readonly steps: readonly number[];
  /** Percent of the traffic as the route says it now. For blue-green, `stable` is the colour that is live. */
  readonly weights: Weights;
  readonly revision: string;
  /** Who is at work on it now. */
  readonly holder: string | null;
  readonly checks: readonly CheckResult[];
  /** What came of it last: `passed`, `rejected`, `by hand`, … */
  readonly verdict: string;
  readonly reason: string | null;
  readonly startedAt: string | null;
  readonly stepStartedAt: string | null;
  /** Time in the step, in milliseconds, without pauses. */
  readonly stepElapsedMs: number | null;
  /** What a running step waits for: `2m of at least 5m in this step`. */
  readonly waitsFor: readonly string[];
  readonly history: readonly ReportedEntry[];
  /** The weights are not those that were set last; a change was cut short. */
  readonly problems: readonly string[];
  /** What can be typed next. */
  readonly next: readonly { readonly command: string; readonly does: string }[];
}

export interface ReportedEntry extends Omit<HistoryEntry, 'at'> {
  readonly at: string;
}

/** @throws as LeaseStore.read */
export async function report(session: Session, spec: ReportedSpec): Promise<RolloutReport> {
  const { route } = session.actor.provider;
  const { record } = await route.leases.read(session.actor.signal);
  const holder = record && isHeld(record, route.leases.now()) ? record.holder : null;
  return sketch(session, spec, holder);
}

type ReportedSpec = Pick<RouteSpec, 'app' | 'provider'> & WaitingPlan & { readonly versions: Pair };

/** The report by whoever knows who holds the lease, or holds it. Pure. */
export function sketch(session: Session, spec: ReportedSpec, holder: string | null = null): RolloutReport {
  const { view, actor } = session;
  const { route } = actor.provider;
  const history = session.state?.history ?? [];
  // What is kept of an earlier pair says nothing of this one but its history.
  const state = session.state && samePair(session.state.versions, spec.versions) ? session.state : undefined;
  const isRunning = state !== undefined && runningPhases.includes(state.phase);
  const drift =
    state && !view.unfinished && !route.shows(view, state.weights)
      ? [describeDrift(state, view, route.name)]
      : [];
  const problems = [
    ...(view.unfinished ? [`${route.name}: a change was cut short; the next command finishes it`] : []),
    ...drift,
  ];
  const names = spec.versions;
  const isBlueGreen = names.stable.colour !== undefined;
  const liveArm = view.weights.canary > view.weights.stable ? 'canary' : 'stable';
  return {
    app: spec.app,
    provider: spec.provider,
    route: route.name,
    phase: state?.phase ?? 'idle',
    versions: { stable: names.stable.name, canary: names.canary.name },
    live: isBlueGreen ? (names[liveArm].colour ?? null) : null,
    step: isRunning ? state.step + 1 : 0,
    steps: state?.steps ?? [],
    weights:
      isBlueGreen && liveArm === 'canary'
        ? { stable: view.weights.canary, canary: view.weights.stable }
        : view.weights,
    revision: view.revision,
    holder,
    checks: state?.checks ?? [],
    verdict: (state && history.at(-1)?.verdict) ?? 'none',
    reason: state?.reason ?? null,
    startedAt: state ? new Date(state.startedAt).toISOString() : null,
    stepStartedAt: isRunning ? new Date(state.stepStartedAt).toISOString() : null,
    stepElapsedMs: isRunning ? elapsed(state, session.now()) : null,
    waitsFor: state ? waitsFor(state, spec, session.now()) : [],
    history: history.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })),
    problems,
    next: nextCommands(state?.kind ?? 'canary', state?.phase ?? 'idle', actor, (verb) =>
      holder !== null || (drift.length > 0 && !returning.includes(verb)) ? ' --take-over' : '',
    ),
  };
}

function nextCommands(
  kind: 'canary' | 'blue-green',
  phase: Phase,
  { command }: Actor,
  more: (verb: string) => string,
): RolloutReport['next'] {
  const group = kind === 'canary' ? 'canary' : 'deploy';
  return (nextVerbs[kind][phase] ?? []).map(([verb, does]) => ({
    command: command(`${group} ${verb}`) + more(verb),
    does,
  }));
}

/** Whatever the weights are. */
const returning: readonly string[] = ['abort', 'rollback'];

type Next = readonly (readonly [verb: string, does: string])[];

const stopped: Next = [
  ['resume', 'continues judging'],
  ['promote', 'continues with the next step'],
  ['abort', 'returns all traffic'],
];

const nextVerbs: Record<'canary' | 'blue-green', Partial<Record<Phase, Next>>> = {
  canary: {
    progressing: [
      ['step', 'judges once'],
      ['promote', 'continues now'],
      ['abort', 'returns all traffic'],
    ],
    paused: stopped,
    holding: stopped,
    failed: [['abort', 'returns all traffic']],
  },
  'blue-green': {
    progressing: [
      ['switch', 'continues watching'],
      ['rollback', 'returns the traffic'],
    ],
    promoted: [['rollback', 'returns the traffic']],
    failed: [['rollback', 'returns the traffic']],
  },
};
