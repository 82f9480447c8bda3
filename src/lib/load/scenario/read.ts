import { dirname, join, resolve } from 'node:path';

import { UserError } from '../../core/errors.js';
import type { FileRoles } from '../../core/file-roles.js';
import { read, type Finding } from '../../core/schema/findings.js';
import { pathName } from '../../core/schema/leaves.js';
import type { Path } from '../../core/schema/walk.js';
import type { Redactor } from '../../core/secrets/redactor.js';
import { readDescribed } from '../../core/written/described-file.js';
import { InvalidConfiguration, type Problem } from '../../core/written/problems.js';
import { resolveAll } from '../../core/written/secrets.js';
import { checkWritten } from '../../core/written/written.js';
import { nameSecrets } from '../export/name-secrets.js';
import type { Secret } from '../export/source.js';
import { scenarioDescription } from './contradictions.js';
import { type Materials, readMaterials } from './materials.js';
import { type Scenario, scenarioSchema } from './schema.js';

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

/** Where a scenario is read. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Learns the secrets. */
  readonly redactor: Redactor;
  readonly signal: AbortSignal;
  /** Is told the files that the scenario needs: none of them may be one that this run writes. */
  readonly files: Pick<FileRoles, 'add'>;
  warn(message: string): void;
}

/**
 * A scenario with all that it needs; nothing is sent.
 * @param given the name of its file; or what such a file has, as data, in which secrets may also be text
 * @throws UserError when it cannot be read; InvalidConfiguration with every problem, each with its line and column
 */
export async function readScenario(given: string | object, around: Surroundings): Promise<ReadScenario> {
  const source = typeof given === 'string' ? await fileSource(given, around) : dataSource(given, around);
  const checked = check(source, around, typeof given === 'string');
  return withMaterials(checked, await checked.resolved(checked.plain), around);
}

/** The same of a file, but for its secrets, which are not looked up. @throws as `readScenario` */
export async function readPortable(name: string, around: Surroundings): Promise<PortableScenario> {
  const checked = check(await fileSource(name, around), around, true);
  const { target } = (await checked.resolved({ target: checked.plain['target'] })) as { target: unknown };
  const { data, secrets } = nameSecrets({ ...checked.plain, target });
  return { ...(await withMaterials(checked, data, around)), secrets };
}

/** A scenario as it was written, and where its values stand. */
interface Source {
  /** To whose folder paths are relative. */
  readonly path: string;
  readonly label: string;
  readonly data: unknown;
  at(path: Path): string;
  locate(findings: readonly Finding[]): Problem[];
}

async function fileSource(name: string, { cwd, files, warn }: Surroundings): Promise<Source> {
  if (name.includes('://'))
    throw new UserError('a URL is given where the file of a scenario is needed', {
      code: 'SCENARIO_NOT_FOUND',
      hint: '`metrify load init` writes one; its target is that URL. `metrify load run` also takes a URL alone.',
    });
  const { path, label, document, data } = await readDescribed(name, cwd, scenarioDescription);
  for (const warning of document.warnings) warn(warning);
  await files.add({ name: 'the scenario', path, access: 'read' });
  return {
    ...{ path, label, data },
    at: (at) => document.at(at),
    locate: (findings) => document.locate(findings),
  };
}

function dataSource(data: object, { cwd }: Surroundings): Source {
  const label = 'scenario';
  const at = (path: Path) => (path.length === 0 ? label : `${label}.${pathName(path)}`);
  const locate = (findings: readonly Finding[]) =>
    findings.map(({ path, message }) => ({ at: at(path), message }));
  return { path: join(cwd, label), label, data, at, locate };
}

type CheckedScenario = ReturnType<typeof check>;

function check(source: Source, { env, redactor, warn }: Surroundings, isFile: boolean) {
  const { path } = source;
  const refuse = (findings: readonly Finding[]): void => {
    if (findings.length > 0) throw new InvalidConfiguration(source.locate(findings), 'Correct this.');
  };
  const { data: plain, findings, value: written } = checkWritten(scenarioSchema, source.data, { isFile });
  refuse(findings);
  refuse(scenarioDescription.contradictions(written as never));
  const lookup = {
    ...{ file: path, env, redactor, warn },
    // Of the URL only its password.
    isSecret: ([key]: readonly PropertyKey[]) => key !== 'target',
  };
  return {
    ...{ path, label: source.label, refuse },
    plain: plain as Record<string, unknown>,
    /** With what references stand for. */
    async resolved(some: Record<string, unknown>): Promise<unknown> {
      const found = await resolveAll(some, lookup, (at) => source.at(at));
      if (found.problems.length > 0) throw new InvalidConfiguration(found.problems, 'Correct this.');
      return found.data;
    },
  };
}

async function withMaterials(
  { path, label, refuse }: CheckedScenario,
  data: unknown,
  { files, signal }: Surroundings,
): Promise<ReadScenario> {
  const { value: scenario, findings } = read(scenarioSchema, data);
  // What was looked up can be wrong, and its place says little of it.
  refuse(findings.map((one) => ({ ...one, message: `${pathName(one.path)}: ${one.message}` })));
  for (const [name, { file }] of Object.entries(scenario!.feeds ?? {}))
    await files.add({ name: `the feed ${name}`, path: resolve(dirname(path), file), access: 'read' });
  const materials = await readMaterials(scenario!, dirname(path), signal);
  if ('findings' in materials) refuse(materials.findings);
  return { scenario: scenario!, materials: materials as Materials, label };
}
