import { counted, formatBytes, formatCount, formatDuration } from '../lib/core/units.js';
import type { Quantiles } from '../lib/load/quantiles.js';
import type { LoadResult, NameResult } from '../lib/load/result.js';
import type { FailureKind } from '../lib/load/tally.js';
import { verdictOf } from '../lib/load/verdict.js';
import type { Printer } from '../runtime/printer.js';
import { formatQuantile, formatRate, quantileTitles } from './load-figures.js';
import { loadWarnings } from './load-warnings.js';

const shownNames = 15;

/** The result of a run, as people read it: figures first, the verdict last, where the eye is when it has scrolled by. */
export function presentLoad(result: LoadResult, printer: Printer): void {
  presentFigures(result, printer);
  if (result.thresholds.length === 0)
    printer.line(printer.dim("Nothing was judged: --threshold 'p95<200ms,error_rate<1%' does."));
}

/** The same, for a verb that judges also without thresholds. */
export function presentFigures(result: LoadResult, printer: Printer): void {
  counts(result, printer);
  times(result, printer);
  names(result, printer);
  errors(result, printer);
  checks(result, printer);
  thresholds(result, printer);
  conclusion(result, printer);
}

function counts(result: LoadResult, printer: Printer): void {
  const { sent, answered, failed, incomplete, durationMs, bytes, targetRate } = result;
  printer.line(
    `${counted(sent, 'request')} in ${formatDuration(durationMs)}: ${formatCount(answered)} answered, ` +
      `${formatCount(failed)} failed, ${formatCount(incomplete)} incomplete; ${formatBytes(bytes)}`,
  );
  if (result.warmup)
    printer.line(printer.dim(`${counted(result.warmup.sent, 'request')} more in the warm-up, not counted`));
  const wanted = targetRate === null ? '' : `, of ${formatRate(targetRate)} wanted`;
  printer.line(
    `${formatRate(result.achievedRate)} sent${wanted}; ${formatRate(result.goodput)} expected answers`,
  );
}

function times(result: LoadResult, printer: Printer): void {
  const { latencyCount, incomplete, lowerBounds, serviceLowerBounds } = result;
  printer.line();
  if (latencyCount === 0) return printer.line('No request had an expected answer.');
  const row = (title: string, quantiles: Quantiles, bounds: readonly string[]) => [
    title,
    ...quantileNames.map((name) => formatQuantile(name, quantiles, bounds)),
  ];
  const service = row('service time', result.serviceTimeMs, serviceLowerBounds);
  printer.table({
    columns: [
      { title: `of ${formatCount(latencyCount)}` },
      ...quantileNames.map((name) => ({
        title: quantileTitles[name],
        align: 'right' as const,
        ...((name === 'p90' || name === 'p999') && { optional: true as const }),
      })),
    ],
    rows:
      result.targetRate === null
        ? [service]
        : [
            row('response time', result.latencyMs, lowerBounds),
            service,
            row('wait to be sent', result.waitMs, []),
          ],
  });
  if (lowerBounds.length + serviceLowerBounds.length > 0)
    printer.line(
      printer.dim(
        `≥: ${counted(incomplete, 'request')} without an answer took at least as long as it waited`,
      ),
    );
  if (result.latencyNote) printer.line(result.latencyNote);
}

const quantileNames = Object.keys(quantileTitles) as (keyof Quantiles)[];

/** One name says nothing that the total has not said. */
function names({ byName }: LoadResult, printer: Printer): void {
  if (byName.length < 2) return;
  const time = ({ latencyMs, lowerBounds }: NameResult, quantile: keyof Quantiles) =>
    formatQuantile(quantile, latencyMs, lowerBounds);
  printer.line();
  const right = (title: string) => ({ title, align: 'right' as const });
  printer.table({
    columns: [
      { title: 'name', cut: true },
      right('sent'),
      right('errors'),
      { ...right('p50'), optional: true },
      right('p95'),
      { ...right('p99'), optional: true },
    ],
    rows: [...byName]
      .sort((a, b) => b.sent - a.sent)
      .slice(0, shownNames)
      .map((each) => [
        each.isOther ? printer.dim(each.name) : each.name,
        formatCount(each.sent),
        formatCount(each.failed + each.unexpected),
        time(each, 'p50'),
        time(each, 'p95'),
        time(each, 'p99'),
      ]),
  });
  if (byName.length > shownNames)
    printer.line(printer.dim(`and ${byName.length - shownNames} more (--json has them all)`));
}

function errors({ errors: { byKind, reasons } }: LoadResult, printer: Printer): void {
  const kinds = Object.entries(byKind).sort(([, a], [, b]) => b - a);
  if (kinds.length > 0) printer.line();
  for (const [kind, count] of kinds) {
    const reason = reasons[kind as FailureKind];
    printer.warn(`${formatCount(count)} × ${kind}${reason === undefined ? '' : `: ${reason}`}`);
  }
}

function checks({ checks }: LoadResult, printer: Printer): void {
  if (checks.length > 0) printer.line();
  for (const { name, passed, failed } of checks) {
    const text = `check ${name}   ${formatCount(passed)} of ${formatCount(passed + failed)} passed`;
    if (failed > 0) printer.bad(text);
    else if (passed > 0) printer.ok(text);
    else printer.warn(text);
  }
}

function thresholds({ thresholds }: LoadResult, printer: Printer): void {
  if (thresholds.length > 0) printer.line();
  for (const { expression, verdict, observed } of thresholds) {
    const text = `${expression}   ${observed}`;
    if (verdict === 'passed') printer.ok(text);
    else if (verdict === 'failed') printer.bad(text);
    else printer.warn(`${text} (no data)`);
  }
}

/** What the run means, and what made it mean less than it should. */
function conclusion(result: LoadResult, printer: Printer): void {
  const { thresholds } = result;
  printer.line();
  for (const warning of loadWarnings(result)) printer.warn(warning);
  if (thresholds.length === 0) return;
  const failed = thresholds.filter(({ verdict }) => verdict === 'failed').length;
  const verdict = verdictOf(result);
  if (verdict === 'ok') printer.ok(printer.bold(`${counted(thresholds.length, 'threshold')} passed`));
  else if (verdict === 'failed')
    printer.bad(printer.bold(`${failed} of ${counted(thresholds.length, 'threshold')} failed`));
  else if (result.stopped)
    printer.warn(printer.bold('stopped: whether the thresholds hold for the whole run is not known'));
  else printer.warn(printer.bold(verdict === 'partial' ? 'partial' : 'inconclusive: too little is known'));
}
