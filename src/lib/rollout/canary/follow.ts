import { withGrace } from '../../core/abort.js';
import { errorMessage, Interrupted, ServiceConflict, ServiceUnavailable } from '../../core/errors.js';
import { GRACE_MS, ROLLBACK_FAILED, type Session } from '../session.js';
import type { RolloutState } from '../state.js';
import type { CanaryRun } from './run.js';
import { step, type Stepped } from './step.js';
import { holdHere } from './stop.js';

/** A follower's looks that bring nothing new are kept on the route only so often, in milliseconds. */
const PERSIST_EVERY_MS = 30_000;
/** What keeps the route may be away so long, in milliseconds; the lease has its own time. */
const AWAY_FOR_MS = 60_000;

export interface Follower {
  /** Time between two looks, in milliseconds; undefined: a tenth of the interval, 1 to 5 s. */
  readonly everyMs: number | undefined;
  /** Told after each look. */
  saw(stepped: Stepped, state: RolloutState): void;
}

/**
 * Steps until the rollout is over, paused, or holding. When the signal is aborted the rollout holds.
 * @throws the signal's reason; as `step`, but of a service that is away only when it stays away
 */
export async function follow(run: CanaryRun, follower: Follower): Promise<Stepped> {
  const { actor, canary, session } = run;
  const pause = follower.everyMs ?? Math.min(5000, Math.max(1000, canary.intervalMs / 10));
  let kept = -Infinity;
  let answered = actor.clock.monotonic();
  let last: RolloutState | undefined;
  try {
    for (let isFirst = true; ; isFirst = false) {
      const now = actor.clock.monotonic();
      const persist = now - kept >= PERSIST_EVERY_MS;
      try {
        if (!isFirst) await session.refresh();
        const stepped = await step(run, persist);
        answered = actor.clock.monotonic();
        if (persist) kept = now;
        last = stepped.state;
        if (stepped.state) follower.saw(stepped, stepped.state);
        if (stepped.state?.phase !== 'progressing') return stepped;
      } catch (error) {
        const isAway = error instanceof ServiceUnavailable && error.code !== ROLLBACK_FAILED;
        if (!isAway || actor.signal.aborted || now - answered > AWAY_FOR_MS) throw error;
        actor.warn(`${errorMessage(error)}; trying again`);
      }
      await actor.clock.sleep(pause, actor.signal);
    }
  } catch (error) {
    // What was rejected is not held.
    const isRejected = error instanceof ServiceUnavailable && error.code === ROLLBACK_FAILED;
    if (actor.signal.reason instanceof Interrupted && !isRejected)
      await hold(session, last, actor.signal.reason.message, withGrace(actor.signal, GRACE_MS)).catch(
        (problem: unknown) =>
          actor.warn(`it could not be kept that this rollout holds: ${errorMessage(problem)}`),
      );
    throw error;
  }
}

/** Reads first: the signal may have come while a change of our own was under way, whose answer was not waited for. */
async function hold(
  session: Session,
  last: RolloutState | undefined,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.refresh(signal);
      return await holdHere(session, last, reason, signal);
    } catch (error) {
      if (!(error instanceof ServiceConflict) || error.code === 'LEASE_LOST' || attempt === 3) throw error;
    }
  }
}
