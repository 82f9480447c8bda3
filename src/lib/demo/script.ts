import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileInPlace } from '../core/files.js';
import { formatCount, formatDuration } from '../core/units.js';
import { chooseCache } from './demo-cache.js';
import { chooseDatabase } from './demo-database.js';
import type { GenerateLoad } from './load.js';
import { Premises } from './premises.js';
import { runMetrify, startMetrify } from './run-metrify.js';
import { cacheKeys, startService } from './service.js';
import type { CommandReport, Narrator, Stage, StepGroup, StepReport, Summaries } from './stage.js';
import { buildTown } from './town.js';

const sizes = {
  full: { meters: 100, readingsPerMeter: 2000 },
  quick: { meters: 20, readingsPerMeter: 1000 },
};

export interface DemoOptions<Group extends StepGroup> {
  /** What is shown, in this order. */
  groups: readonly Group[];
  quick: boolean;
  /** The executable and its first arguments with which metrify runs. */
  self: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Where temporary folders are made. */
  temporaryFolder: string;
  signal: AbortSignal;
  narrator: Narrator;
  generate: GenerateLoad;
  /** Registers what must happen however the command ends. */
  closing(close: () => Promise<void>): void;
}

export interface DemoResult<Group extends StepGroup> {
  postgres: { version: string; embedded: boolean };
  cache: { type: 'redis' | 'database'; why: string };
  meters: number;
  readings: number;
  steps: StepReport[];
  groups: Summaries<Group>;
  /** What was started and made, and is gone by now. */
  leftNothing: { processes: readonly number[]; folder: string };
}

/** A search cluster is used where there is one, in an index of the demo's own. */
function isHandedOn(variable: string): boolean {
  return !variable.startsWith('METRIFY_') || variable.startsWith('METRIFY_ELASTICSEARCH_');
}

/**
 * Shows metrify at work on a small town, from an empty folder to an empty folder.
 * @throws UserError when a step fails; the signal's reason.
 */
export async function runDemo<Group extends StepGroup>(
  options: DemoOptions<Group>,
): Promise<DemoResult<Group>> {
  const { groups, narrator, signal, env } = options;
  const reports: StepReport[] = [];
  const cleaning: (() => Promise<void>)[] = [];
  /** Last made first, each once, and one that fails does not keep the others. */
  async function cleanUp(): Promise<void> {
    for (let clean = cleaning.pop(); clean; clean = cleaning.pop()) await clean().catch(() => {});
  }
  options.closing(cleanUp);

  const total = groups.reduce((sum, { steps }) => sum + steps.length, 3);
  let number = 1;
  async function step<T>(
    title: string,
    run: () => Promise<T>,
    command?: (value: T) => CommandReport | void,
  ): Promise<T> {
    signal.throwIfAborted();
    narrator.line();
    narrator.heading(`${number++}/${total}  ${title}`);
    const started = performance.now();
    const value = await run();
    const durationMs = Math.round(performance.now() - started);
    reports.push({ title, ...(command?.(value) ?? { exitCode: 0 }), durationMs });
    return value;
  }

  const premises = await Premises.open(options.temporaryFolder);
  cleaning.push(() => premises.close());
  const desk = join(premises.folder, 'desk');
  const town = buildTown(options.quick ? sizes.quick : sizes.full);
  const readings = town.meters.length * town.readingsPerMeter;

  const { database, cache } = await step('start PostgreSQL and a cache', async () => {
    const database = await chooseDatabase(premises, env, signal);
    cleaning.push(() => database.close());
    narrator.line(
      `PostgreSQL ${database.version}: ${database.embedded ? 'embedded, in a temporary folder' : 'METRIFY_POSTGRES_URL, in a schema of its own'}`,
    );
    const cache = await chooseCache(premises, database, env, signal);
    cleaning.push(() => cache.close(cacheKeys(town.meters)));
    narrator.line(`Cache: level ${narrator.bold(cache.type)}, because ${cache.why}`);
    return { database, cache };
  });

  await step('load a small town', async () => {
    const started = performance.now();
    await database.load(town, signal);
    const took = formatDuration(performance.now() - started);
    narrator.line(
      `${formatCount(readings)} readings of ${formatCount(town.meters.length)} meters in ${took}`,
    );
  });

  const service = await startService(cache.service, database.query);
  cleaning.push(() => service.close());
  await mkdir(desk);
  // The nearest configuration is this one: the person's own has no part in the demo.
  await writeFileInPlace(join(desk, 'metrify.config.yaml'), 'environments:\n  demo: {}\n');
  const shell = {
    premises,
    narrator,
    signal,
    self: options.self,
    cwd: desk,
    env: {
      ...Object.fromEntries(Object.entries(env).filter(([name]) => isHandedOn(name))),
      METRIFY_ENV: 'demo',
      METRIFY_POSTGRES_URL: database.url,
      ...(cache.url === undefined ? {} : { METRIFY_REDIS_URL: cache.url }),
    },
  };
  const stage: Stage = {
    signal,
    narrator,
    env,
    town,
    database,
    cache,
    service,
    generate: options.generate,
    desk,
    metrify: (args, expected) => runMetrify(shell, args, expected),
    start: (args) => startMetrify(shell, args),
    closing: (close) => void cleaning.push(close),
  };
  const summaries: Record<string, unknown> = {};
  for (const group of groups) {
    const { name, steps } = group;
    const state = group.state();
    signal.throwIfAborted();
    const reason = await group.leftOut?.(stage, state);
    if (reason !== undefined) {
      const first = number;
      number += steps.length;
      narrator.line();
      narrator.line(narrator.dim(`${first}-${number - 1}/${total}  ${reason}`));
      continue;
    }
    for (const { title, run } of steps)
      await step(
        title,
        () => run(stage, state),
        (report) => report,
      );
    summaries[name] = group.summary(state);
  }

  await step('clean up', cleanUp);
  return {
    postgres: { version: database.version, embedded: database.embedded },
    cache: { type: cache.type, why: cache.why },
    meters: town.meters.length,
    readings,
    steps: reports,
    groups: summaries as Summaries<Group>,
    leftNothing: { processes: premises.pids, folder: premises.folder },
  };
}
