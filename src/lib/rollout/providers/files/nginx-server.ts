import type { Clock } from '../../../core/clock.js';
import { ServiceRefused, ServiceUnavailable, UserError } from '../../../core/errors.js';
import { formatDuration } from '../../../core/units.js';
import type { NginxSpec } from '../../spec.js';
import { NginxProgram, includes } from './nginx-program.js';
import { servingWorkers } from './nginx-workers.js';
import type { RouteServer, Turn } from './server.js';

const pollMs = 20;

/**
 * An NGINX master on this host. Its workers keep what they read until it is told to reload, so that a new file can be
 * tested where it belongs, inside the configuration that includes it.
 */
export class NginxServer implements RouteServer {
  private readonly program: NginxProgram;

  constructor(
    spec: NginxSpec,
    private readonly path: string,
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {
    this.program = new NginxProgram(spec, timeoutMs);
  }

  async prepare(_: Buffer, signal: AbortSignal): Promise<Turn> {
    const dump = await this.program.dump(signal);
    if (!(await includes(dump, this.path)))
      throw new UserError(`NGINX's configuration ${dump.files[0] ?? ''} does not include ${this.path}`, {
        code: 'ROUTE_NOT_INCLUDED',
        hint: 'Include it there, or name the main configuration that does as nginx.config.',
      });
    const master = await this.program.master(dump, signal);
    const before = await servingWorkers(master);
    if (before.length === 0)
      throw new ServiceRefused(`NGINX's process ${master} has no workers that could be replaced`, {
        code: 'NGINX_WITHOUT_WORKERS',
        hint: "metrify needs NGINX with 'master_process on', and its process list.",
      });
    let reloaded = false;
    return {
      take: async () => {
        await this.program.test();
        reloaded = true;
        await this.reload(master, []);
      },
      takeBack: async () => {
        if (reloaded) await this.reload(master, before);
      },
    };
  }

  /**
   * Resolves when all workers that accept connections have read the new configuration.
   * @param right workers that have what is to be served all along: good enough when NGINX does not replace them
   */
  private async reload(master: number, right: readonly number[]): Promise<void> {
    const before = new Set(await servingWorkers(master));
    await this.program.reload();
    const deadline = this.clock.monotonic() + this.timeoutMs;
    for (;;) {
      const now = await servingWorkers(master);
      if (now.length > 0 && !now.some((pid) => before.has(pid))) return;
      if (this.clock.monotonic() >= deadline) {
        if (now.length > 0 && now.every((pid) => right.includes(pid))) return;
        throw new ServiceUnavailable(
          `NGINX still serves its old configuration ${formatDuration(this.timeoutMs)} after the reload`,
          { code: 'NGINX_NOT_RELOADED', hint: 'Its error log says why.' },
        );
      }
      await this.clock.sleep(pollMs);
    }
  }
}
