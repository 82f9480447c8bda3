import { hostname } from 'node:os';

import { UserError } from '../../../lib/core/errors.js';
import { shellWord } from '../../../lib/core/shell.js';
import { userName } from '../../../lib/core/process-identity.js';
import { openMeter } from '../../../lib/rollout/analysis/open-meter.js';
import type { Meter } from '../../../lib/rollout/analysis/measurements.js';
import type { BlueGreenPlan } from '../../../lib/rollout/blue-green/run.js';
import type { CanaryPlan } from '../../../lib/rollout/canary/run.js';
import { planHash } from '../../../lib/rollout/plan-hash.js';
import type { Provider } from '../../../lib/rollout/route.js';
import type { Actor } from '../../../lib/rollout/session.js';
import type { Pair, RolloutSpec, RouteSpec } from '../../../lib/rollout/spec.js';
import { decodeState, isOver } from '../../../lib/rollout/state.js';
import type { RolloutForm } from '../../../lib/rollout/written.js';
import type { KubernetesSettings } from '../../../lib/clients/kubernetes/config.js';
import type { Context } from '../../../runtime/context.js';
import { version } from '../../../version.js';
import type { RolloutInput } from './overlay.js';
import { readRollout } from './read-rollout.js';

/** A rollout whose route can be read and changed. */
export interface Opened {
  readonly spec: RouteSpec & { readonly versions: Pair };
  readonly actor: Actor;
}

type Input = RolloutInput & { takeOver?: boolean };

/** No rollout has run on a route, and nothing says between which versions one could. */
export class NothingKept extends UserError {
  constructor(readonly spec: RouteSpec) {
    super(`no rollout has run on ${spec.route}, so its versions are not known`, {
      code: 'ROLLOUT_UNKNOWN',
      hint: 'Name them in a file: -f rollout.yaml.',
    });
  }
}

/**
 * A route, by the versions that its running rollout has; where nothing runs, by the file's, else by the last one's.
 * @throws NothingKept
 */
export async function openRoute(input: Input, context: Context, form: RolloutForm): Promise<Opened> {
  const { spec, kubernetes } = await readRollout(input, context, { needs: 'route', form });
  const { peek, open } = await openers(spec, kubernetes, context);
  const { state, unfinished } = await peek(context.signal);
  const kept = state === undefined ? undefined : decodeState(state, spec.route);
  // What was promoted may be switched back, if blue and green are still those.
  const isFree = kept?.kind === 'canary' && !unfinished && isOver(kept);
  const versions = isFree ? (spec.versions ?? kept.versions) : (kept?.versions ?? spec.versions);
  if (versions === undefined) throw new NothingKept(spec);
  return { spec: { ...spec, versions }, actor: actorOn(spec.app, await open(versions), input, context) };
}

export async function openPlan(input: Input, context: Context): Promise<Opened & CanaryPlan> {
  const { spec, kubernetes } = await readRollout(input, context, { needs: 'plan', form: 'canary' });
  if (spec.canary === undefined) throw new Error('a rollout without steps was not refused');
  // Whoever rehearses runs no command of the operator's.
  const gates = context.dryRun ? { ...spec.canary.gates, command: undefined } : spec.canary.gates;
  return {
    ...(await openWhole(spec, kubernetes, input, context)),
    canary: { ...spec.canary, gates },
  };
}

export async function openSwitch(
  input: Input,
  context: Context,
): Promise<Opened & Omit<BlueGreenPlan, 'watchMs' | 'scaleDownAfterMs'>> {
  const { spec, kubernetes } = await readRollout(input, context, { needs: 'plan', form: 'blue-green' });
  return openWhole(spec, kubernetes, input, context);
}

async function openWhole(spec: RolloutSpec, kubernetes: KubernetesSettings, input: Input, context: Context) {
  const { open } = await openers(spec, kubernetes, context);
  const meter = await meterOf(spec, context);
  return {
    spec,
    hash: planHash(spec),
    meter,
    actor: actorOn(spec.app, await open(spec.versions), input, context),
  };
}

/** Undefined: nothing is analysed. */
export async function meterOf(
  { analysis, versions }: Pick<RolloutSpec, 'analysis' | 'versions'>,
  context: Context,
): Promise<Meter | undefined> {
  if (!analysis) return undefined;
  const { prometheus, connectTimeoutMs, requestTimeoutMs } = await context.settings();
  return openMeter(analysis, versions, {
    prometheus,
    timeouts: { connectTimeoutMs, requestTimeoutMs },
    clock: context.clock,
    userAgent: `metrify/${version}`,
  });
}

async function openers(spec: RouteSpec, kubernetes: KubernetesSettings, context: Context) {
  const { requestTimeoutMs } = await context.settings();
  const { clock } = context;
  const { provider } = spec;
  if (provider === 'nginx' || provider === 'envoy') {
    const { filesOfRoute, openFileProvider, peekFileState } =
      await import('../../../lib/rollout/providers/files/open.js');
    // Edited, but never emptied: the same file may be what --nginx-config reads.
    for (const path of await filesOfRoute(spec.route))
      await context.files.add({ name: 'the route', path, access: 'read' });
    return {
      peek: () => peekFileState(spec.route),
      open: (versions: Pair) =>
        openFileProvider({ ...spec, provider, versions }, { clock, requestTimeoutMs }),
    };
  }
  const { kubeconfigFiles } = await import('../../../lib/clients/kubernetes/config.js');
  for (const path of await kubeconfigFiles(kubernetes.kubeconfig))
    await context.files.add({ name: 'the kubeconfig', path, access: 'read' });
  const { openKubernetes } = await import('../../../lib/clients/kubernetes/client.js');
  const { openKubernetesProvider, peekKubernetesState } =
    await import('../../../lib/rollout/providers/kubernetes/provider.js');
  const client = await openKubernetes(kubernetes, { requestTimeoutMs }, clock);
  context.closing(() => client.close());
  return {
    peek: (signal: AbortSignal) => peekKubernetesState({ ...spec, provider }, client, signal),
    open: (versions: Pair) => openKubernetesProvider({ ...spec, provider, versions }, client, clock),
  };
}

function actorOn(app: string, provider: Provider, input: Input, context: Context): Actor {
  const options = foundBy(input);
  return {
    command: (verb) => `metrify ${verb} ${[app, ...options].map(shellWord).join(' ')}`,
    provider,
    clock: context.clock,
    signal: context.signal,
    name: `${userName()}@${hostname()} (${context.pid})`,
    takeOver: input.takeOver ?? false,
    warn: (message) => context.warn(message),
  };
}

/** The flags that say which rollout is meant. */
function foundBy({ file, namespace, context, provider, route }: Input): string[] {
  const given = {
    '-f': file,
    '-n': namespace,
    '--context': context,
    '--provider': provider,
    '--route': route,
  };
  return Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
}
