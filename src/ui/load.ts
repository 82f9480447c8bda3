import { formatBytes, formatCount, formatDuration } from '../lib/core/units.js';
import type { LoadResult, Quantiles } from '../lib/load/result.js';
import type { Printer } from '../runtime/printer.js';

const titles = { p50: 'p50', p90: 'p90', p95: 'p95', p99: 'p99', p999: 'p99.9', max: 'max' } as const;

/** The result of a run, as people read it. */
export function presentLoad(result: LoadResult, printer: Printer): void {
  const { sent, answered, failed, incomplete, unsent } = result;
  printer.line(
    `${formatCount(sent)} requests in ${formatDuration(result.durationMs)}: ${formatCount(answered)} answered, ` +
      `${formatCount(failed)} failed, ${formatCount(incomplete)} incomplete; ${formatBytes(result.bytes)}`,
  );
  if (result.warmup)
    printer.line(printer.dim(`${formatCount(result.warmup.sent)} more in the warm-up, not counted`));
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
    rows.push(row('service time', result.serviceTimeMs), row('wait to be sent', result.waitMs));
  printer.table({
    columns: [{ title: '' }, ...names.map((name) => ({ title: titles[name], align: 'right' as const }))],
    rows,
  });
  const kinds = Object.entries(result.errors.byKind);
  if (kinds.length > 0) {
    printer.line();
    for (const [kind, count] of kinds) printer.warn(`${formatCount(count)} × ${kind}`);
  }
  for (const { name, checks } of result.byName)
    for (const { name: check, passed, failed } of checks)
      if (failed > 0)
        printer.warn(
          `${name}: ${formatCount(failed)} of ${formatCount(passed + failed)} checks failed: ${check}`,
        );
  if (result.iterations?.endedEarly)
    printer.warn(`${formatCount(result.iterations.endedEarly)} tasks ended early, since a capture failed`);
  if (result.iterations?.retryAfterObeyed)
    printer.warn(`${formatCount(result.iterations.retryAfterObeyed)} × waited as Retry-After asked`);
  if (result.generator.lostThreads > 0)
    printer.warn(
      `${result.generator.lostThreads} of ${result.generator.threads} threads of the generator died; their share is missing`,
    );
  if (result.generator.bottleneck)
    printer.warn(`the generator was the limit: ${result.generator.bottleneck}`);
  if (result.thresholds.length > 0) printer.line();
  for (const { expression, verdict, observed } of result.thresholds) {
    const text = `${expression}   ${observed}`;
    if (verdict === 'passed') printer.ok(text);
    else if (verdict === 'failed') printer.bad(text);
    else printer.warn(`${text} (no data)`);
  }
}

const rate = (perSecond: number) => `${formatCount(perSecond)}/s`;
