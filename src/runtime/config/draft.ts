import { stringify } from 'yaml';

import { variableName } from '../../lib/core/schema/variable-name.js';
import type { Section } from '../../lib/core/schema/section.js';
import { Catalog, type SystemPaths } from './catalog.js';

/** What was found out about a system before its part of the configuration is written. */
export interface FoundSystem {
  key: string;
  /** Something answers at its usual address. */
  answers: boolean;
}

/**
 * A configuration to begin with: systems that variables name, and those that answer, with the others as comments.
 * What may be a secret is a reference to its variable, never the value.
 */
export function draftConfig(
  sections: readonly Section[],
  found: readonly FoundSystem[],
  env: NodeJS.ProcessEnv,
): { text: string; systems: { system: string; from: string }[] } {
  const catalog = new Catalog(sections);
  const systems: { system: string; from: string }[] = [];
  const blocks = catalog.systems.map((paths) => {
    const usual = sections.find(({ key }) => key === paths.key)?.usualAddress ?? '';
    const variables = given(catalog, paths, env);
    if (variables.length > 0) {
      systems.push({ system: paths.title, from: variables.map(([path]) => variableName(path)).join(', ') });
      const lines = variables.map(([path, value]) => `      ${leafOf(path)}: ${flow(value)}`);
      return [`    ${paths.key}: # from the variables that were set`, ...lines];
    }
    const block = [
      `    ${paths.key}:`,
      `      ${leafOf(paths.address)}: ${flow(written(catalog, paths, usual))}`,
    ];
    if (!found.find(({ key }) => key === paths.key)?.answers)
      return block.map((line) => line.replace(/^ {4}/, '    # '));
    systems.push({ system: paths.title, from: usual });
    return [`${block[0]} # it answered here`, ...block.slice(1)];
  });
  const rest = [...catalog.settings].filter(
    ([path, setting]) => !path.includes('.') && setting.default !== undefined,
  );
  const text = [
    '# The configuration of metrify: metrify config check says what is wrong with it, and metrify config show what is in force.',
    '# A secret is a reference: { env: NAME } or { file: PATH }.',
    'environments:',
    '  default:',
    ...blocks.flat(),
    ...rest.map(([path, { default: usual, help }]) => `    # ${path}: ${usual} # ${help}`),
    ...(systems.length === 0 ? ['    connectTimeout: 5s'] : []),
    '',
  ].join('\n');
  return { text, systems };
}

/** The settings of a system that variables give, as the file should have them. */
function given(
  { settings }: Catalog,
  { address, others }: SystemPaths,
  env: NodeJS.ProcessEnv,
): [path: string, value: unknown][] {
  return [address, ...others].flatMap((path): [string, unknown][] => {
    const name = variableName(path);
    const text = env[name];
    if (text === undefined || text === '') return [];
    const { secret, json } = settings.get(path)!;
    if (secret !== undefined) return [[path, { env: name }]];
    if (json['type'] === 'array') return [[path, text.split(',').map((part) => part.trim())]];
    return [[path, json['type'] === 'boolean' ? text === 'true' : text]];
  });
}

function written({ settings }: Catalog, { address }: SystemPaths, usual: string): unknown {
  return settings.get(address)!.json['type'] === 'array' ? [usual] : usual;
}

function leafOf(path: string): string {
  return path.slice(path.indexOf('.') + 1);
}

/** On one line. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}
