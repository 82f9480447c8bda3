import { UserError } from '../../lib/core/errors.js';
import { AbortOnFailure } from '../../lib/load/abort.js';
import { checkLimits } from '../../lib/load/limits.js';
import { counted } from '../../lib/core/units.js';
import { generate, type LoadPlan } from '../../lib/load/generator.js';
import { prepare, targetOf } from '../../lib/load/request.js';
import { resultOf } from '../../lib/load/result.js';
import { describePlan } from '../../lib/load/saved/plan-description.js';
import { encodeRun } from '../../lib/load/saved/saved-run.js';
import { parseShard } from '../../lib/load/shard.js';
import { parseStages } from '../../lib/load/stages.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { targetRateBetween } from '../../lib/load/target-rate.js';
import { namesIn } from '../../lib/load/threshold.js';
import { readCommand } from '../../runtime/command.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { conclude, countsOf } from './shared/conclude.js';
import { outputFlags, rehearseOutputs, saveFlags, writeOutputs } from './shared/output-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import {
  requestFlags,
  requestOf,
  targetWith,
  transportFlags,
  transportOf,
} from './shared/transport-flags.js';
import { watchFlags, watching } from './shared/watch.js';

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
  drain: flag.duration({ help: 'how long requests under way at the end are waited for', default: '5s' }),
  requestTimeout: flag.duration({
    help: 'a request without a whole answer fails after this',
    default: '30s',
  }),
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
    const open = await latenciesOpener();
    const abort = new AbortOnFailure(thresholds, open);
    const plan: LoadPlan = {
      targets: [await targetWith(target, input)],
      workload: { requests: [{ weight: 1, request }] },
      ...loadOf(input),
      drainMs: input.drain,
      timeoutMs: input.requestTimeout,
      connectTimeoutMs: Math.min(input.requestTimeout, 5000),
      threads: input.threads,
      shard: input.shard,
      names: namesIn(thresholds),
      watch: abort.watch,
      ...transportOf(input),
    };
    await checkLimits(plan, (message) => context.warn(message));
    await rehearseOutputs(input);
    const title = `${text.method} ${input.url}`;
    const { noLive } = input;
    const tally = await watching({ title, plan, thresholds, open, noLive }, context, (onSlice, progress) =>
      generate(plan, AbortSignal.any([context.signal, abort.signal]), progress, (second, soFar) => {
        abort.onSlice(second, soFar);
        onSlice(second, soFar);
      }),
    );
    const { arrivals, maxConnections } = plan;
    const { abortedBy } = abort;
    const result = resultOf(tally, {
      targetRate: arrivals.loop === 'open' ? tally.due / (Math.max(1, tally.elapsedMs) / 1000) : undefined,
      ...(arrivals.loop === 'open' && {
        targetRateAt: (from: number, to: number) =>
          targetRateBetween(arrivals.stages, from, to) / (plan.shard?.of ?? 1),
      }),
      threads: plan.threads,
      maxConnections,
      thresholds,
      shard: plan.shard,
      abortedBy,
      open,
    });
    context.applied(() => result);
    const expressions = thresholds.map(({ expression }) => expression);
    const saved = encodeRun(tally, { plan, thresholds: expressions, abortedBy });
    await writeOutputs(result, input, context, { title, plan: describePlan(plan), tally, open, saved });
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

/** The most connections of an open loop that says nothing of them. */
const mostConnections = 1000;

function loadOf(
  input: FlagValues<typeof flags>,
): Pick<LoadPlan, 'arrivals' | 'durationMs' | 'maxConnections'> {
  const { rate, stages, connections, duration, threads } = input;
  if (rate !== undefined && stages !== undefined)
    throw new UserError('--rate and --stages exclude each other', { hint: 'Leave one out.' });
  const maxConnections = connections ?? mostConnections;
  if (threads > maxConnections)
    throw new UserError(`${threads} threads cannot share ${counted(maxConnections, 'connection')}`, {
      hint: 'Give as many --connections as --threads, or more.',
    });
  if (stages) {
    const durationMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
    return { durationMs, arrivals: { loop: 'open', stages }, maxConnections };
  }
  if (rate !== undefined) {
    const steady = [{ durationMs: duration, from: rate, to: rate }];
    return { durationMs: duration, arrivals: { loop: 'open', stages: steady }, maxConnections };
  }
  if (connections === undefined)
    throw new UserError('how much load is not said', {
      hint: 'Give --rate or --stages for an open loop, --connections for a closed one.',
    });
  return { durationMs: duration, arrivals: { loop: 'closed', users: connections }, maxConnections };
}
