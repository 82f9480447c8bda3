import { UserError } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import { builtIn } from '../setup/fields.js';
import type { Held } from '../setup/holdings.js';
import type { JsonObject } from '../setup/resource.js';

/**
 * The field by which the documents of an index age.
 * @param given by name: by any other field nothing would ever be too old
 * @throws UserError exit 2 `TIME_FIELD_UNCLEAR`, `TIME_FIELD_UNFIT`
 */
export function timeFieldOf(name: string, { indices, writeIndex }: Held, given: string | undefined): string {
  const { mappings } = writeIndex ?? indices.at(-1)!;
  const dates = dateFields(mappings['properties'] as JsonObject | undefined);
  if (given !== undefined && dates.includes(given)) return given;
  if (given !== undefined)
    throw new UserError(`'${given}' is not a field of type date of ${name}${didYouMean(given, dates)}`, {
      code: 'TIME_FIELD_UNFIT',
      hint: `It has: ${dates.join(', ') || 'none'}.`,
    });
  const known = builtIn.find((index) => index.name === name)?.time;
  const usual = [known, '@timestamp'].find((field) => field !== undefined && dates.includes(field));
  const [only, ...others] = dates;
  if (usual !== undefined) return usual;
  if (only !== undefined && others.length === 0) return only;
  throw new UserError(
    only === undefined
      ? `${name} has no field of type date: nothing says how old its documents are`
      : `${name} has several fields of type date: ${dates.join(', ')}`,
    { code: 'TIME_FIELD_UNCLEAR', hint: 'Say by which documents age: --time-field FIELD.' },
  );
}

function dateFields(properties: JsonObject = {}, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const { type, properties: inner } = field as JsonObject;
    const path = prefix + name;
    if (type === 'date' || type === 'date_nanos') return [path];
    return dateFields(inner as JsonObject | undefined, `${path}.`);
  });
}
