import { formatBytes, formatCount, formatDuration } from '../lib/core/units.js';
import type { Quantiles } from '../lib/load/quantiles.js';
import type { LoadResult } from '../lib/load/result.js';
import type { FailureKind } from '../lib/load/tally.js';
import type { Printer } from '../runtime/printer.js';

const titles = { p50: 'p50', p90: 'p90', p95: 'p95', p99: 'p99', p999: 'p99.9', max: 'max' } as const;

/** From here on a closed loop may have gone as fast as the generator could. */
const busyShare = 0.9;

/** The result of a run, as people read it. */
export function presentLoad(result: LoadResult, printer: Printer): void {
  const { sent, answered, failed, incomplete, unsent } = result;
  printer.line(
    `${formatCount(sent)} requests in ${formatDuration(result.durationMs)}: ${formatCount(answered)} answered, ` +
      `${formatCount(failed)} failed, ${formatCount(incomplete)} incomplete; ${formatBytes(result.bytes)}`,
  );
  if (unsent > 0) printer.warn(`${formatCount(unsent)} more were due, and not sent`);
  const target = result.targetRate === null ? '' : `, of ${rate(result.targetRate)} wanted`;
  printer.line(`${rate(result.achievedRate)} sent${target}; ${rate(result.goodput)} expected answers`);
  printer.line();
  const names = Object.keys(titles) as (keyof Quantiles)[];
  const row = (title: string, quantiles: Quantiles, bounds: readonly string[] = []) => [
    title,
    ...names.map((name) => {
      const ms = quantiles[name];
      return ms === null ? '-' : `${bounds.includes(name) ? '≥ ' : ''}${formatDuration(ms)}`;
    }),
  ];
  const rows = [row('response time', result.latencyMs, result.lowerBounds)];
  if (result.targetRate !== null)
    rows.push(
      row('service time', result.serviceTimeMs, result.serviceLowerBounds),
      row('wait to be sent', result.waitMs),
    );
  printer.table({
    columns: [{ title: '' }, ...names.map((name) => ({ title: titles[name], align: 'right' as const }))],
    rows,
  });
  if (result.latencyNote) printer.line(result.latencyNote);
  const { byKind, reasons } = result.errors;
  const kinds = Object.entries(byKind);
  if (kinds.length > 0) {
    printer.line();
    for (const [kind, count] of kinds) {
      const reason = reasons[kind as FailureKind];
      printer.warn(`${formatCount(count)} × ${kind}${reason === undefined ? '' : `: ${reason}`}`);
    }
  }
  if (result.generator.missing) printer.warn(`a part of the load is missing: ${result.generator.missing}`);
  for (const { address, connections, failed } of result.generator.byAddress)
    if (failed > 0)
      printer.warn(
        `${address} did not take ${formatCount(failed)} connections, and took ${formatCount(connections)}; others of the name were tried`,
      );
  if (result.targetRate === null && result.generator.busy > busyShare)
    printer.warn(
      `the generator itself was busy ${(result.generator.busy * 100).toFixed(0)}% of the time: the rate may be its own limit, not the server's`,
    );
  if (result.generator.bottleneck)
    printer.warn(`the generator was the limit: ${result.generator.bottleneck}`);
  if (result.abortedBy) printer.warn(`ended early, since ${result.abortedBy} failed`);
  if (result.thresholds.length > 0) printer.line();
  for (const { expression, verdict, observed } of result.thresholds) {
    const text = `${expression}   ${observed}`;
    if (verdict === 'passed') printer.ok(text);
    else if (verdict === 'failed') printer.bad(text);
    else printer.warn(`${text} (no data)`);
  }
}

const rate = (perSecond: number) => `${formatCount(perSecond)}/s`;
