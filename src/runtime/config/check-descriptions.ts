import type { Described, Description, Section } from '../../lib/core/schema/section.js';
import { keysAt } from '../../lib/core/schema/walk.js';
import type { Settings } from '../settings.js';
import { readDescribed } from '../../lib/core/written/described-file.js';
import { InvalidConfiguration, type Problem } from '../../lib/core/written/problems.js';
import { resolveAll } from '../../lib/core/written/secrets.js';
import { checkWritten } from '../../lib/core/written/written.js';

/** How references are looked up, whichever file they are in. */
type DescriptionLookup = Omit<Parameters<typeof resolveAll>[1], 'file'>;

/** Looks up every reference of the descriptions that an environment has. */
export async function lookUpDescriptions(
  sections: readonly Section[],
  settings: Settings,
  lookup: DescriptionLookup,
): Promise<Problem[]> {
  const described = sections.flatMap(({ key, described: is }) =>
    is === undefined ? [] : (settings as unknown as Record<string, readonly Described[]>)[key]!,
  );
  const looked = await Promise.all(
    described.map(({ data, file, at }) => resolveAll(data, { ...lookup, file }, at)),
  );
  return looked.flatMap(({ problems }) => problems);
}

/**
 * Checks a description in a file of its own, as far as that can be without flags, and looks up its references.
 * @returns what it describes: `a rollout`
 * @throws UserError when it cannot be read; InvalidConfiguration with every problem
 */
export async function checkDescribedFile(
  name: string,
  cwd: string,
  kinds: readonly Description[],
  lookup: DescriptionLookup,
): Promise<{ what: string; path: string }> {
  const any = {
    what: kinds.map(({ what }) => what).join(' or '),
    code: 'DESCRIPTION',
    example: kinds.map(({ example }) => example).join('; '),
  };
  const { path, document, data } = await readDescribed(name, cwd, any);
  document.warnings.forEach((warning) => lookup.warn(warning));
  const kind = likeliest(kinds, data);
  const { data: plain, findings, value } = checkWritten(kind.schema, data);
  if (findings.length === 0) findings.push(...kind.contradictions(value as never));
  if (findings.length > 0)
    throw new InvalidConfiguration(document.locate(findings), 'Correct this and check it again.');
  const { problems } = await resolveAll(plain, { ...lookup, file: path }, (at) => document.at(at));
  if (problems.length > 0) throw new InvalidConfiguration(problems);
  return { what: kind.what, path };
}

/** The kind that knows most of the keys. */
function likeliest(kinds: readonly Description[], data: object): Description {
  const known = ({ schema }: Description) => keysAt(schema, []).filter((key) => key in data).length;
  return kinds.reduce((best, kind) => (known(kind) > known(best) ? kind : best));
}
