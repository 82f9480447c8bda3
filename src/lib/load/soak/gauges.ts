import { access, readdir, readFile } from 'node:fs/promises';

import type { Prometheus } from '../../clients/prometheus.js';
import { UserError } from '../../core/errors.js';
import type { Gauge } from './sampler.js';

/** Memory (resident, in bytes) and open descriptors of a process, from /proc. @throws UserError when they cannot be read */
export async function gaugesOfProcess(pid: number): Promise<Gauge[]> {
  const gauges: Gauge[] = [
    {
      name: 'memory',
      unit: 'bytes',
      async read() {
        const kib = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1];
        return kib === undefined ? undefined : 1024 * Number(kib);
      },
    },
    {
      name: 'descriptors',
      unit: 'count',
      read: async () => (await readdir(`/proc/${pid}/fd`)).length,
    },
  ];
  for (const { name, read } of gauges)
    try {
      await read(new AbortController().signal);
    } catch (error) {
      throw await unreadable(pid, name, error as NodeJS.ErrnoException);
    }
  return gauges;
}

async function unreadable(
  pid: number,
  name: string,
  { code, message }: NodeJS.ErrnoException,
): Promise<UserError> {
  const hasProc = await access('/proc/self/status').then(
    () => true,
    // Whatever the reason, nothing is read there.
    () => false,
  );
  if (!hasProc)
    return new UserError('--pid needs /proc, which only Linux has', {
      hint: 'Give --prometheus-query, with what the service tells of itself.',
    });
  if (code === 'ENOENT')
    return new UserError(`there is no process ${pid}`, { hint: 'Find it with: pgrep -a NAME' });
  return new UserError(`the ${name} of process ${pid} cannot be read: ${message}`, {
    hint: 'Run metrify as the user that the process has.',
  });
}

/** An expression that gives one number. Reading it throws UserError when it cannot be evaluated, or gives several. */
export function gaugeOfPrometheus(prometheus: Prometheus, expression: string): Gauge {
  return {
    name: expression,
    unit: 'value',
    async read(signal) {
      const { series } = await prometheus.query(expression, undefined, signal);
      if (series.length > 1)
        throw new UserError(
          `the expression gives ${series.length} numbers, and one is watched: ${expression}`,
          {
            hint: 'Aggregate it, as in sum(process_resident_memory_bytes{job="web"}).',
            code: 'PROMQL',
          },
        );
      return series[0]?.value;
    },
  };
}
