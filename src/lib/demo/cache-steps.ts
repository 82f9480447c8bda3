import { join } from 'node:path';

import { ServiceUnavailable, UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { writeFileInPlace } from '../core/files.js';
import { counted, formatCount } from '../core/units.js';
import type { LoadReport } from './load.js';
import { request } from './request.js';
import { warmQueries } from './schema.js';
import { type Stage, stepGroup } from './stage.js';

/** Requests a second: less than a cold service answers. */
const rate = 100;
const measuredMs = 3000;
const settlingMs = 1000;
const paths = { meterReadings: '/api/v1/meter-readings', forecast: '/api/v1/analytics/forecast' } as const;

/** Latencies in milliseconds, from the send of each request to the end of its answer. */
export interface Latency extends Omit<LoadReport, 'errors'> {
  /** Requests answered from the cache. */
  readonly hits: number;
}

interface EndpointLatencies {
  meterReadings: Latency;
  forecast: Latency;
}

export interface Measurements {
  cold?: EndpointLatencies;
  warm?: EndpointLatencies;
  /** Median cold ÷ median warm. */
  ratio?: { meterReadings: number; forecast: number };
}

/** Cold service, warm, inspect, warm service, flush. */
export const cacheSteps = stepGroup({
  name: 'cache',
  state: (): Measurements => ({}),
  steps: [
    {
      title: 'measure the service while its cache is empty',
      async run(stage, latency) {
        await settle(stage);
        latency.cold = await measureBoth(stage);
        tellLatency(stage, latency);
      },
    },
    {
      title: 'warm the latest readings from SQL',
      run: (stage) => warm(stage, 'latest.sql', warmQueries.latest, 'meter:{meter_id}:latest', 'readings'),
    },
    {
      title: 'warm the forecasts',
      run: (stage) => warm(stage, 'forecast.sql', warmQueries.forecast, 'forecast:{meter_id}', 'forecast'),
    },
    {
      title: 'look into the cache',
      run: (stage) =>
        stage.metrify(['cache', 'inspect', '--exact', '--top', '3', '--level', stage.cache.type]),
    },
    {
      title: 'measure the service again',
      async run(stage, latency) {
        const { cold } = latency;
        const warmed = await measureBoth(stage);
        latency.warm = warmed;
        if (cold)
          latency.ratio = {
            meterReadings: ratio(cold.meterReadings.p50, warmed.meterReadings.p50),
            forecast: ratio(cold.forecast.p50, warmed.forecast.p50),
          };
        tellLatency(stage, latency);
        const missed = Object.values(warmed).reduce((sum, { requests, hits }) => sum + requests - hits, 0);
        if (missed > 0)
          throw new UserError(
            `${counted(missed, 'request')} ${missed === 1 ? 'was' : 'were'} not answered from the warmed cache`,
            {
              code: 'DEMO_STEP_FAILED',
              exitCode: ExitCode.bug,
            },
          );
      },
    },
    {
      title: 'see what flushing the forecasts would delete',
      run: (stage) => stage.metrify([...flush(stage), '--dry-run']),
    },
    {
      title: 'flush the forecasts',
      async run(stage) {
        const { type, address } = stage.cache;
        const report = await stage.metrify([...flush(stage), '--confirm', `demo/${type}@${address}`]);
        const [meter] = stage.town.meters;
        const url = urlOf(stage, 'forecast', meter!.id);
        const first = await request(url, stage.signal);
        const second = await request(url, stage.signal);
        stage.narrator.line(
          `The service fills what is missing: the next two requests are a ${first.cache}, then a ${second.cache}.`,
        );
        return report;
      },
    },
  ],
  summary: (latency) => latency,
  highlight: ({ ratio }, { green }) =>
    ratio && `forecasts ${green(`${ratio.forecast} × faster`)} from a warm cache`,
});

async function warm(stage: Stage, file: string, sql: string, key: string, column: string) {
  await writeFileInPlace(join(stage.desk, file), `${sql}\n`);
  stage.narrator.line(stage.narrator.dim(`# ${file}: ${sql}`));
  const options = ['--key', key, '--value', `column:${column}`, '--ttl', '1h', '--to', stage.cache.type];
  return stage.metrify(['cache', 'warm', '--sql', `@${file}`, ...options]);
}

function flush(stage: Stage): string[] {
  return ['cache', 'flush', '--pattern', 'forecast:*', '--level', stage.cache.type];
}

/** Prepares statements and lets the runtime compile, so that only the cache makes the difference. */
async function settle({ service, signal, generate }: Stage): Promise<void> {
  const nobody = Object.values(paths).map((path) => `${path}?meter=none`);
  await generate({
    url: service.url,
    paths: nobody,
    rate: 2 * rate,
    durationMs: settlingMs,
    signal,
  });
}

async function measureBoth(stage: Stage): Promise<EndpointLatencies> {
  return {
    meterReadings: await measure(stage, 'meterReadings'),
    forecast: await measure(stage, 'forecast'),
  };
}

/**
 * The latency of one endpoint at a fixed rate. Its answers are not stored: a measurement doesn't warm the next one.
 * @throws ServiceUnavailable when a request had another answer than the expected, or none
 */
async function measure(
  { town, service, signal, generate }: Stage,
  endpoint: keyof typeof paths,
): Promise<Latency> {
  const before = service.hits();
  const { errors, ...latency } = await generate({
    url: service.url,
    paths: town.meters.map(({ id }) => `${paths[endpoint]}?meter=${id}`),
    rate,
    durationMs: measuredMs,
    headers: [['cache-control', 'no-store']],
    signal,
  });
  const kinds = Object.entries(errors).map(([kind, count]) => `${formatCount(count)} × ${kind}`);
  if (kinds.length > 0)
    throw new ServiceUnavailable(
      `${paths[endpoint]} did not answer ${formatCount(latency.requests)} requests as it should: ${kinds.join(', ')}`,
    );
  return { ...latency, hits: service.hits() - before };
}

function urlOf(stage: Stage, endpoint: keyof typeof paths, meter: string): string {
  return `${stage.service.url}${paths[endpoint]}?meter=${meter}`;
}

/** The table that the demo is about. */
function tellLatency({ narrator }: Stage, latency: Measurements): void {
  const rows = (Object.keys(paths) as (keyof typeof paths)[]).flatMap((endpoint) =>
    rowsOf(paths[endpoint], endpoint, latency),
  );
  narrator.table({
    columns: [
      { title: 'endpoint' },
      { title: 'cache' },
      ...['p50', 'p95', 'p99', 'requests/s', 'from the cache'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    rows: rows.map((row) => (row[1] === 'faster' ? row.map((cell) => narrator.green(cell)) : row)),
  });
}

function rowsOf(path: string, endpoint: keyof EndpointLatencies, { cold, warm }: Measurements): string[][] {
  const row = (name: string, state: string, { p50, p95, p99, perSecond, hits, requests }: Latency) => [
    name,
    state,
    ...[p50, p95, p99].map((ms) => `${ms.toFixed(2)} ms`),
    formatCount(perSecond),
    `${hits} of ${requests}`,
  ];
  const rows: string[][] = [];
  if (cold) rows.push(row(path, 'cold', cold[endpoint]));
  if (warm) rows.push(row('', 'warm', warm[endpoint]));
  if (cold && warm) {
    const [before, after] = [cold[endpoint], warm[endpoint]];
    const quotients = [
      ratio(before.p50, after.p50),
      ratio(before.p95, after.p95),
      // Three of 300 requests say nothing about a ratio, and the rate is given.
      undefined,
      undefined,
    ];
    rows.push([
      '',
      'faster',
      ...quotients.map((quotient) => (quotient === undefined ? '' : `${quotient.toFixed(1)} ×`)),
      '',
    ]);
  }
  return rows;
}

function ratio(large: number, small: number): number {
  return Math.round((large / Math.max(small, 0.01)) * 10) / 10;
}
