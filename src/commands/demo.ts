import { tmpdir } from 'node:os';

import type { Measurements } from '../lib/demo/cache-steps.js';
import type { WriteBehindCounts } from '../lib/demo/queue-steps.js';
import { type DemoResult, runDemo } from '../lib/demo/script.js';
import type { Narrator, StepGroup } from '../lib/demo/stage.js';
import { formatCount, formatDuration } from '../lib/core/units.js';
import { readCommand } from '../runtime/command.js';
import { flag } from '../runtime/flags.js';
import { type DemoGroup, demoGroups, generateLoad } from './demo-groups.js';

/** The members of the first version, and what each group reports. */
export interface DemoReport extends DemoResult<DemoGroup> {
  latency: Measurements;
  /** Unless it was left out. */
  writeBehind?: WriteBehindCounts;
}

export const demo = readCommand({
  name: 'demo',
  summary: 'see metrify work on a small town in under a minute',
  synonyms: ['try', 'tutorial'],
  description:
    'Starts an embedded PostgreSQL with the meters of a small town and a small HTTP service, and does what an SRE ' +
    'would do: measure the service cold, warm its cache from SQL, inspect it, measure again, flush; then queue a burst of ' +
    'writes, kill the worker, and see that nothing is lost; then export the readings to Parquet and read them back; then, where METRIFY_ELASTICSEARCH_URL names a cluster, index the meters and search them; then promote a good version and reject a bad one. The cache is Redis where METRIFY_REDIS_URL or redis-server is there, else a table in PostgreSQL. A Redis that holds keys ' +
    'is left alone. No process, no file and no index stays.',
  flags: {
    quick: flag.boolean('a smaller town: 20,000 readings instead of 200,000'),
  },
  examples: [
    { does: 'the whole tour', command: 'metrify demo' },
    { does: 'a shorter one, for a CI step', command: 'metrify demo --quick --json' },
  ],

  async read({ quick }, context) {
    const result = await runDemo({
      groups: demoGroups,
      quick,
      self: context.self,
      env: context.env,
      temporaryFolder: tmpdir(),
      signal: context.signal,
      narrator: context.narrator,
      generate: generateLoad,
      closing: (close) => context.closing(close),
    });
    const { cache = {}, queue } = result.groups;
    return {
      verdict: 'ok',
      result: { ...result, latency: cache, ...(queue ? { writeBehind: queue } : {}) },
    };
  },

  counts: ({ readings }: DemoReport) => ({ readings }),

  present(result: DemoReport, printer) {
    const took = result.steps.reduce((sum, { durationMs }) => sum + durationMs, 0);
    printer.line('No process and no file is left.');
    printer.line();
    const parts = [
      `${formatCount(result.readings)} readings`,
      ...highlights(result.groups, printer),
      `in ${formatDuration(took)}`,
    ];
    printer.ok(parts.join(', '));
  },
});

function highlights(
  summaries: Readonly<Record<string, unknown>>,
  narrator: Pick<Narrator, 'green'>,
): string[] {
  const groups: readonly StepGroup[] = demoGroups;
  return groups.flatMap((group) => {
    const summary = summaries[group.name];
    return summary === undefined ? [] : (group.highlight?.(summary, narrator) ?? []);
  });
}
