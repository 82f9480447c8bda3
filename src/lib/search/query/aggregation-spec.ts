import { UserError } from '../../core/errors.js';
import type { Aggregation } from './question.js';

const usualTerms = 10;
const usualPercents = [50, 90, 95, 99];
const usualPrecision = 5;
/** As many as servers make at once. */
const mostBuckets = 10_000;

const hint =
  'Write it as terms:FIELD[:MAXIMUM], date:FIELD:INTERVAL (15m, 1h, 1d, 1w, 1M, 1y), percentiles:FIELD[:50,95,99] or geo:FIELD[:1 to 12].';

/** `terms:type:20`, `date:time:1h`, `percentiles:value:50,95,99`, `geo:location:5`. @throws UserError exit 2 */
export function parseAggregation(text: string): Aggregation {
  const [, kind, field, parameter] = /^(\w+):(.+?)(?::([^:]*))?$/.exec(text) ?? [];
  const spec = field === undefined ? undefined : aggregationOf(kind!, { name: text, field }, parameter);
  if (spec === undefined)
    throw new UserError(`'${text}' is not an aggregation`, { code: 'AGGREGATION_INVALID', hint });
  return spec;
}

function aggregationOf(
  kind: string,
  named: { readonly name: string; readonly field: string },
  parameter: string | undefined,
): Aggregation | undefined {
  switch (kind) {
    case 'terms': {
      const size = parameter === undefined ? usualTerms : wholeOf(parameter, mostBuckets);
      return size === undefined ? undefined : { ...named, kind: 'terms', size };
    }
    case 'date':
      return parameter !== undefined && /^([1-9]\d*[smhd]|1[wMqy])$/.test(parameter)
        ? { ...named, kind: 'date-histogram', interval: parameter }
        : undefined;
    case 'percentiles': {
      const percents = parameter === undefined ? usualPercents : parameter.split(',').map(percentOf);
      return percents.some(Number.isNaN) ? undefined : { ...named, kind: 'percentiles', percents };
    }
    case 'geo': {
      const precision = parameter === undefined ? usualPrecision : wholeOf(parameter, 12);
      return precision === undefined
        ? undefined
        : { ...named, kind: 'geo-grid', precision, size: mostBuckets };
    }
    default:
      return undefined;
  }
}

function wholeOf(text: string, most: number): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && number >= 1 && number <= most ? number : undefined;
}

function percentOf(text: string): number {
  const percent = Number(text);
  return /^\d+(\.\d+)?$/.test(text) && percent <= 100 ? percent : Number.NaN;
}
