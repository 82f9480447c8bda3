import type { Meter } from '../analysis/measurements.js';
import { conflict, type Session } from '../session.js';
import type { Arm, Colour, RolloutSpec, Version } from '../spec.js';
import type { Weights } from '../route.js';

/** What the verbs of `deploy` work with; on the route, blue is `stable` and green is `canary`. */
export interface BlueGreenPlan {
  readonly spec: RolloutSpec;
  readonly hash: string;
  /** Undefined: probes and replicas decide. */
  readonly meter: Meter | undefined;
  /** How long a switch is watched, in milliseconds. */
  readonly watchMs: number;
  /** Scale the old colour to 0 so long after the switch; undefined: it stays. */
  readonly scaleDownAfterMs: number | undefined;
}

/** Enough to return traffic. */
export interface Colours {
  readonly session: Session;
  readonly spec: Pick<RolloutSpec, 'app' | 'versions'>;
}

export interface BlueGreenRun extends BlueGreenPlan {
  readonly session: Session;
}

export const armOf: Record<Colour, Arm> = { blue: 'stable', green: 'canary' };

export function colourOf(version: Version): Colour {
  return version.colour ?? 'blue';
}

export function other(arm: Arm): Arm {
  return arm === 'stable' ? 'canary' : 'stable';
}

export function allOn(arm: Arm): Weights {
  return arm === 'stable' ? { stable: 100, canary: 0 } : { stable: 0, canary: 100 };
}

/** The arm that has all the traffic. @throws UserError exit 4 when both have some */
export function liveArm({ view, actor }: Session): Arm {
  const { route } = actor.provider;
  const live = (['stable', 'canary'] as const).find((arm) => route.shows(view, allOn(arm)));
  if (live) return live;
  throw conflict(
    `${route.name} shares its traffic, ${view.weights.stable} to ${view.weights.canary}; blue-green has all of it on one colour`,
    'Set the weights to 100 and 0 by hand, or finish the canary that runs.',
  );
}
