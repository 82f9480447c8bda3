import { type Examination, examine } from '../lib/doctor/examine.js';
import { UserError } from '../lib/core/errors.js';
import { formatDuration } from '../lib/core/units.js';
import { readCommand } from '../runtime/command.js';
import type { Printer } from '../runtime/printer.js';

export const doctor = readCommand({
  name: 'doctor',
  summary: 'which systems are configured and answer, their versions and latency',
  flags: {},
  examples: [
    { does: 'everything that is configured', command: 'metrify doctor' },
    { does: 'as a CI check', command: 'metrify doctor --env production --junit doctor.xml' },
  ],
  items: 'systems',
  junit: true,

  async read(_, context) {
    const settings = await context.settings();
    const systems = await examine(settings, context.signal);
    if (systems.length === 0)
      throw new UserError('no system is configured', {
        code: 'NOT_CONFIGURED',
        hint: 'Set METRIFY_POSTGRES_URL, METRIFY_REDIS_URL or METRIFY_MEMCACHED_SERVERS, or write a metrify.config.yaml. To look around without any: metrify demo',
      });
    return {
      verdict: systems.some(({ state }) => state === 'failed') ? 'failed' : 'ok',
      result: { environment: settings.environment, systems },
      checks: systems.map(({ system, target, state, problem }) => ({
        name: `${system} at ${target}`,
        ...(state === 'failed' ? { failure: problem } : {}),
      })),
    };
  },

  present({ environment, systems }, printer) {
    const state = {
      ok: printer.green('ok'),
      missing: printer.yellow('lacks'),
      failed: printer.red('failed'),
    };
    printer.table({
      columns: [
        { title: '' },
        { title: 'system' },
        { title: 'at' },
        { title: 'version' },
        { title: 'latency', align: 'right' },
        { title: 'notes' },
      ],
      rows: systems.map((system) => [
        state[system.state],
        system.system,
        system.target,
        system.version ?? '',
        system.latencyMs === undefined ? '' : formatDuration(system.latencyMs),
        system.notes.join('; '),
      ]),
    });
    for (const system of systems) {
      if (system.problem === undefined) continue;
      printer.line();
      explain(system, printer);
    }
    printer.line();
    printer.line(printer.dim(`environment ${environment}`));
  },
});

function explain({ state, system, problem, hint }: Examination, printer: Printer): void {
  if (state === 'failed') printer.bad(problem!);
  else printer.warn(`${system}: ${problem}`);
  if (hint) printer.marked('      ', hint);
}
