import type { Meter } from '../analysis/measurements.js';
import { type Actor, commandsOf, conflict, type Session } from '../session.js';
import { planHash } from '../plan-hash.js';
import type { CanarySpec, RolloutSpec } from '../spec.js';
import { isOver, type RolloutState } from '../state.js';

/** What the verbs that follow the plan work with. */
export interface CanaryPlan {
  readonly spec: RolloutSpec;
  readonly canary: CanarySpec;
  /** Hash of the plan. */
  readonly hash: string;
  /** Undefined: there is no analysis; replicas and gates decide. */
  readonly meter: Meter | undefined;
}

export interface CanaryRun extends CanaryPlan {
  readonly actor: Actor;
  readonly session: Session;
}

export function openRun(plan: CanaryPlan, session: Session): CanaryRun {
  return { ...plan, session, actor: session.actor };
}

/** How a verb ended: the exit code follows from it. */
export type Ending = 'ok' | 'failed' | 'inconclusive';

/** @throws UserError exit 4 when a switch of colours is under way on the route */
export function refuseSwitch({ state, actor }: Session): void {
  if (state?.kind !== 'blue-green' || isOver(state)) return;
  throw conflict(
    `a switch of colours is ${state.phase} on this route`,
    `Type '${commandsOf(actor, state).onward}' to finish it, '${commandsOf(actor, state).back}' to return its traffic.`,
  );
}

/** @throws UserError exit 4 when its rollback failed */
export function refuseFailed({ state, actor }: Session): void {
  if (state?.phase !== 'failed') return;
  throw conflict(
    `the rollback of this rollout failed: ${state.reason ?? ''}`,
    `Type '${actor.command('canary abort')}'.`,
  );
}

/** @throws UserError exit 4 when the rollout was begun with another plan */
export function refuseOtherPlan(state: RolloutState, { hash, spec, actor }: CanaryRun): void {
  // Somebody may have edited the versions beside the hash.
  if (state.plan === hash && planHash({ ...spec, versions: state.versions }) === hash) return;
  throw conflict(
    `the plan is not the one that this rollout was started with (${state.versions.stable.name} → ${state.versions.canary.name})`,
    `Put the file back as it was, or type '${actor.command('canary abort')}' and start again.`,
  );
}
