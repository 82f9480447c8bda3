import { Unresolved } from '../core/schema/reference.js';
import { parseDuration, parsePercent } from '../core/units.js';
import { defaults } from './defaults.js';
import { isFileProvider } from './names.js';
import type {
  AnalysisSpec,
  CanarySpec,
  Pair,
  ProbeSpec,
  RolloutSpec,
  RouteSpec,
  SmokeTest,
  Version,
} from './spec.js';
import type { Rollout } from './section.js';
import { formOf, pairKeys, type WrittenRoute } from './written.js';

export interface Surroundings {
  /** Where expressions are asked when the rollout does not say it. */
  prometheus: string | undefined;
  /** A path made absolute; `key` says where it stands in the rollout. */
  resolvePath(key: 'route' | 'nginx.config' | 'nginx.binary', text: string): string;
}

/**
 * The route, and the versions where both are named: enough to look at a rollout and to stop it. The values were checked
 * before.
 */
export function readRouteSpec(written: WrittenRoute, { resolvePath }: Surroundings): RouteSpec {
  const { app, namespace, provider, route, label, nginx = {}, envoy } = written;
  const binary = nginx.binary ?? defaults.nginx.binary;
  return {
    app,
    namespace,
    provider,
    route: isFileProvider(provider) ? resolvePath('route', route) : route,
    label: label ?? defaults.label,
    versions: readPair(written),
    canary:
      written.steps === undefined && written.interval === undefined
        ? undefined
        : { intervalMs: readInterval(written) },
    nginx: {
      config: nginx.config === undefined ? undefined : resolvePath('nginx.config', nginx.config),
      // A bare name is looked for in PATH.
      binary: binary.includes('/') ? resolvePath('nginx.binary', binary) : binary,
    },
    // Looking and stopping take no secret; all else is read when every reference was looked up.
    envoy: { admin: (envoy?.admin as unknown) instanceof Unresolved ? undefined : envoy?.admin },
  };
}

/** The whole rollout, of which nothing is missing. The values were checked before. */
export function readSpec(written: Rollout, surroundings: Surroundings): RolloutSpec {
  const routeSpec = readRouteSpec(written, surroundings);
  if (routeSpec.versions === undefined) throw new Error('a rollout without versions was not refused');
  return {
    ...routeSpec,
    versions: routeSpec.versions,
    smoke: (written.smoke ?? []).map(readSmoke),
    probes: (written.probes ?? []).map(readSmoke),
    analysis: written.analysis && readAnalysis(written.analysis, surroundings.prometheus),
    canary: formOf(written) === 'canary' ? readCanary(written) : undefined,
  };
}

/** Of blue and green, blue stands as stable: which colour is live, only the route knows. */
function readPair(written: WrittenRoute): Pair | undefined {
  const form = formOf(written);
  if (form === undefined) return undefined;
  const [stable, canary] = pairKeys[form].map((key): Version | undefined => {
    const version = written[key];
    return (
      version && {
        name: version.name,
        deployment: isFileProvider(written.provider) ? undefined : version.deployment,
        colour: key === 'blue' || key === 'green' ? key : undefined,
      }
    );
  });
  return stable && canary && { stable, canary };
}

function readInterval({ interval }: Pick<Rollout, 'interval'>): number {
  return interval ?? parseDuration(defaults.interval);
}

function readCanary({ steps, interval, maxStepDuration, gates = {} }: Rollout): CanarySpec {
  const given: readonly number[] = steps ?? defaults.steps;
  return {
    steps: given.at(-1) === 100 ? given : [...given, 100],
    intervalMs: readInterval({ interval }),
    maxStepDurationMs: maxStepDuration ?? parseDuration(defaults.maxStepDuration),
    gates: {
      command: gates.command,
      commandTimeoutMs: gates.commandTimeout ?? parseDuration(defaults.gates.commandTimeout),
      approval: gates.approval ?? defaults.gates.approval,
    },
  };
}

function readAnalysis(
  written: NonNullable<Rollout['analysis']>,
  prometheus: string | undefined,
): AnalysisSpec {
  const { analysis: usual } = defaults;
  return {
    prometheus: written.requests === undefined ? undefined : (written.prometheus ?? prometheus),
    requests: written.requests,
    errors: written.errors,
    latency: written.latency,
    probe: written.probe && readProbe(written.probe),
    minRequests: written.minRequests ?? usual.minRequests,
    maxErrorIncrease: written.maxErrorIncrease ?? parsePercent(usual.maxErrorIncrease),
    latencyQuantile: written.latencyQuantile ?? usual.latencyQuantile,
    maxLatencyIncrease: written.maxLatencyIncrease ?? parsePercent(usual.maxLatencyIncrease),
    falseAbort: written.falseAbort ?? parsePercent(usual.falseAbort),
    falsePromotion: written.falsePromotion ?? parsePercent(usual.falsePromotion),
    maxInconclusive: written.maxInconclusive ?? usual.maxInconclusive,
    onInconclusive: written.onInconclusive ?? usual.onInconclusive,
  };
}

function readSmoke(written: NonNullable<Rollout['smoke']>[number]): SmokeTest {
  return {
    url: written.url,
    status: written.status ?? defaults.smoke.status,
    bodyContains: written.bodyContains,
    headers: written.headers ?? {},
    timeoutMs: written.timeout ?? parseDuration(defaults.smoke.timeout),
  };
}

function readProbe(written: NonNullable<NonNullable<Rollout['analysis']>['probe']>): ProbeSpec {
  return {
    url: written.url,
    rate: written.rate ?? defaults.probe.rate,
    durationMs: written.duration ?? parseDuration(defaults.probe.duration),
    timeoutMs: written.timeout ?? parseDuration(defaults.probe.timeout),
  };
}
