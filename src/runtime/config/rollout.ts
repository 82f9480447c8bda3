import type { WrittenRollout as Written } from '../../lib/rollout/written.js';
import type { Path } from './document.js';
import { type Problem, explain } from './problems.js';
import { type Reference, describeReference, isReference, resolveReference } from './secrets.js';
import { probeUrl } from './rollout-values.js';
import { plainText, urlWith } from './values.js';

export type WrittenRollout = Written<string | Reference>;

/** A rollout as the configuration has it: checked, its references not looked up before it is used. */
export interface ConfiguredRollout {
  written: WrittenRollout;
  /** The file that it stands in; relative paths are relative to it. */
  file: string;
  /** `FILE:LINE:COL` of a value. */
  at(path: Path): string;
}

interface Resolved {
  written: Written;
  references: { path: Path; reference: Reference }[];
  problems: Problem[];
}

/** Looks up the references of a rollout. */
export async function resolveRollout(
  { written, file, at }: ConfiguredRollout,
  { env, warn }: { env: NodeJS.ProcessEnv; warn(message: string): void },
): Promise<Resolved> {
  const copy = structuredClone(written);
  const references: Resolved['references'] = [];
  const problems: Problem[] = [];
  for (const { path, holder, key, check } of secretsOf(copy)) {
    const reference = holder[key];
    if (!isReference(reference)) continue;
    references.push({ path, reference });
    try {
      holder[key] = check(await resolveReference(reference, { configFile: file, env, warn }));
    } catch (error) {
      problems.push({ at: at(path), message: `${pathName(path)}: ${explain(error)}` });
    }
  }
  return { written: copy as Written, references, problems };
}

/** Every value of a rollout as it is written, for `config show`; references by what they refer to. */
export function leavesOf(written: WrittenRollout): { path: Path; text: string; reference?: Reference }[] {
  const leaves: { path: Path; text: string; reference?: Reference }[] = [];
  const visit = (value: unknown, path: Path): void => {
    if (isReference(value) && secretPaths.has(pathName(path)))
      leaves.push({ path, text: describeReference(value), reference: value });
    else if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
      leaves.push({ path, text: value.join(', ') });
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        visit(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    else leaves.push({ path, text: String(value) });
  };
  const secretPaths = new Set(secretsOf(written).map(({ path }) => pathName(path)));
  visit(written, []);
  return leaves;
}

/** `smoke[0].headers.Authorization`. */
export function pathName(path: Path): string {
  return path.reduce<string>(
    (name, key) =>
      typeof key === 'number' ? `${name}[${key}]` : name === '' ? String(key) : `${name}.${String(key)}`,
    '',
  );
}

interface SecretPlace {
  path: Path;
  holder: Record<string, unknown>;
  key: string;
  check(text: string): string;
}

/** Where a rollout may hold a secret. */
function secretsOf({ analysis, envoy, smoke = [], probes = [] }: WrittenRollout): SecretPlace[] {
  const http = urlWith(['http', 'https']);
  const found: SecretPlace[] = [];
  const add = (holder: object | undefined, key: string, path: Path, check = http) => {
    const record = holder as Record<string, unknown> | undefined;
    if (record?.[key] !== undefined) found.push({ path: [...path, key], holder: record, key, check });
  };
  add(analysis, 'prometheus', ['analysis']);
  add(analysis?.probe, 'url', ['analysis', 'probe'], probeUrl);
  add(envoy, 'admin', ['envoy']);
  for (const [list, tests] of Object.entries({ smoke, probes }))
    for (const [index, test] of tests.entries()) {
      add(test, 'url', [list, index]);
      for (const header of Object.keys(test.headers ?? {}))
        add(test.headers, header, [list, index, 'headers'], plainText);
    }
  return found;
}
