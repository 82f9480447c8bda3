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
      ...['A', 'B', 'change'].map((title) => ({ title, align: 'right' as const })),
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
        each.missing === undefined ? each.verdict : notJudged,
      ]),
      [
        'errors',
        formatPercent(rateOf(errors.a)),
        formatPercent(rateOf(errors.b)),
        points(rateOf(errors.b) - rateOf(errors.a)),
        errors.missing === undefined ? pointsBetween(errors.interval) : '',
        errors.missing === undefined ? errors.verdict : notJudged,
      ],
    ],
  });
  printer.line();
  if (!interleaved && a.slices > 0 && b.slices > 0)
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
  if (upper === null) return lower === 0 ? 'unknown' : `${change(lower)} or more`;
  return lower === 0 ? `${change(upper)} or less` : `${change(lower)} to ${change(upper)}`;
}

/** What would make it clear; where it is clear nobody needs it. */
function plans({ quantiles, errors, conclusion }: ComparisonResult, printer: Printer): void {
  const whyNot = new Map<string, string[]>();
  for (const [name, { missing }] of [
    ...quantiles.map((each) => [quantileName(each), each] as const),
    ['errors', errors] as const,
  ])
    if (missing !== undefined) whyNot.set(missing, [...(whyNot.get(missing) ?? []), name]);
  for (const [reason, names] of whyNot)
    printer.line(printer.dim(`${names.join(', ')} ${notJudged}: ${reason}`));
  if (conclusion !== 'unclear') return;
  for (const { plan, verdict, ...each } of quantiles) {
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

/** `+0.2 points`: percentage points. */
function points(share: number): string {
  return `${signedPoints(share)} points`;
}

function pointsBetween({ lower, upper }: ComparisonResult['errors']['interval']): string {
  return `${signedPoints(lower)} to ${points(upper)}`;
}

function signedPoints(share: number): string {
  const rounded = Number((100 * share).toFixed(2));
  return `${rounded >= 0 ? '+' : ''}${rounded}`;
}

const notJudged = 'not judged';

const rateOf = ({ events, trials }: ComparisonResult['errors']['a']): number =>
  trials === 0 ? 0 : events / trials;
