import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startTraffic } from '../../servers/traffic.js';
import { stageNginx, type NginxStage } from './nginx-setup.js';

const { signal } = new AbortController();

needs('nginx')('traffic through NGINX', () => {
  let stage: NginxStage;
  beforeAll(async () => {
    stage = await stageNginx();
  });
  afterAll(() => stage?.stop());

  const shift = async (canary: number): Promise<void> => {
    const view = await stage.route.read(signal);
    await stage.route.commit(view, { weights: { stable: 100 - canary, canary }, state: '{}' }, signal);
  };

  test('follows the weights within a point', async () => {
    // A share of 5 % of 10,000 is off by a point once in 200,000 times; one of 50 % would be once in 20.
    for (const canary of [5, 97]) {
      await shift(canary);
      const traffic = await startTraffic({ url: `${stage.nginx.url}/`, rate: 1000, durationMs: 10_000 });
      const report = await traffic.finished;
      expect(report).toMatchObject({ failed: 0, failures: {} });
      expect(report.sent).toBeGreaterThanOrEqual(9_900);
      expect(Math.abs((report.versions['v2']! / report.sent) * 100 - canary)).toBeLessThan(1);
    }
  });

  test('loses no request over 20 switches', async () => {
    const traffic = await startTraffic({ url: `${stage.nginx.url}/`, rate: 500 });
    for (let index = 0; index < 20; index++) {
      await shift(index % 2 === 0 ? 100 : 0);
      let since = (await traffic.snapshot()).versions;
      // What was sent before, on a machine that stalls, may be answered afterwards.
      await until(`100 requests in a row reach what they are to reach, switch ${index}`, async () => {
        const { versions } = await traffic.snapshot();
        const [v1, v2] = ['v1', 'v2'].map((name) => (versions[name] ?? 0) - (since[name] ?? 0));
        if (v1! + v2! < 100) return false;
        since = versions;
        return (index % 2 === 0 ? v1 : v2) === 0;
      });
    }
    const report = await traffic.stop();
    expect(report).toMatchObject({ failed: 0, failures: {}, outstanding: 0 });
    expect(report.statuses).toEqual({ 200: report.sent });
    process.stdout.write(`${report.sent} requests over 20 switches, ${report.retried} sent again\n`);
  });
});
