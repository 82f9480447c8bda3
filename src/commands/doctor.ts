import { type Examination, examine } from '../lib/doctor/examine.js';
import { UserError } from '../lib/core/errors.js';
import type { Examiner } from '../lib/core/examiner.js';
import type { Section } from '../lib/core/schema/section.js';
import { formatDuration } from '../lib/core/units.js';
import { readCommand } from '../runtime/command.js';
import type { Printer } from '../runtime/printer.js';
import type { Settings } from '../runtime/settings.js';

export const doctor = readCommand({
  name: 'doctor',
  summary: 'which systems are configured and answer, their versions and latency',
  synonyms: ['ping', 'health'],
  flags: {},
  examples: [
    { does: 'everything that is configured', command: 'metrify doctor' },
    { does: 'as a CI check', command: 'metrify doctor --env production --junit doctor.xml' },
  ],
  items: 'systems',
  junit: true,

  async read(_, context) {
    const settings = await context.settings();
    const values = settings as unknown as Record<string, unknown>;
    const sections = await context.sections();
    const examiners = await examinersOf(sections, values, context.env);
    for (const { name, path } of examiners.flatMap(({ files = [] }) => files))
      await context.files.add({ name, path, access: 'read' });
    const refused = refusedOf(sections, settings.refused);
    if (examiners.length === 0)
      throw (
        Object.values(settings.refused)[0] ??
        new UserError('no system is configured', {
          code: 'NOT_CONFIGURED',
          hint: 'Set METRIFY_POSTGRES_URL, METRIFY_REDIS_URL or METRIFY_MEMCACHED_SERVERS, or write a metrify.config.yaml. To look around without any: metrify demo',
        })
      );
    const { connectTimeoutMs, requestTimeoutMs } = settings;
    const examined = await examine(examiners, {
      connectTimeoutMs,
      requestTimeoutMs,
      signal: context.signal,
    });
    return {
      verdict: examined.some(({ state }) => state === 'failed') ? 'failed' : 'ok',
      result: { environment: settings.environment, systems: [...examined, ...refused] },
      checks: examined.map(({ system, target, state, problem }) => ({
        name: `${system} at ${target}`,
        ...(state === 'failed' ? { failure: problem } : {}),
      })),
    };
  },

  present({ environment, systems }: { environment: string; systems: Row[] }, printer) {
    const state = {
      ok: printer.green('ok'),
      failed: printer.red('failed'),
      refused: printer.yellow('refused'),
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

/** What every section has to be examined. */
async function examinersOf(
  sections: readonly Section[],
  values: Record<string, unknown>,
  env: NodeJS.ProcessEnv,
): Promise<Examiner[]> {
  const found = await Promise.all(
    sections.map(async (section) => {
      const value = values[section.key];
      return value === undefined || value === null ? [] : ((await section.examine?.(value, env)) ?? []);
    }),
  );
  return found.flat();
}

/** A system that is named, and not used. */
type Row = Omit<Examination, 'state'> & { state: Examination['state'] | 'refused' };

function refusedOf(sections: readonly Section[], refused: Settings['refused']): Row[] {
  return sections.flatMap(({ key, system }) => {
    const error = refused[key];
    if (system === undefined || error === undefined) return [];
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return [{ system, target: '', state: 'refused', notes: [], problem: error.message, ...hint }];
  });
}

function explain({ state, problem, hint }: Row, printer: Printer): void {
  if (state === 'failed') printer.bad(problem!);
  else printer.warn(problem!);
  if (hint) printer.marked('      ', hint);
}
