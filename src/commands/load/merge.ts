import { parseThreshold } from '../../lib/load/threshold.js';
import { resultOf } from '../../lib/load/result.js';
import { mergeRuns } from '../../lib/load/saved/merge.js';
import { readRun } from '../../lib/load/saved/saved-run.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { readCommand } from '../../runtime/command.js';
import { presentLoad } from '../../ui/load.js';
import { planFacts } from '../../ui/load-report/plan.js';
import { conclude, countsOf } from './shared/conclude.js';
import { outputFlags, writeOutputs } from './shared/output-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';

export const merge = readCommand({
  name: 'load merge',
  summary: 'add saved runs of several machines up, and judge them once',
  description:
    'Runs are joined on their wall clocks, so the clocks of the machines have to agree to a fraction of a second. Runs with ' +
    'another plan or another time, the same run twice and a missing shard are refused. Thresholds are those of the runs, unless ' +
    'some are given.',
  args: { files: { help: 'files that metrify load run --save has written', required: true, many: true } },
  flags: { ...thresholdFlags, ...outputFlags },
  examples: [
    { does: 'three machines, judged once', command: 'metrify load merge one.json two.json three.json' },
    {
      does: 'with another objective',
      command: "metrify load merge one.json two.json --threshold 'p99<500ms' --junit load.xml",
    },
  ],
  junit: true,

  async read(input, context) {
    const given = thresholdsOf(input);
    const open = await latenciesOpener();
    await context.files.add(
      ...input.files.map((path) => ({ name: 'a saved run', path, access: 'read' as const })),
    );
    const files = [];
    for (const path of input.files) files.push({ path, run: await readRun(path, open) });
    const { plan, tally, threads, ...merged } = mergeRuns(files, open);
    const { arrivals } = plan;
    const result = resultOf(tally, {
      targetRate: arrivals.loop === 'open' ? tally.due / (Math.max(1, tally.elapsedMs) / 1000) : undefined,
      targetRateAt: (from, to) => merged.targetRateAt(from, to),
      threads,
      maxConnections: merged.maxConnections,
      thresholds: given.length > 0 ? given : merged.thresholds.map(parseThreshold),
      abortedBy: merged.abortedBy,
      stopped: merged.stopped,
      open,
    });
    const title = plan.targets.join(', ');
    await writeOutputs(result, input, context, { title, plan: planFacts(plan), tally, open });
    return conclude(tally, result, title);
  },

  counts: countsOf,

  present: presentLoad,
});
