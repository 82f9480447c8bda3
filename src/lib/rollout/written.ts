import type { Rollout } from './section.js';

/** `canary` has stable: and canary:, `blue-green` blue: and green:. */
export type RolloutForm = 'canary' | 'blue-green';

export const pairKeys = { canary: ['stable', 'canary'], 'blue-green': ['blue', 'green'] } as const;

export type WrittenVersions = Pick<Rollout, 'stable' | 'canary' | 'blue' | 'green'>;
export type WrittenVersion = NonNullable<Rollout['stable']>;

/** Of a rollout, what says where it is and between which versions. */
export type WrittenRoute = WrittenVersions &
  Pick<
    Rollout,
    'app' | 'namespace' | 'provider' | 'route' | 'label' | 'nginx' | 'envoy' | 'steps' | 'interval'
  >;

/** Which versions are named; undefined when none is. */
export function formOf(written: WrittenVersions): RolloutForm | undefined {
  return (['canary', 'blue-green'] as const).find((form) =>
    pairKeys[form].some((key) => written[key] !== undefined),
  );
}
