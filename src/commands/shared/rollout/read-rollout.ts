import { resolve } from 'node:path';
import type { KubernetesSettings } from '../../../lib/clients/kubernetes/config.js';
import { UserError } from '../../../lib/core/errors.js';
import { contradictions, missingFor, wrongForm } from '../../../lib/rollout/contradictions.js';
import { readRouteSpec, readSpec } from '../../../lib/rollout/read-spec.js';
import { rolloutSchema } from '../../../lib/rollout/section.js';
import type { RolloutSpec, RouteSpec } from '../../../lib/rollout/spec.js';
import { formOf, type RolloutForm } from '../../../lib/rollout/written.js';
import { type Finding, read } from '../../../lib/core/schema/findings.js';
import { pathName } from '../../../lib/core/schema/leaves.js';
import { InvalidConfiguration } from '../../../lib/core/written/problems.js';
import { resolveAll } from '../../../lib/core/written/secrets.js';
import { checkWritten } from '../../../lib/core/written/written.js';
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
  const refuse = (found: readonly Finding[]) => refuseAll(found, description, overlay) as never;

  const { data: plain, findings, value: written } = checkWritten(rolloutSchema, data);
  if (!written) return refuse(findings);
  refuse([...findings, ...contradictions(written)]);
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
  if (needs === 'route') return { spec: readRouteSpec(written, surroundings), ...found };

  refuse(missingFor(form ?? formOf(written) ?? 'canary', written));
  if (written.analysis?.requests !== undefined) {
    // As everywhere, a flag wins over the variable, and the variable over the file, unless -e chose what the file says.
    const analysis = (plain as { analysis: { prometheus?: unknown } }).analysis;
    const isOverridden =
      overlay.flagAt(['analysis', 'prometheus']) === undefined &&
      context.settingsInput.environment === undefined &&
      !!context.env[variable];
    if (isOverridden) delete analysis.prometheus;
    if (analysis.prometheus === undefined) {
      const settings = await context.settings();
      if (settings.refused['prometheus']) throw settings.refused['prometheus'];
      surroundings.prometheus = settings.prometheus?.url;
    }
    if (analysis.prometheus === undefined && surroundings.prometheus === undefined)
      refuse([
        {
          path: ['analysis', 'requests'],
          message: `there is no Prometheus to ask: give analysis.prometheus, prometheus.url in the configuration, ${variable} or --prometheus`,
        },
      ]);
  }
  const lookup = {
    file: description.file ?? '',
    env: context.env,
    redactor: context.settingsInput.redactor,
    warn: (message: string) => context.warn(message),
  };
  const resolved = await resolveAll(plain, lookup, (path) => description.at(path));
  if (resolved.problems.length > 0) throw new InvalidConfiguration(resolved.problems, mend);
  const whole = read(rolloutSchema, resolved.data);
  // Only what was looked up can be wrong now, and its place says little of it.
  refuse(whole.findings.map((one) => ({ ...one, message: `${pathName(one.path)}: ${one.message}` })));
  return { spec: readSpec(whole.value!, surroundings), ...found };
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
