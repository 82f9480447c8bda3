import { UserError } from '../../core/errors.js';
import { builtIn } from '../setup/fields.js';
import type { Held } from '../setup/holdings.js';
import type { JsonObject } from '../setup/resource.js';

/**
 * The field by which the documents of an index age.
 * @param given by the person
 * @throws UserError exit 2 `TIME_FIELD_UNCLEAR`
 */
export function timeFieldOf(name: string, { indices, writeIndex }: Held, given: string | undefined): string {
  const { mappings } = writeIndex ?? indices.at(-1)!;
  const dates = dateFields(mappings['properties'] as JsonObject | undefined);
  const known = builtIn.find((index) => index.name === name)?.time;
  const wanted = given === undefined ? [known, '@timestamp'] : [given];
  const usual = wanted.find((field) => field !== undefined && dates.includes(field));
  if (usual !== undefined) return usual;
  if (given === undefined && dates.length === 1) return dates[0]!;
  const all = dates.length === 0 ? `${name} has none` : `${name} has ${dates.join(', ')}`;
  throw new UserError(
    given === undefined
      ? `it is not clear by which field of type date documents age: ${all}`
      : `${given} is not a field of type date: ${all}`,
    { code: 'TIME_FIELD_UNCLEAR', hint: 'Say by which documents age: --time-field FIELD.' },
  );
}

function dateFields(properties: JsonObject = {}, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const { type, properties: inner } = field as JsonObject;
    const path = prefix + name;
    if (type === 'date' || type === 'date_nanos') return [path];
    // Its documents are others than those that a search finds.
    if (type === 'nested') return [];
    return dateFields(inner as JsonObject | undefined, `${path}.`);
  });
}
