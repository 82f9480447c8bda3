import type { LoadPlan } from '../../lib/load/generator.js';
import { checkLimits } from '../../lib/load/limits.js';
import { describePlan } from '../../lib/load/saved/plan-description.js';
import { encodeRun } from '../../lib/load/saved/saved-run.js';
import { parseShard } from '../../lib/load/shard.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { planFacts } from '../../ui/load-report/plan.js';
import { conclude, countsOf, send } from './shared/conclude.js';
import { engineFlags, generatorOf } from './shared/engine-flags.js';
import { loadFlags } from './shared/load-flags.js';
import { openTest } from './shared/open-test.js';
import { outputFlags, rehearseOutputs, saveFlags, writeOutputs } from './shared/output-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import { requestFlags, transportFlags } from './shared/transport-flags.js';
import { watchFlags } from './shared/watch.js';

const flags = {
  ...loadFlags,
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
  shard: flag.parsed('N/M', parseShard, {
    help: 'the share of this machine when M machines run the same command at the same time; load merge adds them up',
  }),
  ...thresholdFlags,
  ...saveFlags,
  ...outputFlags,
  ...requestFlags,
  ...transportFlags,
  ...watchFlags,
  ...engineFlags,
};

export const run = readCommand({
  name: 'load run',
  summary: 'send requests at a rate or over connections, and judge the answers',
  description:
    'Each request is due at a time, and its latency counts from then, whether or not the generator could send it: a server that ' +
    'stalls makes all of them slow. Latencies are those of expected answers (status below 400); requests without an ' +
    'answer at the end count with their age, and quantiles that they bound are printed with ≥.',
  args: { test: { help: 'a URL, or the file of a scenario', required: true } },
  flags,
  examples: [
    {
      does: 'does it hold 500 requests a second?',
      command:
        "metrify load run http://127.0.0.1:8080/api/v1/meter-readings --rate 500 --duration 1m --threshold 'p95<200ms,error_rate<1%'",
    },
    {
      does: 'as fast as 50 connections go',
      command: 'metrify load run http://127.0.0.1:8080/ --connections 50 --duration 10s',
    },
    {
      does: 'a scenario, with less load than it says',
      command: 'metrify load run load.yaml --users 5 --duration 30s',
    },
    {
      does: 'end it as soon as it is clear that it fails',
      command:
        "metrify load run http://127.0.0.1:8080/ --rate 500 --duration 10m --threshold 'error_rate<1% abort after 30s'",
    },
    {
      does: 'the second of three machines',
      command:
        'metrify load run http://127.0.0.1:8080/ --rate 3000 --duration 1m --shard 2/3 --save two.json',
    },
  ],
  junit: true,

  async read(input, context) {
    const generator = generatorOf(input, flags);
    await rehearseOutputs(input);
    const test = await openTest(input, context);
    const { host, stop } = test;
    const thresholds = [...test.thresholds.map(parseThreshold), ...thresholdsOf(input)];
    const { title } = test;
    const planned: LoadPlan = { ...test.plan, shard: input.shard };
    const ran = await (async () => {
      try {
        await checkLimits(planned, (message) => context.warn(message));
        return await send(planned, thresholds, context, { title, noLive: input.noLive, generator });
      } finally {
        await stop();
      }
    })();
    const { plan, tally, result } = ran;
    context.applied(() => result);
    const expressions = thresholds.map(({ expression }) => expression);
    const { abortedBy, stopped } = result;
    const saved = encodeRun(tally, { plan, thresholds: expressions, abortedBy, stopped });
    const open = await latenciesOpener();
    await writeOutputs(result, input, context, {
      title,
      plan: planFacts(describePlan(plan)),
      tally,
      open,
      saved,
    });
    context.signal.throwIfAborted();
    return conclude(tally, result, host);
  },

  counts: countsOf,

  present: presentLoad,
});
