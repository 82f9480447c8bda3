import { createHash } from 'node:crypto';

import type { Redactor } from '../../lib/core/secrets/redactor.js';
import type { DistributionPoint } from '../../lib/load/distribution.js';
import type { LoadResult } from '../../lib/load/result.js';
import type { Assets } from './assets.js';
import type { Chart } from './chart.js';
import { connectionChart, distributionChart, errorChart, latencyChart, rateChart } from './charts.js';
import { dataElement, html, type Html, programElement } from './html.js';
import type { PlanFact } from './plan.js';
import * as sections from './sections.js';

/** A run as its report tells it. */
export interface ReportedRun {
  /** What was tested: a URL, or the name of a scenario. */
  readonly title: string;
  readonly verdict: string;
  readonly plan: readonly PlanFact[];
  readonly result: LoadResult;
  readonly distribution: readonly DistributionPoint[];
  /** Of metrify. */
  readonly version: string;
}

/** The report as one HTML document that asks for nothing from anywhere. */
export function reportPage(run: ReportedRun, { script, style }: Assets, redactor: Redactor): string {
  const shown = redactor.data(run);
  const { result, distribution } = shown;
  const charts = [
    rateChart(result),
    latencyChart(result),
    errorChart(result),
    ...(distribution.length > 0 ? [distributionChart(distribution, result.targetRate !== null)] : []),
    connectionChart(result),
  ].filter((chart) => chart !== undefined);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>\n${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="generator" content="metrify ${shown.version}" />
      <title>${shown.verdict}: ${shown.title}</title>
      ${programElement('style', style)}
    </head>
    <body>
      ${sections.head(shown)} ${sections.thresholds(result)}
      <h2>Over time</h2>
      <div class="charts">${charts.map(figure)}</div>
      ${sections.latencies(result)} ${sections.errors(result)} ${sections.names(result)}
      ${sections.slowest(result)}
      <div class="columns">${sections.generator(result)} ${sections.plan(shown)}</div>
      <footer>Written by metrify ${shown.version}. Charts: uPlot, © Leon Sorokin, MIT license.</footer>
      ${dataElement('charts', charts)} ${dataElement('result', result)} ${programElement('script', script)}
    </body>
  </html>`}\n`;
}

function figure({ title }: Chart, i: number): Html {
  return html`<figure>
    <figcaption>${title}</figcaption>
    <div data-chart="${i}"></div>
  </figure>`;
}

const hashOf = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
