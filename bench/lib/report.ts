import { execFileSync } from 'node:child_process';
import os from 'node:os';

import type { Finding, Series } from './bench.js';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** What the figures depend on, in one line. */
export function describeMachine(): string {
  const cpus = os.cpus();
  return [
    `${cpus.length} × ${cpus[0]?.model.trim() ?? os.arch()}`,
    `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `${os.type()} ${os.release()}`,
    `Node ${process.versions.node}`,
    versionOf('Redis', 'redis-server', '--version'),
    versionOf('PostgreSQL', 'psql', '--version'),
    `load ${os.loadavg()[0]!.toFixed(1)}`,
  ].join(', ');
}

function versionOf(name: string, program: string, ...args: string[]): string {
  try {
    return `${name} ${/\d+\.[\d.]*\d/.exec(execFileSync(program, args, { encoding: 'utf8' }))?.[0] ?? '?'}`;
  } catch {
    return `no ${name}`;
  }
}

/** Every round, the medians, and what the bar says. */
export function presentFinding(finding: Finding): string {
  const width = Math.max(...finding.series.map(({ name }) => name.length));
  const lines = finding.series.map(
    (series) =>
      `  ${series.name.padEnd(width)}  ${figureOf(series, median(series.values)).padStart(9)}` +
      (series.values.length > 1
        ? `  of ${series.values.map((value) => figure(series.unit, value)).join(' ')}`
        : ''),
  );
  const { ratios, verdict, bar } = judge(finding);
  if (ratios !== '') lines.push(`  ${'ratio'.padEnd(width)}  ${ratios.padStart(9)}`);
  if (bar !== '') lines.push(`  ${'bar'.padEnd(width)}  ${bar.padStart(9)}  ${verdict}`);
  return [finding.what, ...lines].join('\n');
}

/** The finding as a row of docs/benchmarks.md. */
export function markdownRow(finding: Finding): string {
  const [ours, ...peers] = finding.series;
  const { ratios, verdict, bar } = judge(finding);
  return `| ${[
    finding.what.replaceAll('|', '\\|'),
    figureOf(ours!, median(ours!.values)),
    peers
      .map((peer) => `${peer.name.replaceAll('|', '\\|')}: ${figureOf(peer, median(peer.values))}`)
      .join(', '),
    ratios,
    bar,
    verdict,
  ].join(' | ')} |`;
}

export const markdownHead = '| what | metrify | peer | ratio | bar | |\n|---|---|---|---|---|---|';

export function passes(finding: Finding): boolean {
  return finding.bar === undefined || observedOf(finding) <= finding.bar;
}

function observedOf({ series, judged }: Finding): number {
  const [ours, peer] = series.map(({ values }) => median(values));
  return judged === 'ratio' ? ours! / peer! : ours!;
}

function judge(finding: Finding): { ratios: string; bar: string; verdict: string } {
  const { series, judged, bar } = finding;
  const [ours, ...peers] = series.map(({ values }) => median(values));
  const ratios = judged === 'median' ? '' : peers.map((peer) => (ours! / peer).toFixed(2)).join(', ');
  if (bar === undefined) return { ratios, bar: '', verdict: '' };
  const observed = observedOf(finding);
  const shown = judged === 'ratio' ? String(bar) : figureOf(series[0]!, bar);
  const verdict =
    observed <= bar
      ? 'PASS'
      : `short by ${((observed / bar - 1) * 100).toFixed(observed > bar * 1.1 ? 0 : 1)} %`;
  return { ratios, bar: `≤ ${shown}`, verdict };
}

function figureOf(series: Series, value: number): string {
  return `${figure(series.unit, value)} ${series.unit}`;
}

function figure(unit: Series['unit'], value: number): string {
  const digits = { s: value < 1 ? 3 : 2, ms: 2, µs: 1, ns: 0, MB: 0, loads: 0, requests: 0, '%': 2 };
  return Number.isFinite(value) ? value.toFixed(digits[unit]) : '∞';
}
