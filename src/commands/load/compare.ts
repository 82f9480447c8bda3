import { comparedSlices } from '../../lib/load/saved/comparable.js';
import { readRun } from '../../lib/load/saved/saved-run.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { readCommand } from '../../runtime/command.js';
import { presentComparison } from '../../ui/load-compare.js';
import { comparisonCounts, comparisonFlags, compareSides, concludeComparison } from './shared/comparison.js';

export const compare = readCommand({
  name: 'load compare',
  summary: 'judge whether one saved run is slower than another, or fails more often',
  description:
    'Requests of one moment resemble each other, so that seconds, and not requests, are what is counted. All intervals hold ' +
    'together with a probability of 95%. Runs with another load or other requests are refused. Where the machine was ' +
    'busier in one of the runs, the difference shows that, too: load ab takes turns.',
  args: {
    before: { help: 'a file that metrify load run --save has written', required: true },
    after: { help: 'another one, of the same load', required: true },
  },
  flags: comparisonFlags,
  examples: [
    {
      does: 'is the new build slower by more than a tenth?',
      command: 'metrify load compare before.json after.json --max-increase 10%',
    },
  ],
  junit: true,

  async read(input, context) {
    const open = await latenciesOpener();
    const paths = [input.before, input.after];
    await context.files.add(...paths.map((path) => ({ name: 'a saved run', path, access: 'read' as const })));
    const before = { path: input.before, run: await readRun(input.before, open) };
    const after = { path: input.after, run: await readRun(input.after, open) };
    const { a, b } = comparedSlices(before, after);
    return concludeComparison(
      await compareSides({ name: before.path, slices: a }, { name: after.path, slices: b }, input),
    );
  },

  counts: comparisonCounts,

  present: presentComparison,
});
