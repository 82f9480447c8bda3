import { createHash, randomBytes } from 'node:crypto';

import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { type CheckResult, checkVerdicts, type LatencyBounds } from './analysis/judgement.js';
import type { Tally } from './analysis/measurements.js';
import type { Weights } from './route.js';
import type { Arm, Pair } from './spec.js';

export const phases = ['idle', 'progressing', 'paused', 'holding', 'promoted', 'aborted', 'failed'] as const;
export type Phase = (typeof phases)[number];
export const runningPhases: readonly Phase[] = ['progressing', 'paused', 'holding'];

/** Nothing is under way, and nothing waits for somebody to mend it. */
export function isOver({ phase }: Pick<RolloutState, 'phase'>): boolean {
  return phase !== 'failed' && !runningPhases.includes(phase);
}

/**
 * What is kept on the route while a rollout runs and after it. It is data that anybody may have edited: it names
 * versions, times and numbers, never a command or a URL. Times in milliseconds since the epoch.
 */
export interface RolloutState {
  readonly format: 1;
  /** Of this run of the rollout. */
  readonly id: string;
  readonly app: string;
  readonly kind: 'canary' | 'blue-green';
  readonly phase: Phase;
  /** Hash of the plan that it was started with. */
  readonly plan: string;
  readonly versions: Pair;
  /** The version that traffic is shifted to. */
  readonly to: Arm;
  /** Percent; blue-green: `[100]`. */
  readonly steps: readonly number[];
  /** Index into `steps` of the step that is running, or was the last to run. */
  readonly step: number;
  /** As they were set last. */
  readonly weights: Weights;
  readonly startedAt: number;
  readonly stepStartedAt: number;
  /** When it was paused or began to hold; undefined while it runs. */
  readonly stoppedAt: number | undefined;
  /** Time of this step in which it was paused or held; counts neither towards interval nor towards maxStepDuration. */
  readonly stoppedMs: number;
  /** Looks in a row that found no data, and when the last of them was counted. */
  readonly blindLooks: number;
  readonly blindAt: number | undefined;
  readonly latency: LatencyBounds | undefined;
  /** A probing meter's counts of this step. */
  readonly tally: Tally | undefined;
  /** The last look's checks, without their numbers. */
  readonly checks: readonly CheckResult[];
  /** Why the phase is what it is, where it needs saying. */
  readonly reason: string | undefined;
  /** Who wrote this last. */
  readonly holder: string;
  /** Blue-green: replicas that the old colour had before it was scaled down. */
  readonly scaledDown: number | undefined;
  readonly history: readonly HistoryEntry[];
}

/** One change: who, when, from, to, verdict. */
export interface HistoryEntry {
  readonly at: number;
  readonly who: string;
  /** `start`, `step`, `promote`, `abort`, … */
  readonly action: string;
  readonly from: Weights;
  readonly to: Weights;
  readonly phase: Phase;
  /** `passed`, `rejected`, `by hand`, … */
  readonly verdict: string;
  readonly reason?: string;
  /** Names of stable and canary then. */
  readonly versions: readonly string[];
}

/** An annotation may be 256 KiB; the history stays far below. */
const HISTORY_LENGTH = 50;

export function withHistory(state: RolloutState, entry: HistoryEntry): RolloutState {
  return { ...state, history: [...state.history, entry].slice(-HISTORY_LENGTH) };
}

export function newId(): string {
  return randomBytes(6).toString('hex');
}

/** The longest text that is kept: a service's error message has no bound of its own. */
const TEXT_LENGTH = 500;

export function encodeState(state: RolloutState): string {
  return JSON.stringify({ ...state, checks: plainChecks(state.checks) }, (_, value: unknown) =>
    typeof value === 'string' ? keptText(value) : value,
  );
}

/** One line that a terminal shows as it stands. */
function keptText(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ');
  return line.length <= TEXT_LENGTH ? line : `${line.slice(0, TEXT_LENGTH - 1)}…`;
}

/** Without their numbers. */
function plainChecks(checks: readonly CheckResult[]): CheckResult[] {
  return checks.map(({ name, verdict, observed, limit }) => ({ name, verdict, observed, limit }));
}

/** For messages and comparisons: which state this is. */
export function stateRevision(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex')
    .slice(0, 12);
}

/**
 * Reads what is kept on the route.
 * @throws UserError exit 4 when it is not what metrify writes
 */
export function decodeState(text: string, where: string): RolloutState {
  const broken = (what: string) =>
    new UserError(`metrify's state on ${where} cannot be read: ${what}`, {
      code: 'STATE_BROKEN',
      exitCode: ExitCode.refused,
      hint: 'Somebody edited it. Set the weights as they should be, remove the annotation metrify.dev/rollout (of a file: .NAME.metrify.json beside it), and start again.',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken('it is no JSON');
  }
  if (!isRecord(value)) throw broken('it is no object');
  if (value.format !== 1)
    throw broken('its format is not 1; a newer metrify may have written it, or nobody did');
  const wrong = firstWrong(value);
  if (wrong) throw broken(`'${wrong}' is not what it should be`);
  const state = value as unknown as RolloutState;
  return { ...state, checks: plainChecks(state.checks) };
}

type Test = (value: unknown) => boolean;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Control characters would reach the terminal of whoever asks for the status. */
const isText: Test = (value) => typeof value === 'string' && value.length <= 4096 && !/\p{Cc}/u.test(value);
const isNumber: Test = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
/** What a Date can hold. */
const isTime: Test = (value) => isNumber(value) && (value as number) <= 8.64e15;
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPercent: Test = (value) => isNumber(value) && (value as number) <= 100;
const maybe =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);
const oneOf =
  (...values: readonly unknown[]): Test =>
  (value) =>
    values.includes(value);
const shape =
  (tests: Record<string, Test>): Test =>
  (value) =>
    isRecord(value) && Object.entries(tests).every(([key, test]) => test(value[key]));
const list =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) && value.every(test);

const isWeights: Test = (value) =>
  shape({ stable: isPercent, canary: isPercent })(value) &&
  Math.abs((value as Weights).stable + (value as Weights).canary - 100) < 1e-6;
const isVersion = shape({
  name: isText,
  deployment: maybe(isText),
  colour: maybe(oneOf('blue', 'green')),
});
const isTallyArm = shape({
  requests: isCount,
  errors: isCount,
  buckets: (value) => isRecord(value) && Object.values(value).every(isCount),
});

const fields: Record<Exclude<keyof RolloutState, 'format'>, Test> = {
  id: isText,
  app: isText,
  kind: oneOf('canary', 'blue-green'),
  phase: oneOf(...phases),
  plan: isText,
  versions: shape({ stable: isVersion, canary: isVersion }),
  to: oneOf('stable', 'canary'),
  steps: list(isPercent),
  step: isCount,
  weights: isWeights,
  startedAt: isTime,
  stepStartedAt: isTime,
  stoppedAt: maybe(isTime),
  stoppedMs: isNumber,
  blindLooks: isCount,
  blindAt: maybe(isTime),
  latency: maybe(shape({ stable: isNumber, canary: isNumber })),
  tally: maybe(shape({ stable: isTallyArm, canary: isTallyArm })),
  checks: list(shape({ name: isText, verdict: oneOf(...checkVerdicts), observed: isText, limit: isText })),
  reason: maybe(isText),
  holder: isText,
  scaledDown: maybe(isCount),
  history: list(
    shape({
      at: isTime,
      who: isText,
      action: isText,
      from: isWeights,
      to: isWeights,
      phase: oneOf(...phases),
      verdict: isText,
      reason: maybe(isText),
      versions: list(isText),
    }),
  ),
};

function firstWrong(value: Record<string, unknown>): string | undefined {
  const found = Object.entries(fields).find(([key, test]) => !test(value[key]));
  if (found) return found[0];
  const { step, steps, phase, weights, to } = value as unknown as RolloutState;
  if (step >= steps.length) return 'step';
  // At its end one version has all the traffic.
  const isWrong = (phase === 'promoted' && weights[to] !== 100) || (phase === 'aborted' && weights[to] !== 0);
  return isWrong ? 'phase' : undefined;
}
