import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isPrometheusReady, prometheusArguments } from '../prometheus.js';
import type { Launcher } from './control-plane.js';
import type { Network } from './network.js';

const PORT = 9_090;

/** Prometheus, which scrapes the pods that the file `targets` lists, and Envoy, every second. Returns its URL. */
export async function startMonitoring(
  { address }: Network,
  directory: string,
  start: Launcher,
  targets: string,
): Promise<string> {
  const file = join(directory, 'prometheus.yml');
  await writeFile(file, JSON.stringify(describe(address, targets)), { mode: 0o600 });
  const url = `http://${address}:${PORT}`;
  await start('prometheus', prometheusArguments(file, join(directory, 'prometheus'), `${address}:${PORT}`), {
    startTimeoutMs: 120_000,
    ready: () => isPrometheusReady(url),
  });
  return url;
}

function describe(address: string, targets: string): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: 'pods',
        honor_labels: true,
        file_sd_configs: [{ files: [targets] }],
      },
      {
        job_name: 'envoy',
        metrics_path: '/stats/prometheus',
        params: { usedonly: [''], filter: ['upstream_rq_(xx|completed|time|total)'] },
        static_configs: [{ targets: [`${address}:15000`] }],
      },
    ],
  };
}
