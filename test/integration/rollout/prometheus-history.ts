import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from '../../servers/ports.js';
import { launch, retrying, temporaryDirectory } from '../../servers/process.js';
import { isPrometheusReady, prometheusArguments } from '../../servers/prometheus.js';

/** One series with its samples: milliseconds since the epoch, and values. */
export interface PastSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [number, number])[];
}

/** A Prometheus that scrapes nothing and remembers what it is given: metrics by name, each a gauge in promtool's eyes. */
export async function prometheusRemembering(metrics: Readonly<Record<string, readonly PastSeries[]>>) {
  const folder = await temporaryDirectory('history');
  const directory = folder.path;
  const text = Object.entries(metrics).map(([name, series]) => {
    const lines = series.flatMap(({ labels, samples }) => {
      const matchers = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
      return samples.map(
        ([at, value]) => `${name}{${matchers.join(',')}} ${value} ${(at / 1000).toFixed(3)}`,
      );
    });
    return `# TYPE ${name} gauge\n${lines.join('\n')}\n`;
  });
  const file = join(directory, 'history.om');
  await writeFile(file, `${text.join('')}# EOF\n`);
  const data = join(directory, 'data');
  await promisify(execFile)('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, data]);
  const config = join(directory, 'prometheus.yml');
  await writeFile(config, 'global: { scrape_interval: 15s }\n');
  try {
    return await retrying(async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const server = await launch({
        command: 'prometheus',
        args: prometheusArguments(config, data, `127.0.0.1:${port}`),
        directory,
        startTimeoutMs: 60_000,
        ready: () => isPrometheusReady(url),
      });
      const stop = async () => {
        await server.stop();
        await folder.remove();
      };
      return { url, stop };
    });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
