import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Prometheus } from '../../../src/lib/clients/prometheus.js';
import { PrometheusMeter } from '../../../src/lib/rollout/analysis/prometheus-meter.js';
import type { Pair } from '../../../src/lib/rollout/spec.js';
import { needs } from '../../servers/needs.js';
import { type PastSeries, prometheusRemembering } from './prometheus-history.js';

const signal = new AbortController().signal;
const timeouts = { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 };
const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const pair = (stable: string, canary: string): Pair => ({ stable: version(stable), canary: version(canary) });
const requests = 'sum(increase(requests_total{version="{{version}}"}[{{window}}]))';
const errors = 'sum(increase(requests_total{version="{{version}}",code=~"5.."}[{{window}}]))';
const latency = 'sum by (le) (increase(latency_bucket{version="{{version}}"}[{{window}}]))';

type Samples = [number, number][];

/** A service's life as it was scraped: replicas that come, restart, miss scrapes and go; and what it counted since the start. */
const fleet = fc.array(
  fc.record({
    birthS: fc.integer({ min: -600, max: 500 }),
    lives: fc.array(
      fc.array(
        fc.record({
          ok: fc.integer({ min: 0, max: 40 }),
          failed: fc.integer({ min: 0, max: 3 }),
          wait: fc.integer({ min: 5, max: 25 }),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

type Fleet = typeof fleet extends fc.Arbitrary<infer T> ? T : never;

interface Story {
  readonly series: PastSeries[];
  readonly requests: number;
  readonly errors: number;
  /** Whether any series has samples that a look reads. */
  readonly known: boolean;
}

function tell(name: string, replicas: Fleet, since: number): Story {
  const series: PastSeries[] = [];
  const sum = { requests: 0, errors: 0 };
  let known = false;
  for (const [i, { birthS, lives }] of replicas.entries()) {
    const samples: { readonly [code: string]: Samples } = { '200': [], '500': [] };
    const count = { '200': 0, '500': 0 };
    let at = birthS;
    for (const life of lives) {
      const shown = { ...count };
      count['200'] = count['500'] = 0;
      const before = { ...count };
      for (const [j, { ok, failed, wait }] of life.entries()) {
        // A restart shows as a decrease, or as nothing counted at all.
        const cap = (value: number, code: '200' | '500') =>
          j === 0 && samples[code]!.length > 0 ? Math.min(value, Math.max(0, shown[code] - 1)) : value;
        count['200'] += cap(ok, '200');
        count['500'] += cap(failed, '500');
        at += wait;
        for (const code of ['200', '500'] as const)
          // The series of a code appears with its first request.
          if (count[code] > 0 || samples[code]!.length > 0)
            samples[code]!.push([since + at * 1000, count[code]]);
        if (at <= 0) Object.assign(before, count);
      }
      if (at > 0) {
        sum.requests += count['200'] + count['500'] - before['200'] - before['500'];
        sum.errors += count['500'] - before['500'];
      }
      at += 5;
    }
    for (const [code, all] of Object.entries(samples)) {
      if (all.length === 0) continue;
      series.push({ labels: { version: name, pod: `${name}-${i}`, code }, samples: all });
      known ||= all.some(([time]) => time > since - 300_000);
    }
  }
  return { series, ...sum, known };
}

needs('promtool', 'prometheus')('counts of the past', () => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const since = now - 3_000_000;
  const seed = now / 1000;
  const stories = fc
    .sample(fleet, 60)
    .map((one, i) => ({ name: `story-${i}`, ...tell(`story-${i}`, one, since) }));
  const odd = 'o"d\'\n.*\\';
  let server: Awaited<ReturnType<typeof prometheusRemembering>>;
  let client: Prometheus;
  const meter = (stable: string, canary: string, more = {}, expressions = {}) =>
    new PrometheusMeter(
      new Prometheus({ url: server.url }, timeouts, more),
      { requests, errors, latency: undefined, ...expressions },
      pair(stable, canary),
    );
  /** From long before the start until now, every 15 s. */
  const steadily = (perScrape: number): Samples =>
    Array.from({ length: 4200 / 15 }, (_, i) => [now - 4_200_000 + i * 15_000, i * perScrape]);
  const histogram = (
    labels: Record<string, string>,
    shares: Readonly<Record<string, number>>,
    from: Samples = steadily(10),
  ): PastSeries[] =>
    Object.entries(shares).map(([le, share]) => ({
      labels: { ...labels, le },
      samples: from.map(([at, value]) => [at, value * share]),
    }));

  beforeAll(async () => {
    server = await prometheusRemembering({
      requests_total: [
        ...stories.flatMap(({ series }) => series),
        { labels: { version: 'steady', instance: 'a', code: '200' }, samples: steadily(10) },
        { labels: { version: odd, pod: 'x' }, samples: [[since - 1000, 5], [since + 1000, 12]] }, // prettier-ignore
        { labels: { version: 'gone', pod: 'x' }, samples: steadily(10).slice(0, -40) },
        // Out of reach for ten minutes as the step began.
        {
          labels: { version: 'gap', pod: 'x' },
          samples: steadily(10).filter(([at]) => Math.abs(at - since) > 600_000),
        },
      ],
      latency_bucket: [
        ...histogram({ version: 'even', pod: 'a' }, { '0.1': 0.5, '0.5': 0.9, '+Inf': 1 }),
        ...histogram({ version: 'even', pod: 'b' }, { '0.10': 0.1, '0.5': 0.2, '+Inf': 1 }),
        ...histogram({ version: 'uneven', pod: 'a' }, { '0.1': 0.5, '+Inf': 1 }),
        ...histogram({ version: 'uneven', pod: 'b' }, { '0.2': 0.5, '+Inf': 1 }),
        ...histogram({ version: 'endless', pod: 'a' }, { '0.1': 0.5, '0.5': 1 }),
        ...histogram({ version: 'replaced', pod: 'a' }, { '0.1': 0.5, '+Inf': 1 }, steadily(10).slice(0, 70)),
        ...histogram({ version: 'replaced', pod: 'b' }, { '0.2': 0.5, '+Inf': 1 }),
      ],
    });
    client = new Prometheus({ url: server.url }, timeouts);
  });
  afterAll(() => server?.stop());

  test('are what the service counted, whatever its replicas went through', async () => {
    for (let i = 0; i < stories.length; i += 2) {
      const [stable, canary] = [stories[i]!, stories[i + 1]!];
      const { counts } = await meter(stable.name, canary.name, i % 4 === 0 ? { maxSpanMs: 70_000 } : {}).look(
        since,
        undefined,
        signal,
      );
      for (const [story, found] of [
        [stable, counts.stable],
        [canary, counts.canary],
      ] as const) {
        // prettier-ignore
        expect({ seed, name: story.name, requests: found.requests, errors: found.errors }).toEqual({
          seed,
          name: story.name,
          requests: story.known ? story.requests : undefined,
          errors: story.errors,
        });
        expect(found.extrapolated).toBe(false);
        expect(found.replicas.reduce((sum, one) => sum + one.requests, 0)).toBe(found.requests ?? 0);
        expect(found.replicas.reduce((sum, one) => sum + one.errors, 0)).toBe(found.errors);
      }
    }
    // The stories must have something to tell.
    expect(
      stories.filter((story) => story.errors > 0 && story.requests > story.errors).length,
    ).toBeGreaterThan(10);
    expect(stories.filter(({ series }) => series.length > 2).length).toBeGreaterThan(10);
  });

  test('agree with increase() where that is right: an old series without restarts', async () => {
    const { counts } = await meter('steady', 'steady').look(since, undefined, signal);
    const window = Math.round(((await client.now(signal)) - since) / 1000);
    const { series } = await client.query(
      `sum(increase(requests_total{version="steady"}[${window}s]))`,
      undefined,
      signal,
    );
    expect(counts.stable.requests).toBe(3_000_000 / 15_000 * 10 - 10); // prettier-ignore
    expect(Math.abs(counts.stable.requests! / series[0]!.value - 1)).toBeLessThan(0.02);
    const given = await meter(
      'steady',
      'steady',
      {},
      { requests: `${requests} + 0`, errors: undefined },
    ).look(since, undefined, signal);
    expect(given.counts.canary).toMatchObject({
      extrapolated: true,
      errors: 0,
      replicas: [],
      silentForMs: undefined,
    });
    expect(Math.abs(given.counts.canary.requests! / series[0]!.value - 1)).toBeLessThan(0.02);
  });

  test('find a version with any name, and no other', async () => {
    const pattern = 'sum(increase(requests_total{version=~"{{version}}"}[{{window}}]))';
    for (const expression of [requests, pattern, requests.replaceAll('"', "'")]) {
      const { counts } = await meter(odd, 'stor.*', {}, { requests: expression }).look(
        since,
        undefined,
        signal,
      );
      expect(counts.stable.requests).toBe(7);
      expect(counts.canary.requests).toBeUndefined();
    }
  });

  test('that came to an end are kept, and said to be of the past', async () => {
    const { counts } = await meter('steady', 'gone').look(since, undefined, signal);
    expect(counts.canary.requests).toBe(10 * (200 - 1 - 40));
    expect(counts.canary.silentForMs).toBeGreaterThan(590_000);
    expect(counts.stable.silentForMs).toBeUndefined();
    const given = await meter('steady', 'gone', {}, { requests: `${requests} + 0` }).look(
      since,
      undefined,
      signal,
    );
    expect(given.counts.canary.silentForMs).toBeGreaterThan(0);
    expect(given.counts.stable.silentForMs).toBeUndefined();
  });

  test('of a target that was out of reach when the step began do not begin at 0', async () => {
    const { counts } = await meter('steady', 'gap').look(since, undefined, signal);
    expect(counts.canary.requests! / counts.stable.requests!).toBeCloseTo(1 + 40 / 199, 1);
  });

  test('of no series are not known', async () => {
    const { counts } = await meter('nobody', 'steady', {}, { latency }).look(since, undefined, signal);
    expect(counts.stable).toMatchObject({ requests: undefined, errors: 0, latency: undefined, replicas: [] });
    const given = await meter('nobody', 'steady', {}, { requests: `${requests} + 0` }).look(
      since,
      undefined,
      signal,
    );
    expect(given.counts.stable.requests).toBeUndefined();
  });

  test('that are not numbers are not known either', async () => {
    const { counts } = await meter('steady', 'steady', {}, { errors: 'vector(0) / 0' }).look(
      since,
      undefined,
      signal,
    );
    expect(counts.stable).toMatchObject({ requests: undefined, errors: 0 });
  });

  test('of a step that begins in Prometheus’ future are none yet', async () => {
    const { counts, warnings } = await meter('steady', 'steady').look(Date.now() + 90_000, undefined, signal);
    expect(counts.canary.requests).toBe(0);
    expect(warnings.join()).toMatch(/clock .* is 1m \d+s behind|clock .* is 1m behind|clock .* behind/);
  });

  describe('of latencies', () => {
    const look = async (name: string, expression = latency) =>
      (await meter(name, name, {}, { latency: expression }).look(since, undefined, signal)).counts.canary;

    test('are added up by bucket, and kept by replica', async () => {
      const found = await look('even');
      expect(found.latency!.bounds).toEqual([0.1, 0.5, Infinity]);
      const expected = [1990 * 0.6, 1990 * 0.5, 1990 * 0.9];
      for (const [i, count] of found.latency!.counts.entries()) expect(count).toBeCloseTo(expected[i]!, 6);
      expect(found.latencyReplicas.map(({ counts }) => Math.round(counts[0]!))).toEqual([995, 199]);
    });

    test('are near to them when Prometheus adds them up', async () => {
      const found = await look('even', `${latency} * 1`);
      expect(found.extrapolated).toBe(true);
      expect(found.latency!.bounds).toEqual([0.1, 0.5, Infinity]);
      expect(found.latency!.counts[0]! / (1990 * 0.6)).toBeCloseTo(1, 1);
    });

    test('cannot be used when bounds differ or +Inf is missing', async () => {
      expect(await look('uneven')).toMatchObject({
        latency: undefined,
        latencyProblem: 'its histograms differ in their bounds',
      });
      expect(await look('endless')).toMatchObject({
        latency: undefined,
        latencyProblem: 'the latency has no +Inf bucket',
      });
    });

    test('do not care for the bounds of a replica that was gone before the start', async () => {
      expect((await look('replaced')).latency!.bounds).toEqual([0.2, Infinity]);
    });
  });
});
