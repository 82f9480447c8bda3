import { formatBytes, formatCount, formatDuration, formatPercent } from '../lib/core/units.js';
import type { LoadResult } from '../lib/load/result.js';
import type { Drift, Unit } from '../lib/load/soak/drift.js';
import type { Printer } from '../runtime/printer.js';
import { presentFigures } from './load.js';
import { sparkline } from './sparkline.js';

export interface SoakResult extends LoadResult {
  readonly drift: readonly Drift[];
}

const columns = 24;

export function presentSoak(result: SoakResult, printer: Printer): void {
  presentFigures(result, printer);
  if (result.thresholds.length > 0) printer.line();
  printer.table({
    columns: [
      { title: 'over time', cut: true },
      { title: '', optional: true },
      { title: 'at first', align: 'right' },
      { title: 'rise', align: 'right' },
      { title: 'interval', optional: true },
      { title: '' },
    ],
    rows: result.drift.map(({ name, unit, verdict, begins, rise, interval, points }) => [
      name,
      sparkline(
        points.map(({ value }) => value),
        columns,
      ),
      begins === null ? '–' : amount(unit, begins),
      rise === null ? '–' : signed(unit, rise),
      intervalOf(unit, interval),
      verdict,
    ]),
  });
  printer.line();
  const named = (verdict: Drift['verdict']) =>
    result.drift.flatMap((one) => (one.verdict === verdict ? one.name : [])).join(', ');
  if (named('rising') !== '') printer.bad(printer.bold(`rising: ${named('rising')}`));
  if (named('unclear') !== '')
    printer.warn(printer.bold(`unclear: ${named('unclear')}`), 'A longer run tells.');
  if (named('rising') === '' && named('unclear') === '') printer.ok(printer.bold('nothing rises'));
}

function intervalOf(unit: Unit, { lower, upper }: Drift['interval']): string {
  if (lower === null) return upper === null ? 'unknown' : `${signed(unit, upper)} or less`;
  return upper === null
    ? `${signed(unit, lower)} or more`
    : `${signed(unit, lower)} to ${signed(unit, upper)}`;
}

export function signed(unit: Unit, value: number): string {
  return `${value < 0 ? '-' : '+'}${amount(unit, Math.abs(value))}`;
}

function amount(unit: Unit, value: number): string {
  if (value < 0) return signed(unit, value);
  if (unit === 'ms') return formatDuration(value);
  if (unit === 'share') return formatPercent(value, 2);
  if (unit === 'bytes') return formatBytes(value);
  return unit === 'count' ? formatCount(Math.round(value)) : String(Number(value.toPrecision(4)));
}
