import { dirname } from 'node:path';
import { UserError } from '../../../lib/core/errors.js';
import { didYouMean } from '../../../lib/core/nearest.js';
import type { Finding } from '../../../lib/core/schema/findings.js';
import type { Described } from '../../../lib/core/schema/section.js';
import type { Path } from '../../../lib/core/schema/walk.js';
import { rolloutDescription } from '../../../lib/rollout/section.js';
import { formOf, type RolloutForm, type WrittenVersions } from '../../../lib/rollout/written.js';
import type { Context } from '../../../runtime/context.js';
import type { RolloutInput } from './overlay.js';

/** What is written of a rollout, before the flags, and where. */
export interface Description {
  data: Readonly<Record<string, unknown>>;
  /** Undefined: only flags describe it. */
  file: string | undefined;
  /** What its relative paths are relative to. */
  folder: string;
  /** For people. */
  source: string | undefined;
  at(path: Path, ofKey?: boolean): string;
  /** The findings as they stand in the file, from top to bottom. */
  order(findings: readonly Finding[]): readonly Finding[];
}

/**
 * The file of `-f`; else the configuration's rollout that APP names, or its only one; else nothing, when the flags say
 * where the rollout is.
 * @throws UserError exit 2
 */
export async function chooseDescription(
  input: RolloutInput,
  context: Context,
  form: RolloutForm | undefined,
): Promise<Description> {
  if (input.file !== undefined) {
    const { readDescribed } = await import('../../../lib/core/written/described-file.js');
    const { path, label, document, data } = await readDescribed(input.file, context.cwd, rolloutDescription);
    for (const warning of document.warnings) context.warn(warning);
    return {
      data,
      file: path,
      folder: dirname(path),
      source: label,
      at: (at, ofKey) => document.at(at, ofKey),
      order: (findings) => document.inOrder(findings),
    };
  }
  const { rollouts } = await context.settings();
  const chosen = choose(rollouts, input.app, form);
  if (chosen)
    return {
      data: chosen.data,
      file: chosen.file,
      folder: dirname(chosen.file),
      source: chosen.at([]),
      at: (at) => chosen.at(at),
      order: (findings) => findings,
    };
  const isDescribed = input.provider !== undefined && input.route !== undefined;
  if (!isDescribed || (input.app === undefined && rollouts.length > 1))
    throw unknownRollout(input.app, rollouts);
  return {
    data: {},
    file: undefined,
    folder: context.cwd,
    source: undefined,
    at: () => 'flags',
    order: (findings) => findings,
  };
}

function choose(
  rollouts: readonly Described[],
  app: string | undefined,
  form: RolloutForm | undefined,
): Described | undefined {
  if (app !== undefined) return rollouts.find(({ data }) => data['app'] === app);
  if (rollouts.length === 1) return rollouts[0];
  // Of several, the only one that this verb can work with.
  const fitting = rollouts.filter(({ data }) => (formOf(data as WrittenVersions) ?? form) === form);
  return form !== undefined && fitting.length === 1 ? fitting[0] : undefined;
}

function unknownRollout(app: string | undefined, rollouts: readonly Described[]): UserError {
  const apps = rollouts.map(({ data }) => String(data['app']));
  if (apps.length === 0)
    return new UserError(
      app === undefined ? 'no rollout is described' : `nothing describes the rollout of '${app}'`,
      {
        code: 'ROLLOUT_UNKNOWN',
        hint: 'Describe it in a file (-f rollout.yaml), below rollouts: in the configuration, or with flags: APP --provider P --route R.',
      },
    );
  const there = `The configuration has ${apps.join(', ')}.`;
  return app === undefined
    ? new UserError('there are several rollouts, and no APP says which', {
        code: 'ROLLOUT_UNKNOWN',
        hint: `${there} Name one, or a file with -f.`,
      })
    : new UserError(`the configuration has no rollout of '${app}'${didYouMean(app, apps)}`, {
        code: 'ROLLOUT_UNKNOWN',
        hint: `${there} Or describe it in a file: -f rollout.yaml`,
      });
}
