import { expect, it, onTestFinished } from 'vitest';

import type { SoakResult } from '../../../src/ui/load-soak.js';
import { needs } from '../../servers/needs.js';
import { startPrometheus } from '../../servers/prometheus.js';
import { metrify } from '../run.js';
import { knownServer } from './known-server.js';

needs('prometheus')('load soak --prometheus-query', () => {
  it('finds the figure that rises, and refuses an expression that gives several', async () => {
    const { url } = await knownServer();
    const prometheus = await startPrometheus({
      targets: [{ address: new URL(url).host }],
      scrapeInterval: '500ms',
    });
    onTestFinished(() => prometheus.stop());
    const isScraped = async () => (await prometheus.query('kept_things')).length > 0;
    await expect.poll(isScraped, { timeout: 30_000, interval: 100 }).toBe(true);
    const soak = (...queries: string[]) =>
      metrify([
        ...['load', 'soak', `${url}/leak`, '--rate', '20', '--duration', '9s', '--json'],
        ...['--prometheus-url', prometheus.url],
        ...queries.flatMap((query) => ['--prometheus-query', query]),
      ]);

    const many = await soak('{job="test"}');
    expect(many.code).toBe(2);
    expect(many.stderr).toMatch(/the expression gives \d+ numbers, and one is watched/);
    // Refused before the first request.
    await expect.poll(async () => (await prometheus.query('kept_things'))[0]?.value).toBe(0);

    const end = await soak('kept_things', 'vector(1)', 'no_such_thing');
    expect(end.code, end.stderr).toBe(3);
    const { result, verdict, warnings } = end.json<{
      result: SoakResult;
      verdict: string;
      warnings: string[];
    }>();
    const drift = new Map(result.drift.map((one) => [one.name, one]));
    expect(verdict).toBe('failed');
    expect(warnings).toEqual([expect.stringMatching(/has no value of no_such_thing now$/)]);
    expect(drift.get('kept_things')).toMatchObject({ unit: 'value', verdict: 'rising' });
    // 22 things a second, but for the warm-up.
    const { rise } = drift.get('kept_things')!;
    expect(rise).toBeGreaterThan(60);
    expect(rise).toBeLessThanOrEqual(198);
    expect(drift.get('vector(1)')).toMatchObject({ verdict: 'steady', begins: 1, rise: 0 });
    expect(drift.get('no_such_thing')).toMatchObject({ verdict: 'unclear', begins: null });
  });
});
