import { UserError } from '../../lib/core/errors.js';
import { arrivalsOf } from '../../lib/load/arrivals.js';
import type { LoadPlan } from '../../lib/load/generator.js';
import { checkLimits } from '../../lib/load/limits.js';
import { prepare, targetOf } from '../../lib/load/request.js';
import { encodeRun } from '../../lib/load/saved/saved-run.js';
import { parseShard } from '../../lib/load/shard.js';
import { parseStages } from '../../lib/load/stages.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { conclude, countsOf, send } from './shared/conclude.js';
import { engineFlags, generatorOf } from './shared/engine-flags.js';
import { outputFlags, rehearseOutputs, saveFlags, writeOutputs } from './shared/output-flags.js';
import { sendingFlags } from './shared/sending-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import {
  requestFlags,
  requestOf,
  targetWith,
  transportFlags,
  transportOf,
} from './shared/transport-flags.js';

const flags = {
  rate: flag.parsed('N', positive, {
    help: 'requests a second, due at fixed times whatever the answers are (an open loop)',
  }),
  stages: flag.parsed('DURATION:RATE,…', parseStages, {
    help: 'an open loop whose rate goes in straight lines: 30s:100,1m:500',
  }),
  connections: flag.count({
    help: 'a closed loop: so many connections, each with one request after the other; with --rate or --stages the maximum',
  }),
  duration: flag.duration({ help: 'how long requests are due', default: '10s' }),
  ...sendingFlags,
  shard: flag.parsed('N/M', parseShard, {
    help: 'the share of this machine when M machines run the same command at the same time; load merge adds them up',
  }),
  ...thresholdFlags,
  ...saveFlags,
  ...outputFlags,
  ...requestFlags,
  ...transportFlags,
  ...engineFlags,
};

export const run = readCommand({
  name: 'load run',
  summary: 'send requests at a rate or over connections, and judge the answers',
  description:
    'Each request is due at a time, and its latency counts from then, whether or not the generator could send it: a server that ' +
    'stalls makes all of them slow. Latencies are those of expected answers (status below 400); requests without an ' +
    'answer at the end count with their age, and quantiles that they bound are printed with ≥.',
  args: { url: { help: 'what is requested', required: true } },
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
    const { target, path, host } = targetOf(input.url);
    const text = await requestOf(input, context);
    const name = `${text.method} ${path.replace(/\?.*/, '')}`;
    const request = prepare(name, path, host, text);
    const thresholds = thresholdsOf(input);
    const plan: LoadPlan = {
      targets: [await targetWith(target, input)],
      workload: { requests: [{ weight: 1, request }] },
      ...arrivalsOf(input),
      drainMs: input.drain,
      timeoutMs: input.requestTimeout,
      connectTimeoutMs: Math.min(input.requestTimeout, 5000),
      threads: input.threads,
      shard: input.shard,
      ...transportOf(input),
    };
    await checkLimits(plan, (message) => context.warn(message));
    await rehearseOutputs(input);
    const generator = generatorOf(input, flags);
    const { plan: ran, tally, result } = await send(plan, thresholds, context, generator);
    context.applied(() => result);
    const expressions = thresholds.map(({ expression }) => expression);
    const { abortedBy } = result;
    const saved = encodeRun(tally, { plan: ran, thresholds: expressions, abortedBy });
    await writeOutputs(result, input, context, saved);
    context.signal.throwIfAborted();
    return conclude(tally, result, host);
  },

  counts: countsOf,

  present: presentLoad,
});

function positive(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0)
    throw new UserError(`'${text}' is not a rate`, { hint: 'Give requests a second, like 500 or 0.4.' });
  return Number(text);
}
