import { counted, formatDuration, formatPercent } from '../lib/core/units.js';
import type { ComparisonResult } from '../lib/load/compare/result.js';
import type { Printer } from '../runtime/printer.js';

type Quantile = ComparisonResult['quantiles'][number];

/** Two runs side by side: quantiles with the intervals of their ratios, and what follows from them. */
export function presentComparison(result: ComparisonResult, printer: Printer): void {
  const { a, b, quantiles, errors, interleaved } = result;
  printer.facts([
    ['A', `${a.name}: ${sizeOf(a)}`],
    ['B', `${b.name}: ${sizeOf(b)}`],
  ]);
  printer.line();
  printer.table({
    columns: [
      { title: '' },
      ...['A', 'B', 'B ÷ A'].map((title) => ({ title, align: 'right' as const })),
      { title: 'interval' },
      { title: '' },
    ],
    rows: [
      ...quantiles.map((each) => [
        quantileName(each),
        time(each.a),
        time(each.b),
        each.ratio === null ? '–' : change(each.ratio),
        each.missing === undefined ? intervalOf(each) : '',
        each.missing === undefined ? each.verdict : 'too few requests',
      ]),
      [
        'errors',
        formatPercent(rateOf(errors.a)),
        formatPercent(rateOf(errors.b)),
        points(rateOf(errors.b) - rateOf(errors.a)),
        `${points(errors.interval.lower)} to ${points(errors.interval.upper)}`,
        errors.verdict,
      ],
    ],
  });
  printer.line();
  if (!interleaved)
    printer.warn('the runs did not take turns: what else changed between them counts as a difference');
  plans(result, printer);
  conclusion(result, printer);
}

/** `p95`, `p99.9`. */
export function quantileName({ quantile }: Pick<Quantile, 'quantile'>): string {
  return `p${Number((100 * quantile).toPrecision(6))}`;
}

/** `+10%`. */
export function change(ratio: number): string {
  return `${ratio >= 1 ? '+' : ''}${Number((100 * (ratio - 1)).toFixed(1))}%`;
}

export function intervalOf({ interval: { lower, upper } }: Pick<Quantile, 'interval'>): string {
  return `${change(lower)} to ${upper === null ? 'any' : change(upper)}`;
}

/** What would make it clear; where it is clear nobody needs it. */
function plans({ quantiles }: ComparisonResult, printer: Printer): void {
  for (const { plan, verdict, missing, ...each } of quantiles) {
    if (missing !== undefined) printer.line(printer.dim(`${quantileName(each)}: ${missing}`));
    if (verdict !== 'unclear' || !plan) continue;
    const aim = `To find ${change(1 + plan.increase)} at ${quantileName(each)} with a certainty of ${formatPercent(plan.certainty, 0)}`;
    if (plan.slices === null) printer.line(`${aim}, no length of these runs is enough.`);
    else
      printer.line(
        `${aim}: ${counted(plan.slices, 'slice')} of each, ${counted(plan.requests!, 'request')}.`,
      );
  }
}

function conclusion({ conclusion, maxIncrease }: ComparisonResult, printer: Printer): void {
  const limit = maxIncrease === null ? '' : ` by more than ${formatPercent(maxIncrease)}`;
  if (conclusion === 'worse') printer.bad(printer.bold(`B is worse than A${limit}`));
  else if (conclusion === 'unclear')
    printer.warn(printer.bold(`unclear: whether B is worse than A${limit} cannot be told from these runs`));
  else
    printer.ok(
      printer.bold(
        conclusion === 'better'
          ? 'B is better than A'
          : maxIncrease === null
            ? 'A and B are the same, within 5%'
            : `B is not worse than A${limit}`,
      ),
    );
}

function sizeOf({ sent, slices }: ComparisonResult['a']): string {
  return `${counted(sent, 'request')} in ${counted(slices, 'slice')}`;
}

function time(value: Quantile['a']): string {
  return value === null ? '–' : `${value.isBound ? '≥ ' : ''}${formatDuration(value.ms)}`;
}

function points(share: number): string {
  return `${share >= 0 ? '+' : ''}${Number((100 * share).toFixed(2))}%`;
}

const rateOf = ({ events, trials }: ComparisonResult['errors']['a']): number =>
  trials === 0 ? 0 : events / trials;
