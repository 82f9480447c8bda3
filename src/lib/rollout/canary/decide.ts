import type { CheckResult, Judgement } from '../analysis/judgement.js';
import type { AnalysisSpec, CanarySpec } from '../spec.js';
import type { RolloutState } from '../state.js';
import { counted } from '../../core/units.js';

/** What a look at a running step leads to. */
export type Decision =
  | { readonly kind: 'advance' | 'wait' }
  | { readonly kind: 'reject' | 'inconclusive'; readonly reason: string };

/**
 * Time of the step in which it was paused or held, in milliseconds. Never less than is known already: two processes
 * have the time of their service to about a second, so `now` may lie before what another one wrote.
 */
export function stopped(state: RolloutState, now: number): number {
  return state.stoppedMs + (state.stoppedAt === undefined ? 0 : Math.max(0, now - state.stoppedAt));
}

/** Time that the step has run, in milliseconds, without what it was paused or held. */
export function elapsed(state: RolloutState, now: number): number {
  return Math.max(0, now - state.stepStartedAt - stopped(state, now));
}

/** A look of cron, each minute, always counts. In milliseconds. */
const MOST_BETWEEN_BLIND_LOOKS_MS = 30_000;

/**
 * The looks without data that this one makes. Looks may come every second: one of them counts in each
 * `interval / maxInconclusive`, half a minute at most, so that the first scrape may take its time.
 */
export function countBlind(
  state: RolloutState,
  verdict: Judgement['verdict'],
  canary: CanarySpec,
  analysis: AnalysisSpec,
  now: number,
): Pick<RolloutState, 'blindLooks' | 'blindAt'> {
  if (verdict !== 'no-data') return { blindLooks: 0, blindAt: undefined };
  const since = now - (state.blindAt ?? state.stepStartedAt);
  if (since < Math.min(canary.intervalMs / analysis.maxInconclusive, MOST_BETWEEN_BLIND_LOOKS_MS))
    return { blindLooks: state.blindLooks, blindAt: state.blindAt };
  return { blindLooks: state.blindLooks + 1, blindAt: now };
}

/** Pure: `blindLooks` is already that of this look. */
export function decide(
  state: RolloutState,
  judgement: Judgement,
  blindLooks: number,
  canary: CanarySpec,
  maxInconclusive: number,
  now: number,
): Decision {
  const ran = elapsed(state, now);
  switch (judgement.verdict) {
    case 'reject': {
      const failed = judgement.checks.filter(({ verdict }) => verdict === 'failed');
      return { kind: 'reject', reason: listed(failed) };
    }
    case 'pass':
      return { kind: ran >= canary.intervalMs ? 'advance' : 'wait' };
    case 'no-data':
      if (blindLooks >= maxInconclusive)
        return { kind: 'inconclusive', reason: `${counted(blindLooks, 'look')} found no data` };
      break;
    case 'wait':
      break;
  }
  if (ran < canary.maxStepDurationMs) return { kind: 'wait' };
  const open = judgement.checks.filter(({ verdict }) => verdict !== 'passed');
  return { kind: 'inconclusive', reason: `maxStepDuration is over without a verdict: ${listed(open)}` };
}

function listed(checks: readonly CheckResult[]): string {
  return checks.map(({ name, observed, limit }) => `${name}: ${observed} (limit ${limit})`).join('; ');
}
