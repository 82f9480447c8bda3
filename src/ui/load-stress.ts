import { formatDuration, formatPercent } from '../lib/core/units.js';
import type { MeasuredCapacity, MeasuredStep } from '../lib/load/capacity/measure.js';
import type { Printer } from '../runtime/printer.js';
import { formatRate } from './load-figures.js';

/** Rates are in requests a second, tasks of a scenario; times in milliseconds. */
export interface StressResult {
  /** The highest one that held; null when none did. */
  readonly rate: number | null;
  readonly end: MeasuredCapacity['end'] | 'stopped';
  /** Probability that it is within 5 % of the capacity. */
  readonly confidence: number | null;
  /** The capacity is within these with a probability of 90 %. */
  readonly interval: MeasuredCapacity['interval'] | null;
  /** Whether 60 % of the rate held after an overload; null when it was not tried. */
  readonly recovered: boolean | null;
  /** From where on latency rises steeply; null where it does nowhere. */
  readonly knee: { readonly rate: number; readonly p95: number } | null;
  readonly minRate: number | null;
  readonly steps: readonly MeasuredStep[];
}

const ends: Readonly<Record<StressResult['end'], string>> = {
  converged: 'the capacity is known as closely as wanted',
  budget: 'time was over before it was known closely: give a longer --within',
  highest: 'all that was allowed holds: give a higher --max-rate',
  lowest: 'not even the lowest rate holds',
  unclear: 'the generator went no further, or latencies had no data',
  stopped: 'it was stopped',
};

const barColumns = 30;

export function presentStress(result: StressResult, printer: Printer): void {
  curve(result, printer);
  printer.line();
  const { rate, end, interval, recovered, knee, minRate } = result;
  if (knee) printer.line(`Latency rises steeply from ${formatRate(knee.rate)} on.`);
  if (recovered === false)
    printer.bad(`after an overload, 60% of that rate did not hold: the service does not recover by itself`);
  else if (recovered) printer.ok('it recovered from an overload');
  if (rate === null) {
    const text = printer.bold(`no rate held: ${ends[end]}`);
    return end === 'lowest' ? printer.bad(text) : printer.warn(text);
  }
  const isBounded = result.steps.some(({ phase, holds }) => phase !== 'recover' && holds === false);
  const belief =
    isBounded && interval
      ? `; the limit is between ${formatRate(interval.lower)} and ${formatRate(interval.upper)} (90% sure)`
      : '';
  const text = printer.bold(`${formatRate(rate)} holds${belief}`);
  if (minRate !== null && rate < minRate) printer.bad(`${text}; ${formatRate(minRate)} is wanted`);
  else if (end === 'converged') printer.ok(text);
  else printer.warn(text, ends[end]);
}

/** A line while it runs. */
export function stepLine(step: MeasuredStep): string {
  const { phase, rate, latencyMs, errors, bottleneck } = step;
  const failed = errors === 0 ? '' : `, ${formatPercent(errors / Math.max(1, step.sent))} errors`;
  const p95 = latencyMs.p95 === null ? '–' : formatDuration(latencyMs.p95);
  const why = step.holds === 'unclear' && bottleneck !== undefined ? `: ${bottleneck}` : '';
  return `${phase.padEnd(8)}  ${formatRate(rate).padStart(9)}  p95 ${p95}${failed}  ${verdicts[String(step.holds)]}${why}`;
}

const verdicts: Readonly<Record<string, string>> = {
  true: 'holds',
  false: 'does not hold',
  unclear: 'unclear',
};

/** p95 over the rate, on a logarithmic scale: an overload takes many times as long. */
function curve({ steps, knee, rate: found }: StressResult, printer: Printer): void {
  const rates = new Map<number, MeasuredStep[]>();
  for (const step of steps)
    // Latencies of the generator are not the service's.
    if (step.phase !== 'recover' && step.holds !== 'unclear')
      rates.set(step.rate, [...(rates.get(step.rate) ?? []), step]);
  const points = [...rates]
    .sort(([one], [other]) => one - other)
    .map(([rate, all]) => ({
      rate,
      p95: average(all.flatMap(({ latencyMs }) => latencyMs.p95 ?? [])),
      holds: all.filter(({ holds }) => holds === true).length / all.length,
    }));
  const known = points.flatMap(({ p95 }) => p95 ?? []).filter((ms) => ms > 0);
  if (known.length === 0) return;
  const [least, most] = [Math.log(Math.min(...known) / 2), Math.log(Math.max(...known))];
  const share = (ms: number) => (most > least ? (Math.log(Math.max(ms, 1e-3)) - least) / (most - least) : 1);
  printer.line();
  printer.table({
    columns: [
      { title: 'rate', align: 'right' },
      { title: 'p95', align: 'right' },
      { title: '', optional: true },
      { title: 'holds' },
      { title: '' },
    ],
    rows: points.map(({ rate, p95, holds }) => [
      formatRate(rate),
      p95 === undefined ? '–' : formatDuration(p95),
      p95 === undefined ? '' : printer.bar(Math.max(0, share(p95)), barColumns),
      holds === 1 ? 'yes' : holds === 0 ? 'no' : 'at times',
      [...(rate === found ? ['← found'] : []), ...(rate === knee?.rate ? ['← knee'] : [])].join(' '),
    ]),
  });
}

function average(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
