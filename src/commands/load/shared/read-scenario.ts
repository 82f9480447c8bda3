import { dirname, resolve } from 'node:path';

import { read, type Finding } from '../../../lib/core/schema/findings.js';
import { pathName } from '../../../lib/core/schema/leaves.js';
import { nameSecrets } from '../../../lib/load/export/name-secrets.js';
import type { Secret } from '../../../lib/load/export/source.js';
import { scenarioDescription } from '../../../lib/load/scenario/contradictions.js';
import { type Materials, readMaterials } from '../../../lib/load/scenario/materials.js';
import { type Scenario, scenarioSchema } from '../../../lib/load/scenario/schema.js';
import { readDescribed } from '../../../runtime/config/described-file.js';
import { InvalidConfiguration } from '../../../runtime/config/problems.js';
import { resolveAll } from '../../../runtime/config/secrets.js';
import { checkWritten } from '../../../runtime/config/written.js';
import type { Context } from '../../../runtime/context.js';

export interface ReadScenario {
  readonly scenario: Scenario;
  readonly materials: Materials;
  /** Its name in messages. */
  readonly label: string;
}

/** A scenario in which secrets are placeholders, for programs that take them from their environment. */
export interface PortableScenario extends ReadScenario {
  readonly secrets: readonly Secret[];
}

/**
 * A scenario with all that it needs; nothing is sent.
 * @throws UserError when it cannot be read; InvalidConfiguration with every problem, each with its line and column
 */
export async function readScenario(name: string, context: Context): Promise<ReadScenario> {
  const file = await readFile(name, context);
  return withMaterials(file, await file.resolved(file.plain), context);
}

/** The same, but for its secrets, which are not looked up. @throws as `readScenario` */
export async function readPortable(name: string, context: Context): Promise<PortableScenario> {
  const file = await readFile(name, context);
  const { target } = (await file.resolved({ target: file.plain['target'] })) as { target: unknown };
  const { data, secrets } = nameSecrets({ ...file.plain, target });
  return { ...(await withMaterials(file, data, context)), secrets };
}

type ScenarioFile = Awaited<ReturnType<typeof readFile>>;

async function readFile(name: string, context: Context) {
  const { path, label, document, data } = await readDescribed(name, context.cwd, scenarioDescription);
  for (const warning of document.warnings) context.warn(warning);
  const refuse = (findings: readonly Finding[]): void => {
    if (findings.length > 0) throw new InvalidConfiguration(document.locate(findings), 'Correct this.');
  };
  const { data: plain, findings, value: written } = checkWritten(scenarioSchema, data);
  refuse(findings);
  refuse(scenarioDescription.contradictions(written as never));
  const lookup = {
    file: path,
    env: context.env,
    redactor: context.settingsInput.redactor,
    warn: (message: string) => context.warn(message),
    // Of the URL only its password.
    isSecret: ([key]: readonly PropertyKey[]) => key !== 'target',
  };
  return {
    ...{ path, label, refuse },
    plain: plain as Record<string, unknown>,
    /** With what references stand for. */
    async resolved(some: Record<string, unknown>): Promise<unknown> {
      const found = await resolveAll(some, lookup, (at) => document.at(at));
      if (found.problems.length > 0) throw new InvalidConfiguration(found.problems, 'Correct this.');
      return found.data;
    },
  };
}

async function withMaterials(
  { path, label, refuse }: ScenarioFile,
  data: unknown,
  context: Context,
): Promise<ReadScenario> {
  const { value: scenario, findings } = read(scenarioSchema, data);
  // What was looked up can be wrong, and its place says little of it.
  refuse(findings.map((one) => ({ ...one, message: `${pathName(one.path)}: ${one.message}` })));
  await enterFiles(scenario!, path, context);
  const materials = await readMaterials(scenario!, dirname(path), context.signal);
  if ('findings' in materials) refuse(materials.findings);
  return { scenario: scenario!, materials: materials as Materials, label };
}

/** None of them may be a file that this run writes. */
async function enterFiles(scenario: Scenario, path: string, context: Context): Promise<void> {
  const enter = (what: string, file: string) =>
    context.files.add({ name: what, path: resolve(dirname(path), file), access: 'read' });
  await enter('the scenario', path);
  for (const [name, { file }] of Object.entries(scenario.feeds ?? {})) await enter(`the feed ${name}`, file);
}
