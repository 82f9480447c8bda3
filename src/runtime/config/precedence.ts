import { UserError } from '../../lib/core/errors.js';
import { variableName } from '../../lib/core/schema/variable-name.js';
import { valueAt } from '../../lib/core/schema/walk.js';
import type { SystemPaths } from './catalog.js';
import type { EnvironmentInput } from './file.js';

/** Where a setting can be given. */
export type Place = 'flag' | 'variable' | 'file';

export interface Given {
  overrides: Readonly<Record<string, string>>;
  variables: ReadonlyMap<string, string>;
  written: EnvironmentInput;
  environment: string;
  /** The environment was chosen with `-e` on the command line, and so outranks the variables. */
  chosen: boolean;
}

export interface Precedence {
  /** The places that count for a setting, the strongest first. */
  placesOf(path: string): readonly Place[];
  /** Systems that variables name, and the chosen environment does not. */
  refused: Record<string, UserError>;
  /** What was given and does not count. */
  warnings: string[];
}

/**
 * Who wins over whom: flag > environment chosen with `-e` > variable > file. An address and what else is said of its
 * system belong together: nothing weaker than the place that gives the address counts where it names an address too,
 * so that no password reaches a server it was not written for. What the chosen environment says of a system replaces
 * all variables of that system, and a system that it does not name is refused rather than taken from a variable.
 */
export function precedence(given: Given, systems: readonly SystemPaths[]): Precedence {
  const { chosen, environment } = given;
  const strongestFirst: readonly Place[] = chosen
    ? ['flag', 'file', 'variable']
    : ['flag', 'variable', 'file'];
  const counting = new Map<string, readonly Place[]>();
  const refused: Precedence['refused'] = {};
  const warnings: string[] = [];

  for (const { key, address, addresses, others } of systems) {
    const paths = [address, ...others];
    const names = (place: Place) => addresses.some((path) => has(given, place, path));
    let places = strongestFirst;
    const variables = paths.filter((path) => has(given, 'variable', path)).map(variableName);
    if (chosen && variables.length > 0) {
      places = places.filter((place) => place !== 'variable');
      if (given.written[key] !== undefined)
        warnings.push(
          `${listed(variables)} not used: environment '${environment}', chosen with -e, says which ${key} to use`,
        );
      else if (names('flag')) warnings.push(`${listed(variables)} not used: a flag names another ${key}`);
      else refused[key] = notNamed(key, environment, variables);
    }
    const owner = places.find(names);
    if (owner !== undefined) {
      const weaker = places.slice(places.indexOf(owner) + 1).filter(names);
      for (const place of weaker) {
        const unused = others.filter((path) => has(given, place, path));
        if (unused.length > 0)
          warnings.push(
            `${listed(place === 'variable' ? unused.map(variableName) : unused)} not used: ` +
              `${place === 'variable' ? '' : `in environment '${environment}' `}${unused.length === 1 ? 'it belongs' : 'they belong'} to another ${key} than the ${owner} names`,
          );
      }
      places = places.filter((place) => !weaker.includes(place));
    }
    for (const path of [...paths, key]) counting.set(path, places);
  }
  return { placesOf: (path) => counting.get(path) ?? strongestFirst, refused, warnings };
}

function has({ overrides, variables, written }: Given, place: Place, path: string): boolean {
  if (place === 'flag') return overrides[path] !== undefined;
  if (place === 'variable') return variables.has(path);
  return valueAt(written, path.split('.')) !== undefined;
}

function notNamed(system: string, environment: string, variables: string[]): UserError {
  return new UserError(
    `environment '${environment}', chosen with -e, names no ${system}, and ${listed(variables)} not taken for it`,
    {
      code: 'SYSTEM_NOT_NAMED',
      hint: `Add ${system} to environments.${environment}, or leave -e out: without it, variables win.`,
    },
  );
}

/** `A is`, `A and B are`. */
function listed(names: readonly string[]): string {
  return names.length === 1 ? `${names[0]} is` : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are`;
}
