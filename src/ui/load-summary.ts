import { formatBytes, formatCount, formatDuration } from '../lib/core/units.js';
import type { Quantiles } from '../lib/load/quantiles.js';
import type { LoadResult } from '../lib/load/result.js';
import { markdownTable } from '../runtime/markdown.js';
import { formatQuantile, quantileTitles } from './load-figures.js';
import { loadWarnings } from './load-warnings.js';

/** Rows of a table; GitHub cuts a summary at 1 MiB. */
const mostRows = 50;

const verdicts = { passed: '✅ passed', failed: '❌ failed', 'no-data': '⚠️ no data' } as const;
const quantileNames = Object.keys(quantileTitles) as (keyof Quantiles)[];

/** The result of a run as Markdown, for the summary of a CI job. */
export function loadSummary(result: LoadResult): string {
  const { thresholds, byName, checks, slowest } = result;
  const sections = [
    '## Load test',
    `${formatCount(result.sent)} requests in ${formatDuration(result.durationMs)}: ${formatCount(result.answered)} answered, ` +
      `${formatCount(result.failed)} failed, ${formatCount(result.incomplete)} incomplete; ${formatBytes(result.bytes)}.`,
    ...loadWarnings(result).map((warning) => `⚠️ ${plain(warning)}`),
    ...table(
      ['threshold', 'verdict', 'observed'],
      thresholds.map(({ expression, verdict, observed }) => [expression, verdicts[verdict], observed]),
    ),
    table(
      ['', ...Object.values(quantileTitles)],
      [
        ['response time', ...cells(result.latencyMs, result.lowerBounds)],
        ['service time', ...cells(result.serviceTimeMs, result.serviceLowerBounds)],
        ['wait to be sent', ...cells(result.waitMs, [])],
      ].slice(0, result.targetRate === null ? 1 : 3),
    ),
    ...(result.latencyNote ? [plain(result.latencyNote)] : []),
    ...table(
      ['errors', 'count'],
      Object.entries(result.errors.byKind).map(([kind, count]) => [kind, formatCount(count)]),
    ),
    ...table(
      ['check', 'passed', 'failed'],
      checks.map(({ name, passed, failed }) => [name, formatCount(passed), formatCount(failed)]),
    ),
    ...(byName.length > 1
      ? table(
          ['name', 'sent', 'failed', 'incomplete', 'p50', 'p95', 'p99'],
          byName.map(({ name, sent, failed, incomplete, latencyMs, lowerBounds }) => [
            name,
            ...[sent, failed, incomplete].map(formatCount),
            ...cells(latencyMs, lowerBounds, ['p50', 'p95', 'p99']),
          ]),
        )
      : []),
    ...table(
      ['slowest', 'at', 'response', 'service', 'wait', 'outcome', 'trace'],
      slowest.map(({ name, dueMs, responseMs, serviceMs, waitMs, outcome, traceId }) => [
        name,
        ...[dueMs, responseMs, serviceMs, waitMs].map(formatDuration),
        String(outcome),
        traceId ?? '',
      ]),
    ),
  ];
  return `${sections.flat().join('\n\n')}\n\n`;
}

function table(titlesOf: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, mostRows).map((row) => row.map(plain));
  return [
    markdownTable(titlesOf, shown),
    ...(rows.length > mostRows ? [`… and ${formatCount(rows.length - mostRows)} more`] : []),
  ];
}

function cells(quantiles: Quantiles, bounds: readonly string[], names = quantileNames): string[] {
  return names.map((name) => formatQuantile(name, quantiles, bounds));
}

/** Text that Markdown and HTML take for nothing else; tables escape `|` themselves. */
function plain(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character]!)
    .replace(/[\\`*_{}[\]()#+!~@$]/g, '\\$&')
    .replace(/:\/\//g, ':&#47;/');
}
