import { ServiceUnavailable, UserError } from '../../lib/core/errors.js';
import { distributionOf } from '../../lib/load/distribution.js';
import { generate, type LoadPlan } from '../../lib/load/generator.js';
import { prepare, targetOf } from '../../lib/load/request.js';
import { type LoadResult, resultOf } from '../../lib/load/result.js';
import { parseStages } from '../../lib/load/stages.js';
import { timesOf } from '../../lib/load/judge.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { targetRateBetween } from '../../lib/load/target-rate.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { verdictOf } from '../../lib/load/verdict.js';
import { type Check, readCommand } from '../../runtime/command.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { planFacts } from '../../ui/load-report/plan.js';
import { rehearseReport, reportFlags, writeReport } from './shared/report.js';
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
  threshold: flag.list({
    placeholder: 'EXPRESSION',
    help: 'what must hold: p95<200ms, max<2s, error_rate<1%, rps>500, goodput>=450',
  }),
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
  ...reportFlags,
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
  ],
  junit: true,

  async read(input, context) {
    const { target, path, host } = targetOf(input.url);
    const name = `GET ${path.replace(/\?.*/, '')}`;
    const request = prepare(name, path, host, { method: 'GET', headers: [] });
    const plan: LoadPlan = {
      targets: [target],
      workload: { requests: [{ weight: 1, request }] },
      ...loadOf(input),
      drainMs: input.drain,
      timeoutMs: input.requestTimeout,
      connectTimeoutMs: Math.min(input.requestTimeout, 5000),
      threads: input.threads,
    };
    const thresholds = input.threshold.map(parseThreshold);
    await rehearseReport(input.report);
    const open = await latenciesOpener();
    const title = `GET ${input.url}`;
    const tally = await watching(
      { title, plan, thresholds, open, noLive: input.noLive },
      context,
      (onSlice, progress) => generate(plan, context.signal, progress, onSlice),
    );
    const { arrivals, maxConnections } = plan;
    const result = resultOf(tally, {
      targetRate: arrivals.loop === 'open' ? tally.due / (plan.durationMs / 1000) : undefined,
      threads: plan.threads,
      ...(arrivals.loop === 'open' && {
        targetRateAt: (from: number, to: number) => targetRateBetween(arrivals.stages, from, to),
      }),
      maxConnections,
      thresholds,
      open,
    });
    context.applied(() => result);
    await writeReport(
      input.report,
      () => ({
        title,
        verdict: endOf(result, context.signal),
        startedAt: tally.startedAt,
        plan: planFacts(plan, input.threshold),
        result,
        distribution: distributionOf(timesOf(tally.names.total(), 'response', open)),
      }),
      context,
    );
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

/** The run's verdict, or why there is none. */
function endOf(result: LoadResult, { aborted }: AbortSignal): string {
  if (aborted) return 'stopped';
  return result.answered === 0 && result.failed > 0 ? 'unavailable' : verdictOf(result);
}

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
  const { rate, stages, connections, duration } = input;
  if (rate !== undefined && stages !== undefined)
    throw new UserError('--rate and --stages exclude each other', { hint: 'Leave one out.' });
  const maxConnections = connections ?? mostConnections;
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

function checksOf({ thresholds }: LoadResult): Check[] {
  return thresholds.map(({ expression, verdict, observed }) => ({
    name: expression,
    ...(verdict === 'failed' && { failure: observed }),
    ...(verdict === 'no-data' && { inconclusive: observed }),
  }));
}
