import type { ProviderName } from './spec.js';

/**
 * A rollout as a person writes it, its values' own checks passed: durations and percentages are text. What may carry a
 * password is a `Secret`: text, or where to find it.
 */
export interface WrittenRollout<Secret = string> {
  app: string;
  namespace?: string;
  provider: ProviderName;
  route: string;
  stable?: WrittenVersion;
  canary?: WrittenVersion;
  blue?: WrittenVersion;
  green?: WrittenVersion;
  label?: string;
  steps?: number[];
  interval?: string;
  maxStepDuration?: string;
  gates?: { command?: string[]; commandTimeout?: string; approval?: boolean };
  analysis?: WrittenAnalysis<Secret>;
  smoke?: WrittenSmoke<Secret>[];
  probes?: WrittenSmoke<Secret>[];
  nginx?: { config?: string; binary?: string };
  envoy?: { admin?: Secret };
}

export interface WrittenVersion {
  name: string;
  deployment?: string;
}

export interface WrittenAnalysis<Secret> {
  prometheus?: Secret;
  requests?: string;
  errors?: string;
  latency?: string;
  probe?: { url: Secret; rate?: number; duration?: string; timeout?: string };
  minRequests?: number;
  maxErrorIncrease?: string;
  latencyQuantile?: number;
  maxLatencyIncrease?: string;
  falseAbort?: string;
  falsePromotion?: string;
  maxInconclusive?: number;
  onInconclusive?: 'abort' | 'hold';
}

export interface WrittenSmoke<Secret> {
  url: Secret;
  status?: number;
  bodyContains?: string;
  headers?: Record<string, Secret>;
  timeout?: string;
}

/** `canary` has stable: and canary:, `blue-green` blue: and green:. */
export type RolloutForm = 'canary' | 'blue-green';

export const pairKeys = { canary: ['stable', 'canary'], 'blue-green': ['blue', 'green'] } as const;

export type WrittenVersions = Pick<WrittenRollout, 'stable' | 'canary' | 'blue' | 'green'>;

/** Of a rollout, what says where it is and between which versions. */
export type WrittenRoute = WrittenVersions &
  Pick<WrittenRollout, 'app' | 'namespace' | 'provider' | 'route' | 'label' | 'nginx' | 'envoy'>;

/** Which versions are named; undefined when none is. */
export function formOf(written: WrittenVersions): RolloutForm | undefined {
  return (['canary', 'blue-green'] as const).find((form) =>
    pairKeys[form].some((key) => written[key] !== undefined),
  );
}
