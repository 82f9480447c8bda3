/** What a rollout's file says, checked and with units resolved: durations in milliseconds, shares from 0 to 1. */
export interface RolloutSpec {
  readonly app: string;
  /** Of Kubernetes; undefined: that of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly provider: ProviderName;
  /** The Service, VirtualService, HTTPRoute or Ingress, or the configuration file, that carries the weights. */
  readonly route: string;
  readonly versions: Pair;
  /** Key of the label that tells the versions' pods apart. */
  readonly label: string;
  /** Asked before anything is switched, at an address where the new version answers already. */
  readonly smoke: readonly SmokeTest[];
  /** Blue-green: asked again and again after the switch, at the address that users have. */
  readonly probes: readonly SmokeTest[];
  readonly analysis: AnalysisSpec | undefined;
  /** What `canary` does; undefined in a file with `blue:` and `green:`. */
  readonly canary: CanarySpec | undefined;
  readonly nginx: NginxSpec;
  readonly envoy: EnvoySpec;
}

/** What is enough to look at a rollout and to stop it. The versions may be known to the route's state alone. */
export interface RouteSpec extends Pick<
  RolloutSpec,
  'app' | 'namespace' | 'provider' | 'route' | 'label' | 'nginx' | 'envoy'
> {
  readonly versions: Pair | undefined;
  /** Undefined where nothing but the route is described. */
  readonly canary: Pick<CanarySpec, 'intervalMs'> | undefined;
}

export const providerNames = ['service', 'istio', 'gateway-api', 'nginx-ingress', 'nginx', 'envoy'] as const;
export type ProviderName = (typeof providerNames)[number];

/**
 * The two versions. `stable` is where traffic comes from and goes back to: for blue-green, the colour that is live
 * when a switch begins.
 */
export interface Pair {
  readonly stable: Version;
  readonly canary: Version;
}

export type Arm = keyof Pair;

/** Whether a route's weights for the one are those for the other. */
export function samePair(a: Pair, b: Pair): boolean {
  return a.stable.name === b.stable.name && a.canary.name === b.canary.name;
}

export interface Version {
  /** The subset, backend Service or upstream; with provider `service`, the value that the selector's label takes. */
  readonly name: string;
  /** The Deployment behind it; undefined without Kubernetes. */
  readonly deployment: string | undefined;
  /** Blue-green: the colour. */
  readonly colour: Colour | undefined;
}

export type Colour = 'blue' | 'green';

export interface CanarySpec {
  /** Percent of the traffic, ascending; the last one is 100. */
  readonly steps: readonly number[];
  /** Least time in a step. */
  readonly intervalMs: number;
  readonly maxStepDurationMs: number;
  readonly gates: GatesSpec;
}

export interface GatesSpec {
  /** Run before each step, without a shell; exit 0 lets it pass. */
  readonly command: readonly string[] | undefined;
  readonly commandTimeoutMs: number;
  /** Each step waits for `canary promote`. */
  readonly approval: boolean;
}

export interface AnalysisSpec {
  /** Where the expressions are asked; undefined: metrify probes the versions itself, see `probe`. */
  readonly prometheus: string | undefined;
  /** PromQL with `{{version}}` and `{{window}}`. */
  readonly requests: string | undefined;
  readonly errors: string | undefined;
  readonly latency: string | undefined;
  readonly probe: ProbeSpec | undefined;
  readonly minRequests: number;
  /** Percentage points, as a share: 1% is 0.01. */
  readonly maxErrorIncrease: number;
  readonly latencyQuantile: number;
  readonly maxLatencyIncrease: number;
  readonly falseAbort: number;
  readonly falsePromotion: number;
  /** Looks without data before the step counts as inconclusive. */
  readonly maxInconclusive: number;
  readonly onInconclusive: 'abort' | 'hold';
}

export interface ProbeSpec {
  /** With `{{version}}`, for the version's name. */
  readonly url: string;
  /** Requests a second to each version. */
  readonly rate: number;
  /** How long one look probes. */
  readonly durationMs: number;
  readonly timeoutMs: number;
}

export interface SmokeTest {
  readonly url: string;
  readonly status: number;
  /** Proves which version answered. */
  readonly bodyContains: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface NginxSpec {
  /** The main configuration that includes the route's file; undefined: the one NGINX was built with. */
  readonly config: string | undefined;
  readonly binary: string;
}

export interface EnvoySpec {
  /** The admin interface, asked whether Envoy took the file; undefined: not asked. */
  readonly admin: string | undefined;
}
