import { UserError } from '../../core/errors.js';
import type { IndexField } from '../engine.js';
import { Fields } from './fields.js';
import type { Box } from './place.js';
import type { Aggregation, Filter, Fuzziness, Place, Polygon, Question, SortKey } from './question.js';
import { resolveTime } from './time.js';

/** What a person asks of an index; fields that are not named are found in its mapping. */
export interface Asked {
  readonly text?: string | undefined;
  /** One of the words of the text is enough. */
  readonly anyWord?: boolean | undefined;
  readonly fuzziness?: Fuzziness | undefined;
  /** Any of these. */
  readonly types?: readonly string[] | undefined;
  /** Decimal digits. */
  readonly minValue?: string | undefined;
  readonly maxValue?: string | undefined;
  /** As `resolveTime` takes them: from the first, until before the second. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly near?: Place | undefined;
  /** From `near`. */
  readonly withinMeters?: number | undefined;
  readonly box?: Box | undefined;
  /** As `Filter` has them. */
  readonly polygons?: readonly Polygon[] | undefined;
  /** Exact values; of a field that is named twice any of them. */
  readonly where?: readonly (readonly [field: string, value: string])[] | undefined;
  readonly sort?: readonly Omit<SortKey, 'near'>[] | undefined;
  readonly aggregations?: readonly Aggregation[] | undefined;
  readonly limit: number;
  readonly highlight?: boolean | undefined;
  readonly explain?: boolean | undefined;
  readonly timeField?: string | undefined;
  readonly valueField?: string | undefined;
  readonly placeField?: string | undefined;
}

/**
 * The question to the index that has these fields.
 * @param index for messages
 * @param now milliseconds since the epoch
 * @throws UserError exit 2: `FIELD_UNKNOWN`, `FIELD_UNFIT`, `FIELD_UNCLEAR`, `TIME_INVALID`, `USAGE`
 */
export function questionOf(
  asked: Asked,
  index: string,
  indexFields: readonly IndexField[],
  now: number,
): Question {
  const { text, near, highlight = false, explain = false, aggregations = [], limit } = asked;
  const fields = new Fields(index, indexFields);
  if (asked.withinMeters !== undefined && near === undefined)
    throw new UserError('a distance is given, and no place that it is from');
  const words = text?.trim() === '' ? undefined : text;
  if (words === undefined && text !== undefined) throw new UserError('the text has no words');
  return {
    text:
      words === undefined
        ? undefined
        : {
            query: words,
            words: asked.anyWord ? 'any' : 'all',
            ...fields.texts(),
            fuzziness: asked.fuzziness ?? 'auto',
          },
    filters: [
      ...valueFilters(asked, fields),
      ...timeFilters(asked, fields, now),
      ...placeFilters(asked, fields),
    ],
    sort: sortKeys(asked, fields),
    aggregations: aggregations.map((aggregation) => fitted(aggregation, fields)),
    limit,
    highlight,
    explain,
  };
}

function valueFilters(
  { types = [], where = [], minValue, maxValue, valueField }: Asked,
  fields: Fields,
): Filter[] {
  const filters: Filter[] = [];
  if (types.length > 0) filters.push({ kind: 'term', field: fields.exact('type'), values: types });
  for (const field of new Set(where.map(([name]) => name)))
    filters.push({
      kind: 'term',
      field: fields.exact(field),
      values: where.filter(([name]) => name === field).map(([, value]) => value),
    });
  if (minValue !== undefined || maxValue !== undefined) {
    const field =
      valueField === undefined
        ? fields.usual(['value'], 'number', '--value-field')
        : fields.of(valueField, 'number');
    filters.push({ kind: 'range', field, gte: minValue, lte: maxValue });
  }
  return filters;
}

function timeFilters({ from, to, timeField }: Asked, fields: Fields, now: number): Filter[] {
  if (from === undefined && to === undefined) return [];
  const field =
    timeField === undefined
      ? fields.usual(['@timestamp', 'time'], 'date', '--time-field')
      : fields.of(timeField, 'date');
  const [gte, lt] = [from, to].map((time) => (time === undefined ? undefined : resolveTime(time, now)));
  if (gte !== undefined && lt !== undefined && (gte === lt || Date.parse(gte) > Date.parse(lt)))
    throw new UserError(`the time range is empty: it is from ${gte} until before ${lt}`, {
      code: 'TIME_INVALID',
    });
  return [{ kind: 'time', field, gte, lt }];
}

function placeFilters({ near, withinMeters, box, polygons, placeField }: Asked, fields: Fields): Filter[] {
  const filters: Filter[] = [];
  const field = () => placeOf(placeField, fields);
  if (near !== undefined && withinMeters !== undefined)
    filters.push({ kind: 'distance', field: field(), center: near, meters: withinMeters });
  if (box !== undefined) filters.push({ kind: 'box', field: field(), ...box });
  if (polygons !== undefined) filters.push({ kind: 'polygon', field: field(), polygons });
  return filters;
}

/** What is asked for near a place and for no text comes nearest first. */
function sortKeys({ sort = [], near, text, placeField }: Asked, fields: Fields): SortKey[] {
  if (sort.length === 0 && near !== undefined && text === undefined)
    return [{ field: placeOf(placeField, fields), order: 'asc', near }];
  return sort.map(({ field, order }) => ({ field: fields.exact(field), order }));
}

function placeOf(named: string | undefined, fields: Fields): string {
  return named === undefined ? fields.usual(['location'], 'geo', '--place-field') : fields.of(named, 'geo');
}

function fitted(aggregation: Aggregation, fields: Fields): Aggregation {
  const { field, kind } = aggregation;
  switch (kind) {
    case 'terms':
      return { ...aggregation, field: fields.exact(field) };
    case 'date-histogram':
      return { ...aggregation, field: fields.of(field, 'date') };
    case 'percentiles':
      return { ...aggregation, field: fields.of(field, 'number') };
    case 'geo-grid':
      return { ...aggregation, field: fields.of(field, 'geo') };
  }
}
