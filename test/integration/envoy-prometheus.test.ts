import { rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { describeRoutes, startEnvoy } from '../servers/envoy.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';
import { startPrometheus } from '../servers/prometheus.js';
import { startTraffic } from '../servers/traffic.js';

async function listen(body: string): Promise<{ server: Server; address: string }> {
  const server = createServer((_request, response) => response.end(body));
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

needs('envoy')('Envoy', () => {
  test('takes a new route file without a failed request, and none that is broken', async () => {
    const [v1, v2] = await Promise.all([listen('v1 a\n'), listen('v2 b\n')]);
    const envoy = await startEnvoy({ clusters: { v1: [v1.address], v2: [v2.address] } });
    expect(await envoy.weights()).toEqual({ v1: 100 });
    const traffic = await startTraffic({ url: `${envoy.url}/`, rate: 200 });
    await envoy.setWeights({ v1: 0, v2: 100 });
    await until('the new weights are live', async () => (await envoy.weights())['v2'] === 100);
    const file = join(envoy.directory, 'broken');
    await writeFile(file, JSON.stringify(describeRoutes({ v1: -1 })));
    await rename(file, envoy.routes);
    await until(
      'the broken file is refused',
      async () =>
        (await envoy.stat('http.ingress.rds.local_route.update_failure')) +
          (await envoy.stat('http.ingress.rds.local_route.update_rejected')) ===
        1,
    );
    expect(await envoy.weights()).toEqual({ v1: 0, v2: 100 });
    const report = await traffic.stop();
    expect(report.failures).toEqual({});
    expect(report.versions['v2']).toBeGreaterThan(0);
    await envoy.stop();
    for (const { server } of [v1, v2]) {
      server.closeAllConnections();
      server.close();
    }
  });
});

needs('prometheus')('Prometheus', () => {
  test('scrapes, keeps its data when it is killed, and hangs while it is paused', async () => {
    const { server, address } = await listen('# TYPE x counter\nx{le="1"} 7\n');
    const prometheus = await startPrometheus({ targets: [{ address, labels: { version: 'v1' } }] });
    const seen = async (): Promise<boolean> => (await prometheus.query('x{version="v1"}'))[0]?.value === 7;
    await until('the sample is there', seen);
    await prometheus.kill();
    await expect(prometheus.query('x')).rejects.toThrow();
    await prometheus.restart();
    expect((await prometheus.query('count_over_time(x[10m])'))[0]?.value).toBeGreaterThan(0);
    prometheus.pause();
    const hanging = fetch(`${prometheus.url}/-/ready`, { signal: AbortSignal.timeout(300) });
    await expect(hanging).rejects.toThrow(/timeout/);
    prometheus.resume();
    expect(await seen()).toBe(true);
    await prometheus.stop();
    server.closeAllConnections();
    server.close();
  });
});
