import { counted, formatCount } from '../lib/core/units.js';
import type { AggregationResult, Total } from '../lib/search/query/question.js';
import type { Printer } from '../runtime/printer.js';

/** What was found, after the hits themselves. */
export function presentFound(
  total: Total | undefined,
  shown: number,
  aggregations: Readonly<Record<string, unknown>>,
  printer: Printer,
): void {
  for (const [name, result] of Object.entries(aggregations)) {
    printer.heading(name);
    if (isOurs(result)) presentAggregation(result, printer);
    else printer.block(JSON.stringify(result, undefined, 2));
    printer.line();
  }
  if (total === undefined) printer.line(`${counted(shown, 'hit')}; how many there are was not counted`);
  else if (shown === total.count && !total.atLeast) printer.line(totalText(total));
  else printer.line(`${formatCount(shown)} of ${totalText(total)}`);
}

/** `1 hit`, `≥ 10,000 hits` */
function totalText({ count, atLeast }: Total): string {
  return `${atLeast ? '≥ ' : ''}${counted(count, 'hit')}`;
}

/** Of an engine's own aggregations none has a text of that name. */
function isOurs(result: unknown): result is AggregationResult {
  return typeof (result as Partial<AggregationResult> | null)?.kind === 'string';
}

function presentAggregation(result: AggregationResult, printer: Printer): void {
  if (result.kind === 'values') {
    printer.table({
      columns: [
        { title: 'percent', align: 'right' },
        { title: 'value', align: 'right' },
      ],
      rows: result.values.map(({ percent, value }) => [`${percent}`, value === null ? '' : `${value}`]),
    });
  } else presentBuckets(result, printer);
}

function presentBuckets(result: Extract<AggregationResult, { kind: 'buckets' }>, printer: Printer): void {
  const { buckets, isCut, otherCount, countError = 0 } = result;
  const most = Math.max(1, ...buckets.map(({ count }) => count));
  printer.table({
    columns: [
      { title: 'key', cut: true },
      { title: 'hits', align: 'right' },
      { title: '', optional: true },
    ],
    rows: buckets.map(({ key, count }) => [key, formatCount(count), printer.bar(count / most).trimEnd()]),
  });
  if (otherCount !== undefined && otherCount > 0)
    printer.warn(`there are more: ${counted(otherCount, 'hit')} in keys that are not shown`);
  else if (isCut) printer.warn(`there are more: only the ${formatCount(buckets.length)} largest are shown`);
  if (countError > 0)
    printer.warn(
      `a count may be too low by up to ${formatCount(countError)}: shards gave their most frequent keys only`,
    );
}
