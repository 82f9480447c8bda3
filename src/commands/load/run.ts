import { ServiceUnavailable } from '../../lib/core/errors.js';
import { generate } from '../../lib/load/generator.js';
import { type LoadResult, resultOf } from '../../lib/load/result.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { verdictOf } from '../../lib/load/verdict.js';
import { type Check, readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { loadFlags } from './shared/load-flags.js';
import { openTest } from './shared/open-test.js';

const flags = {
  ...loadFlags,
  threshold: flag.list({
    placeholder: 'EXPRESSION',
    help: 'what must hold, beside what a scenario says: p95<200ms, max<2s, error_rate<1%, rps>500, goodput>=450',
  }),
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
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
  ],
  junit: true,

  async read(input, context) {
    const { plan, thresholds: written, host, stop } = await openTest(input, context);
    const thresholds = [...written, ...input.threshold].map(parseThreshold);
    const open = await latenciesOpener();
    const tally = await context.during('sending', 'requests', async (progress) => {
      try {
        return await generate(plan, context.signal, progress);
      } finally {
        await stop();
      }
    });
    const { arrivals, maxConnections } = plan;
    const result = resultOf(tally, {
      targetRate: arrivals.loop === 'open' ? tally.due / (plan.durationMs / 1000) : undefined,
      threads: plan.threads,
      maxConnections,
      thresholds,
      open,
    });
    context.applied(() => result);
    context.signal.throwIfAborted();
    if (result.answered === 0 && result.failed > 0) {
      const [kind] = Object.entries(result.errors.byKind).sort(([, a], [, b]) => b - a)[0]!;
      throw new ServiceUnavailable(`none of ${result.sent} requests to ${host} was answered: ${kind}`, {
        hint: 'Check the URL, and that the service runs.',
      });
    }
    return { verdict: verdictOf(result), result, checks: checksOf(result) };
  },

  counts: ({ sent, answered, failed, incomplete }) => ({ sent, answered, failed, incomplete }),

  present: presentLoad,
});

function checksOf({ thresholds }: LoadResult): Check[] {
  return thresholds.map(({ expression, verdict, observed }) => ({
    name: expression,
    ...(verdict === 'failed' && { failure: observed }),
    ...(verdict === 'no-data' && { inconclusive: observed }),
  }));
}
