import type { CheckResult } from '../../../lib/rollout/analysis/judgement.js';
import type { ReportedEntry, RolloutReport } from '../../../lib/rollout/report.js';
import type { RouteChange } from '../../../lib/rollout/route.js';
import { formatWeights } from '../../../lib/rollout/session.js';
import { formatDuration } from '../../../lib/core/units.js';
import type { Check } from '../../../runtime/command.js';
import type { Printer } from '../../../runtime/printer.js';

/** A rollout as a person reads it. */
export function presentReport(report: RolloutReport, printer: Printer): void {
  presentState(report, printer);
  if (report.checks.length > 0) printer.line();
  presentChecks(report.checks, printer);
  for (const problem of report.problems) printer.warn(problem);
  if (report.next.length > 0) {
    printer.line();
    printer.commands(report.next);
  }
}

export function presentState(report: RolloutReport, printer: Printer): void {
  const { versions, steps, step } = report;
  printer.line(
    `${printer.bold(report.app)}  ${report.route} (${report.provider})  ${phaseText(report, printer)}`,
  );
  if (versions === null) return printer.line('no rollout has run on this route');
  if (report.live === null) {
    const { stable, canary } = report.weights;
    printer.line(
      `${versions.stable} ${percent(stable)}  ${bar(canary, 30)}  ${versions.canary} ${percent(canary)}` +
        (step > 0 ? `   step ${step} of ${steps.length} (${steps.map((one) => `${one}%`).join(' ')})` : ''),
    );
  } else {
    const name = report.live === 'blue' ? versions.stable : versions.canary;
    const live = name === report.live ? name : `${report.live} (${name})`;
    printer.line(`${live} is live with ${percent(report.weights.stable)} of the traffic`);
  }
  presentWaits(report, printer);
  const facts = [
    ...(report.holder === null ? [] : [`${report.holder} is at work on it`]),
    ...(report.reason === null ? [] : [report.reason]),
  ];
  for (const fact of facts) printer.marked('', fact);
}

/** How long the step has run, and what it waits for. */
export function presentWaits({ stepElapsedMs, waitsFor }: RolloutReport, printer: Printer): void {
  if (waitsFor.length > 0) printer.marked('', `waits for ${waitsFor.join('; ')}`);
  else if (stepElapsedMs !== null) printer.line(`in this step for ${formatDuration(stepElapsedMs)}`);
}

function phaseText({ phase }: RolloutReport, printer: Printer): string {
  if (phase === 'promoted') return printer.green(phase);
  return phase === 'failed' || phase === 'aborted' ? printer.red(phase) : printer.yellow(phase);
}

/** A check's verdict and numbers, and below them what they were held against. */
export function presentChecks(checks: readonly CheckResult[], printer: Printer): void {
  const width = Math.max(0, ...checks.map(({ name }) => name.length)) + 2;
  for (const { name, verdict, observed: seen, limit, where } of checks) {
    const observed = where === undefined ? seen : `${seen} (${where})`;
    const mark = verdict.padEnd(14);
    const colored =
      verdict === 'passed'
        ? printer.green(mark)
        : verdict === 'failed'
          ? printer.red(mark)
          : printer.yellow(mark);
    const isSaid = limit === seen;
    printer.marked(
      `${colored}${name.padEnd(width)}`,
      observed,
      ...(isSaid ? [] : [printer.dim(`limit: ${limit}`)]),
    );
  }
}

export function presentHistory(history: readonly ReportedEntry[], printer: Printer): void {
  if (history.length === 0) return printer.line('no rollout has run on this route');
  printer.table({
    columns: ['when', 'who', 'what', 'versions', 'from', 'to', 'verdict'].map((title) => ({ title })),
    rows: history.map((entry) => [
      entry.at.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
      entry.who,
      entry.action,
      entry.versions.join(' → '),
      formatWeights(entry.from),
      formatWeights(entry.to),
      entry.reason === undefined ? entry.verdict : `${entry.verdict}: ${entry.reason}`,
    ]),
  });
}

/** What `--dry-run` shows: a diff of what is routed. What metrify keeps for itself is named, and not shown. */
export function presentChanges(changes: readonly RouteChange[], printer: Printer): void {
  if (changes.length === 0) return printer.line('Would change nothing.');
  const shown = changes.filter(({ diff }) => diff);
  if (shown.length === 0)
    return printer.line('Would change no traffic, only what metrify keeps of the rollout.');
  for (const { object, diff } of shown) {
    printer.heading(`Would change ${object}`);
    for (const line of diff!.trimEnd().split('\n')) printer.line(coloured(line, printer));
  }
}

function coloured(line: string, printer: Printer): string {
  if (/^(@@|---|\+\+\+)/.test(line)) return printer.dim(line);
  if (line.startsWith('-')) return printer.red(line);
  return line.startsWith('+') ? printer.green(line) : line;
}

function percent(value: number): string {
  return `${Number(value.toFixed(2))}%`;
}

function bar(share: number, width: number): string {
  const filled = Math.round((share / 100) * width);
  return '─'.repeat(width - filled) + '█'.repeat(filled);
}

/** For `--junit`. */
export function checksOf(results: readonly CheckResult[]): Check[] {
  return results.map(({ name, verdict, observed, limit }) => {
    const text = `${observed} (limit: ${limit})`;
    if (verdict === 'failed') return { name, failure: text };
    return verdict === 'passed' ? { name } : { name, inconclusive: text };
  });
}
