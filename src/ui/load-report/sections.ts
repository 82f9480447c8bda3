import { counted, formatBytes, formatCount, formatDuration, formatPercent } from '../../lib/core/units.js';
import type { LoadResult, NameResult } from '../../lib/load/result.js';
import type { Quantiles } from '../../lib/load/quantiles.js';
import type { FailureKind } from '../../lib/load/tally.js';
import { formatQuantile, formatRate, quantileTitles } from '../load-figures.js';
import { loadWarnings } from '../load-warnings.js';
import { html, type Html } from './html.js';
import type { ReportedRun } from './page.js';

const tones: Readonly<Record<string, string>> = {
  ok: 'good',
  passed: 'good',
  failed: 'bad',
};
const toneOf = (verdict: string) => tones[verdict] ?? 'warn';
/** Above this many rows a table scrolls, and can be filtered. */
const longTable = 20;

/** Verdict, what limits it, and the figures that are asked for first. */
export function head({ title, verdict, result }: ReportedRun): Html {
  const { latencyMs, lowerBounds } = result;
  const errorRate = result.sent === 0 ? 0 : result.errors.total / result.sent;
  const tile = (name: string, value: string, detail = '') =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}<small>${detail}</small></dd>
    </div>`;
  const started = result.startedAt.replace(/\.\d+Z$/, 'Z').replace('T', ' ');
  const quantile = (name: keyof Quantiles) => formatQuantile(name, latencyMs, lowerBounds);
  return html`<header>
    <div class="verdict ${toneOf(verdict)}">${verdict}</div>
    <h1>${title}</h1>
    <p>Started ${started}; ${formatDuration(result.durationMs)} of load</p>
    ${loadWarnings(result).map((warning) => html`<p class="banner warn"><span>${warning}</span></p>`)}
    <dl class="tiles">
      ${tile('Sent', formatCount(result.sent), formatRate(result.achievedRate) + (result.targetRate === null ? '' : ` of ${formatRate(result.targetRate)} wanted`))}
      ${tile('Answered', formatCount(result.answered), `${formatRate(result.goodput)} as expected`)}
      ${tile('Errors', formatCount(result.errors.total), `${formatPercent(errorRate, 3)} of sent`)}
      ${tile('No answer at the end', formatCount(result.incomplete), 'their age counts as latency')}
      ${tile('p50', quantile('p50'))} ${tile('p95', quantile('p95'))} ${tile('p99', quantile('p99'))}
      ${tile('Data', formatBytes(result.bytes), 'received')}
    </dl>
  </header>`;
}

export function thresholds({ thresholds, checks }: LoadResult): Html {
  if (thresholds.length + checks.length === 0) return html``;
  const verdict = (text: string) => html`<td class="${toneOf(text)}"><b>${text.replace('-', ' ')}</b></td>`;
  return html`<h2>Thresholds and checks</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>verdict</th>
            <th>condition</th>
            <th>observed</th>
          </tr>
        </thead>
        <tbody>
          ${thresholds.map(
            (each) =>
              html`<tr>
                ${verdict(each.verdict)}
                <td class="mono">${each.expression}</td>
                <td>${each.observed}</td>
              </tr> `,
          )}
          ${checks.map(({ name, passed, failed }) => {
            const state = failed > 0 ? 'failed' : passed > 0 ? 'passed' : 'no-data';
            const of = `${formatCount(passed)} of ${formatCount(passed + failed)} passed`;
            return html`<tr>
              ${verdict(state)}
              <td>check: ${name}</td>
              <td>${of}</td>
            </tr> `;
          })}
        </tbody>
      </table>
    </div>`;
}

export function latencies(result: LoadResult): Html {
  const names = Object.keys(quantileTitles) as (keyof Quantiles)[];
  const row = (title: string, quantiles: Quantiles, bounds: readonly string[]) =>
    html`<tr>
      <td>${title}</td>
      ${names.map((name) => html`<td class="number">${formatQuantile(name, quantiles, bounds)}</td>`)}
    </tr> `;
  const isOpen = result.targetRate !== null;
  return html`<h2>Latency</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>of ${formatCount(result.latencyCount)} requests</th>
            ${names.map((name) => html`<th class="number">${quantileTitles[name]}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${isOpen ? row('response time', result.latencyMs, result.lowerBounds) : ''}
          ${row('service time', result.serviceTimeMs, result.serviceLowerBounds)}
          ${isOpen ? row('wait to be sent', result.waitMs, []) : ''}
        </tbody>
      </table>
    </div>
    ${result.latencyNote === undefined ? '' : html`<p class="note">${result.latencyNote}</p>`}
    ${result.lowerBounds.length + result.serviceLowerBounds.length === 0 ? '' : html`<p class="note">≥: requests without an answer are at least as slow as they are old.</p>`}`;
}

export function errors({ errors, sent }: LoadResult): Html {
  const kinds = Object.entries(errors.byKind).sort(([, a], [, b]) => b - a);
  if (kinds.length === 0) return html``;
  const most = kinds[0]![1];
  return html`<h2>Errors by kind</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>kind</th>
            <th>why the first one</th>
            <th class="number">requests</th>
            <th class="number">of sent</th>
            <th></th>
          </tr>
        </thead>
        <tbody>
          ${kinds.map(
            ([kind, count]) =>
              html`<tr>
                <td>${kind}</td>
                <td>${errors.reasons[kind as FailureKind]}</td>
                <td class="number">${formatCount(count)}</td>
                <td class="number">${formatPercent(count / sent, 3)}</td>
                <td>
                  <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect width="${(100 * count) / most}" height="10" />
                  </svg>
                </td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>`;
}

/** One row a name; with many of them it scrolls, sorts and filters. */
export function names({ byName }: LoadResult): Html {
  if (byName.length === 0) return html``;
  const count = (value: number) => html`<td class="number" data-value="${value}">${formatCount(value)}</td>`;
  const time = ({ latencyMs, lowerBounds }: NameResult, quantile: keyof Quantiles) =>
    html`<td class="number" data-value="${latencyMs[quantile] ?? -1}">
      ${formatQuantile(quantile, latencyMs, lowerBounds)}
    </td>`;
  const isLong = byName.length > longTable;
  const titles = ['sent', 'failed', 'unexpected', 'no answer', 'p50', 'p95', 'p99', 'max'];
  return html`<h2>By name</h2>
    <div class="sortable">
      ${isLong ? html`<input type="search" placeholder="filter ${byName.length} names" aria-label="filter by name" />` : ''}
      <div class="scroll ${isLong ? 'long' : ''}">
        <table>
          <thead>
            <tr>
              <th><button type="button">name</button></th>
              ${titles.map((title) => html`<th class="number"><button type="button">${title}</button></th>`)}
            </tr>
          </thead>
          <tbody>
            ${[...byName]
              .sort((a, b) => b.sent - a.sent)
              .map(
                (row) =>
                  html`<tr>
                    <td class="name">${row.isOther ? html`<i>${row.name}</i>` : row.name}</td>
                    ${count(row.sent)}${count(row.failed)}${count(row.unexpected)}${count(row.incomplete)}${time(row, 'p50')}${time(row, 'p95')}${time(row, 'p99')}${time(row, 'max')}
                  </tr> `,
              )}
          </tbody>
        </table>
      </div>
    </div>`;
}

export function slowest({ slowest, targetRate }: LoadResult): Html {
  if (slowest.length === 0) return html``;
  const isOpen = targetRate !== null;
  const isTraced = slowest.some(({ traceId }) => traceId !== undefined);
  const number = (title: string) => html`<th class="number">${title}</th>`;
  const time = (ms: number) => html`<td class="number">${formatDuration(ms)}</td>`;
  return html`<h2>Slowest requests</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>name</th>
            ${number('due after')}${isOpen ? [number('response'), number('wait')] : ''}${number('service')}
            <th>outcome</th>
            ${isTraced ? html`<th>trace id</th>` : ''}
          </tr>
        </thead>
        <tbody>
          ${slowest.map(
            (each) =>
              html`<tr>
                <td class="name">${each.name}</td>
                ${time(each.dueMs)}${isOpen ? [time(each.responseMs), time(each.waitMs)] : ''}${time(each.serviceMs)}
                <td>${each.outcome}</td>
                ${isTraced ? html`<td class="mono trace">${each.traceId ?? ''}</td>` : ''}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>`;
}

export function generator({ generator, resent }: LoadResult): Html {
  const { threads, lostThreads, mostConnections, busy, lateSends, lagMs, bottleneck } = generator;
  return facts('The generator itself', [
    ['verdict', bottleneck === undefined ? 'was not the limit' : `was the limit: ${bottleneck}`],
    ['threads', lostThreads === 0 ? String(threads) : `${threads}, of which ${lostThreads} died`],
    ['busy', `${formatPercent(busy)} of the time`],
    ['most connections', formatCount(mostConnections)],
    ...generator.byAddress.map(({ address, connections, failed }): [string, string] => [
      address,
      `${counted(connections, 'connection')}${failed > 0 ? `, ${formatCount(failed)} failed` : ''}`,
    ]),
    ['late by itself', `${formatDuration(lagMs.p99)} at p99, at most ${formatDuration(lagMs.max)}`],
    ['late sends', formatCount(lateSends)],
    [
      'sent again',
      resent === 0 ? 'none' : `${counted(resent, 'request')}, whose connection the server had just closed`,
    ],
  ]);
}

export function plan({ plan }: ReportedRun): Html {
  return facts('Plan', plan);
}

function facts(title: string, entries: readonly (readonly [string, string])[]): Html {
  return html`<section>
    <h2>${title}</h2>
    <dl class="facts">
      ${entries.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd> `,
      )}
    </dl>
  </section>`;
}
