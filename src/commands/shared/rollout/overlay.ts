import { copyOf } from '../../../lib/core/schema/reference.js';
import { flagName } from '../../../runtime/flags.js';
import type { planFlags, routeFlags, switchFlags } from './flags.js';

type AnyFlags = typeof routeFlags & typeof planFlags & typeof switchFlags;

/** What the flags of any verb give; a verb that lacks a flag leaves it out. */
export type RolloutInput = {
  [K in keyof AnyFlags]?: AnyFlags[K]['initial'] | undefined;
} & { app?: string | undefined };

/** Where a flag's value stands in the rollout's description. Flags that are not here say nothing about it. */
const paths: Partial<Record<keyof RolloutInput, readonly string[]>> = {
  namespace: ['namespace'],
  provider: ['provider'],
  route: ['route'],
  label: ['label'],
  nginxConfig: ['nginx', 'config'],
  nginxBinary: ['nginx', 'binary'],
  envoyAdmin: ['envoy', 'admin'],
  stable: ['stable'],
  canary: ['canary'],
  blue: ['blue'],
  green: ['green'],
  steps: ['steps'],
  interval: ['interval'],
  maxStepDuration: ['maxStepDuration'],
  approval: ['gates', 'approval'],
  commandTimeout: ['gates', 'commandTimeout'],
  prometheus: ['analysis', 'prometheus'],
  requests: ['analysis', 'requests'],
  errors: ['analysis', 'errors'],
  latency: ['analysis', 'latency'],
  probeUrl: ['analysis', 'probe', 'url'],
  probeRate: ['analysis', 'probe', 'rate'],
  probeDuration: ['analysis', 'probe', 'duration'],
  probeTimeout: ['analysis', 'probe', 'timeout'],
  minRequests: ['analysis', 'minRequests'],
  maxErrorIncrease: ['analysis', 'maxErrorIncrease'],
  latencyQuantile: ['analysis', 'latencyQuantile'],
  maxLatencyIncrease: ['analysis', 'maxLatencyIncrease'],
  falseAbort: ['analysis', 'falseAbort'],
  falsePromotion: ['analysis', 'falsePromotion'],
  maxInconclusive: ['analysis', 'maxInconclusive'],
  onInconclusive: ['analysis', 'onInconclusive'],
  smoke: ['smoke'],
  probes: ['probes'],
};

/** Flags that were given, as parts of a description. */
export class Overlay {
  readonly #parts: { path: readonly string[]; value: unknown; flag: string }[] = [];

  constructor(input: RolloutInput) {
    for (const [key, path] of Object.entries(paths)) {
      const given = input[key as keyof RolloutInput];
      if (given === undefined || given === false || (Array.isArray(given) && given.length === 0)) continue;
      const value = key === 'smoke' || key === 'probes' ? (given as string[]).map((url) => ({ url })) : given;
      this.#parts.push({ path, value, flag: flagName(key) });
    }
  }

  /** A copy of a description with the flags' values in it. */
  onto(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const merged = copyOf(data) as Record<string, unknown>;
    for (const { path, value } of this.#parts) put(merged, path, value);
    return merged;
  }

  /** The flag that a value came from; of a mapping, the first of those that it is made of, when `orBelow`. */
  flagAt(path: readonly PropertyKey[], orBelow = false): string | undefined {
    return this.#parts.find((part) => isPrefix(part.path, path) || (orBelow && isPrefix(path, part.path)))
      ?.flag;
  }
}

/** The flag with which a value could be given, whether or not it was. */
export function flagFor(path: readonly PropertyKey[]): string | undefined {
  const found = Object.entries(paths).find(([, known]) => isPrefix(known, path));
  return found && flagName(found[0]);
}

function put(holder: Record<string, unknown>, [key, ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) holder[key!] = value;
  else {
    const inner = (holder[key!] ??= {});
    // What is no mapping is wrong, and is told as such.
    if (isMapping(inner)) put(inner, below, value);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPrefix(prefix: readonly PropertyKey[], path: readonly PropertyKey[]): boolean {
  return prefix.length <= path.length && prefix.every((key, index) => String(key) === String(path[index]));
}
