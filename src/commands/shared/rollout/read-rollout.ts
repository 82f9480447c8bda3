import { resolve } from 'node:path';
import type { KubernetesSettings } from '../../../lib/clients/kubernetes/config.js';
import { UserError } from '../../../lib/core/errors.js';
import { missingFor, wrongForm } from '../../../lib/rollout/contradictions.js';
import { readRouteSpec, readSpec } from '../../../lib/rollout/read-spec.js';
import type { RolloutSpec, RouteSpec } from '../../../lib/rollout/spec.js';
import { formOf, type RolloutForm } from '../../../lib/rollout/written.js';
import type { Finding } from '../../../runtime/config/document.js';
import { InvalidConfiguration } from '../../../runtime/config/problems.js';
import { resolveRollout, type WrittenRollout } from '../../../runtime/config/rollout.js';
import type { Context } from '../../../runtime/context.js';
import { chooseDescription, type Description } from './choose-description.js';
import { flagFor, Overlay, type RolloutInput } from './overlay.js';

export interface ReadRollout<S extends RouteSpec = RolloutSpec> {
  spec: S;
  kubernetes: KubernetesSettings;
  /** Where it is described: `rollout.yaml`, `metrify.config.yaml:12:9`; undefined: by flags alone. */
  source: string | undefined;
}

interface Needs<N extends 'route' | 'plan'> {
  /**
   * `plan`: all that moving traffic takes. `route`: what looking and stopping take; versions may be left out, and no
   * secret is looked up.
   */
  needs: N;
  /** What the verb can carry out; undefined: either. */
  form: RolloutForm | undefined;
}

/**
 * The rollout that is meant: the file's or the configuration's, with the flags over it, checked as a whole.
 * @throws UserError exit 2; InvalidConfiguration with every problem, each with its line and column or its flag
 */
export async function readRollout(
  input: RolloutInput,
  context: Context,
  needs: Needs<'plan'>,
): Promise<ReadRollout>;
export async function readRollout(
  input: RolloutInput,
  context: Context,
  needs: Needs<'route'>,
): Promise<ReadRollout<RouteSpec>>;
export async function readRollout(
  input: RolloutInput,
  context: Context,
  { needs, form }: Needs<'route' | 'plan'>,
): Promise<ReadRollout<RouteSpec>> {
  const overlay = new Overlay(input);
  const description = await chooseDescription(input, context, form);
  const data: Record<string, unknown> = overlay.onto(description.data);
  if (input.app !== undefined) data.app ??= input.app;
  const refuse = (findings: readonly Finding[]) => refuseAll(findings, description, overlay);

  // Brings zod along.
  const { checkRollout } = await import('../../../runtime/config/rollout-file.js');
  refuse(checkRollout(data));
  const written = data as unknown as WrittenRollout;
  if (input.app !== undefined && input.app !== written.app)
    refuse([{ path: ['app'], message: `this is the rollout of ${written.app}, not of ${input.app}` }]);
  if (form !== undefined) refuse(wrongForm(form, written));

  const surroundings = {
    prometheus: undefined as string | undefined,
    resolvePath: (key: string, text: string) =>
      resolve(overlay.flagAt(key.split('.')) === undefined ? description.folder : context.cwd, text),
  };
  const found = {
    kubernetes: {
      kubeconfig: context.env.KUBECONFIG || undefined,
      context: input.context,
      namespace: written.namespace,
    },
    source: description.source,
  };
  if (needs === 'route') {
    const { envoy, ...rest } = written;
    const admin = typeof envoy?.admin === 'string' ? { admin: envoy.admin } : {};
    return { spec: readRouteSpec({ ...rest, envoy: admin }, surroundings), ...found };
  }

  refuse(missingFor(form ?? formOf(written) ?? 'canary', written));
  if (written.analysis?.requests !== undefined) {
    // As everywhere, a flag beats the variable, and the variable the file.
    const isOverridden = overlay.flagAt(['analysis', 'prometheus']) === undefined && !!context.env[variable];
    if (isOverridden) delete written.analysis.prometheus;
    if (written.analysis.prometheus === undefined)
      surroundings.prometheus = (await context.settings()).prometheus?.url;
    if (written.analysis.prometheus === undefined && surroundings.prometheus === undefined)
      refuse([
        {
          path: ['analysis', 'requests'],
          message: `there is no Prometheus to ask: give analysis.prometheus, prometheus.url in the configuration, ${variable} or --prometheus`,
        },
      ]);
  }
  const resolved = await resolveRollout(
    { written, file: description.file ?? '', at: description.at },
    { env: context.env, warn: (message) => context.warn(message) },
  );
  if (resolved.problems.length > 0) throw new InvalidConfiguration(resolved.problems, mend);
  return { spec: readSpec(resolved.written, surroundings), ...found };
}

const variable = 'METRIFY_PROMETHEUS_URL';
const mend = 'Correct this; --dry-run shows what would be done, and changes nothing.';

/** @throws when there are any: what is missing by the flag that gives it, all else by its place. */
function refuseAll(findings: readonly Finding[], description: Description, overlay: Overlay): void {
  if (findings.length === 0) return;
  const missing = findings.filter((finding) => finding.missing);
  if (description.file === undefined && missing.length === findings.length)
    throw new UserError(
      `too little is said about this rollout: ${missing.map(({ path }) => flagFor(path) ?? 'APP').join(', ')} ` +
        `${missing.length === 1 ? 'is' : 'are'} missing`,
      {
        code: 'ROLLOUT_INCOMPLETE',
        hint: 'Give it with flags, in a file with -f FILE, or below rollouts: in the configuration.',
      },
    );
  const ordered = description.order(findings);
  throw new InvalidConfiguration(
    ordered.map(({ path, message, ofKey, missing: isMissing }) => ({
      at:
        overlay.flagAt(path, description.file === undefined) ??
        (description.file === undefined ? (flagFor(path) ?? 'flags') : description.at(path, ofKey)),
      message: isMissing && flagFor(path) ? `${message}, and there is no ${flagFor(path)}` : message,
    })),
    mend,
  );
}
