import { resolve } from 'node:path';

import { UserError } from '../../../lib/core/errors.js';
import { readText } from '../../../lib/core/input-file.js';
import { unreadable } from '../../../lib/core/unreadable.js';
import { parseAggregation } from '../../../lib/search/query/aggregation-spec.js';
import type { Asked } from '../../../lib/search/query/asked.js';
import { readPolygons } from '../../../lib/search/query/geojson.js';
import { parseBox, parseDistance, parsePlace } from '../../../lib/search/query/place.js';
import { parseSort } from '../../../lib/search/query/sort-spec.js';
import { flag, type Flags, flagName, type FlagValues } from '../../../runtime/flags.js';

const usualLimit = 20;
/** What servers give on one page (`index.max_result_window`). */
const mostHits = 10_000;

/** What is asked of an index. */
export const questionFlags = {
  type: flag.list({ placeholder: 'TYPE', help: 'with this value in the field type, or one of several' }),
  minValue: flag.parsed('N', digits, { help: 'with this value, or a higher one' }),
  maxValue: flag.parsed('N', digits, { help: 'with this value, or a lower one' }),
  from: flag.text({
    placeholder: 'TIME',
    help: 'from this time on: 2026-11-29T14:30, now-7d, now/d; in UTC',
  }),
  to: flag.text({ placeholder: 'TIME', help: 'before this time' }),
  near: flag.parsed('LAT,LON', parsePlace, { help: 'nearest first, unless a text or --sort gives an order' }),
  within: flag.parsed('DISTANCE', parseDistance, { help: 'up to this far from --near: 300m, 5km, 3mi' }),
  box: flag.parsed('WEST,SOUTH,EAST,NORTH', parseBox, {
    help: 'in these degrees; over the date line WEST is greater than EAST',
  }),
  polygon: flag.file({ access: 'read', help: 'in the polygons of a GeoJSON file, also over the date line' }),
  where: flag.each('FIELD=VALUE', parseWhere, {
    help: 'with exactly this value; of a field given twice, either',
  }),
  agg: flag.each('SPEC', parseAggregation, {
    help: 'terms:FIELD[:MAXIMUM], date:FIELD:INTERVAL, percentiles:FIELD[:50,95,99] or geo:FIELD[:PRECISION]',
  }),
  sort: flag.each('FIELD[:desc]', parseSort, { help: 'in this order; by several, the first goes first' }),
  limit: flag.parsed('N', parseLimit, { help: `maximum hits, up to ${mostHits} (default: ${usualLimit})` }),
  anyWord: flag.boolean('with any of the words of TEXT, instead of all of them'),
  fuzziness: flag.choice(['auto', '0', '1', '2'], {
    help: 'how many letters a word of TEXT may differ by; auto grows with its length',
    default: 'auto',
  }),
  highlight: flag.boolean('mark what matches TEXT'),
  explain: flag.boolean('say how each score came about'),
  timeField: flag.text({
    placeholder: 'FIELD',
    help: 'of --from and --to (default: @timestamp, time, or the only one)',
  }),
  valueField: flag.text({
    placeholder: 'FIELD',
    help: 'of --min-value and --max-value (default: value, or the only one)',
  }),
  placeField: flag.text({
    placeholder: 'FIELD',
    help: 'of --near, --box and --polygon (default: location, or the only one)',
  }),
} satisfies Flags;

export type QuestionInput = FlagValues<typeof questionFlags> & { readonly text?: string | undefined };

/** The question as it was typed. @throws UserError exit 2 */
export async function readAsked(input: QuestionInput, cwd: string): Promise<Asked> {
  const { type, within, agg, fuzziness, polygon, limit, ...same } = input;
  return {
    ...same,
    types: type,
    withinMeters: within,
    aggregations: agg,
    fuzziness: fuzziness === 'auto' ? fuzziness : (Number(fuzziness) as 0 | 1 | 2),
    polygons: polygon === undefined ? undefined : readPolygons(await textOf(polygon, cwd), polygon),
    limit: limit ?? usualLimit,
  };
}

/** The flags that are given, of those. */
export function given<Name extends keyof QuestionInput>(
  input: QuestionInput,
  names: readonly Name[] = [...Object.keys(questionFlags), 'text'] as Name[],
): string[] {
  return names
    .filter((name) => {
      const value = input[name];
      const initial = name === 'text' ? undefined : questionFlags[name as keyof typeof questionFlags].initial;
      return Array.isArray(value) ? value.length > 0 : value !== initial;
    })
    .map((name) => (name === 'text' ? 'TEXT' : flagName(name)));
}

/** @throws UserError exit 2 `INPUT_UNREADABLE` */
export async function textOf(path: string, cwd: string): Promise<string> {
  try {
    return await readText(resolve(cwd, path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function digits(text: string): string {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return text;
  throw new UserError(`'${text}' is not a number`, { hint: 'Write it like 200, -0.5 or 1e6.' });
}

function parseWhere(text: string): [field: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UserError(`'${text}' is not a condition`, { hint: 'Write it as FIELD=VALUE.' });
}

function parseLimit(text: string): number {
  const limit = Number(text.replaceAll(/[_,]/g, ''));
  if (/^\d[\d_,]*$/.test(text) && limit <= mostHits) return limit;
  throw new UserError(`'${text}' is not a number of hits`, {
    hint: `Give a whole number up to ${mostHits}, or --all.`,
  });
}
