import { Prometheus } from '../../lib/clients/prometheus.js';
import { gravest, exitCodeOf } from '../../lib/core/exit-codes.js';
import { UserError } from '../../lib/core/errors.js';
import { checkLimits } from '../../lib/load/limits.js';
import { type Drift, driftsOf, seriesOf } from '../../lib/load/soak/drift.js';
import { gaugeOfPrometheus, gaugesOfProcess } from '../../lib/load/soak/gauges.js';
import { type Gauge, Sampler } from '../../lib/load/soak/sampler.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { type Check, type Outcome, readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import { presentSoak, signed, type SoakResult } from '../../ui/load-soak.js';
import { conclude, countsOf, send } from './shared/conclude.js';
import { loadFlags } from './shared/load-flags.js';
import { openTest } from './shared/open-test.js';
import { outputFlags, rehearseOutputs, writeOutputs } from './shared/output-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import { requestFlags, transportFlags } from './shared/transport-flags.js';
import { watchFlags } from './shared/watch.js';

const { rate, users, connections, poisson, warmup, drain, requestTimeout } = loadFlags;

const watchedFlags = {
  pid: flag.count({ help: 'a process of this machine whose memory and open descriptors are watched' }),
  prometheusQuery: {
    ...flag.list({
      placeholder: 'EXPRESSION',
      help: 'an expression that gives one number, and must not rise either; may be given several times',
    }),
    parse: (text: string) => [text],
  },
  prometheusUrl: flag.forSetting('prometheus.url', { help: 'Prometheus that the expressions are asked of' }),
};

const flags = {
  ...{ rate, users, connections, poisson },
  duration: flag.duration({ help: 'how long requests are due', default: '1h' }),
  ...{ warmup, drain, requestTimeout },
  maxRise: flag.percent({
    help: 'how much each of what is watched may rise over the whole run',
    default: '10%',
  }),
  ...watchedFlags,
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
  ...thresholdFlags,
  csv: outputFlags.csv,
  summaryFile: outputFlags.summaryFile,
  ...requestFlags,
  ...transportFlags,
  ...watchFlags,
};

export const soak = readCommand({
  name: 'load soak',
  summary: 'keep a service under load, and judge whether latency, errors or memory rise',
  description:
    'p50, p95 and the error rate are watched, and with --pid memory (resident) and descriptors. A series rises when its trend is not ' +
    'chance, and is more than --max-rise over the whole run. Its first tenth is left out as warm-up.',
  synonyms: ['load endurance', 'load leak'],
  args: { test: { help: 'a URL, or the file of a scenario', required: true } },
  flags,
  examples: [
    {
      does: 'does the service leak?',
      command:
        'metrify load soak http://127.0.0.1:8080/api/v1/meter-readings --rate 50 --duration 2h --pid 4711',
    },
    {
      does: 'one that runs elsewhere',
      command:
        'metrify load soak load.yaml --duration 8h --prometheus-query \'sum(process_resident_memory_bytes{job="web"})\'',
    },
  ],
  junit: true,

  async read(input, context) {
    await rehearseOutputs(input);
    const gauges = await gaugesOf(input, context);
    const test = await openTest({ ...input, stages: undefined }, context);
    const sampler = new Sampler(gauges, input.duration);
    const { tally, result: sent } = await (async () => {
      try {
        const thresholds = [...test.thresholds.map(parseThreshold), ...thresholdsOf(input)];
        await checkLimits(test.plan, (message) => context.warn(message));
        sampler.start();
        return await send(test.plan, thresholds, context, { title: test.title, noLive: input.noLive });
      } finally {
        await sampler.stop();
        await test.stop();
      }
    })();
    for (const problem of sampler.problems) context.warn(problem);
    const drift = driftsOf([...seriesOf(sent), ...sampler.series], { maxRise: input.maxRise });
    const result: SoakResult = { ...sent, drift };
    context.applied(() => result);
    await writeOutputs(result, input, context);
    context.signal.throwIfAborted();
    return withDrift(conclude(tally, result, test.host));
  },

  counts: countsOf,

  present: presentSoak,
});

async function gaugesOf(
  { pid, prometheusQuery }: FlagValues<typeof watchedFlags>,
  context: Context,
): Promise<Gauge[]> {
  const gauges = pid === undefined ? [] : await gaugesOfProcess(pid);
  if (prometheusQuery.length === 0) return gauges;
  const { prometheus, connectTimeoutMs, requestTimeoutMs } = await context.settings();
  if (prometheus === undefined)
    throw new UserError('no Prometheus is known to ask for --prometheus-query', {
      hint: 'Give --prometheus-url, METRIFY_PROMETHEUS_URL or prometheus.url in the configuration.',
    });
  const client = new Prometheus(prometheus, { connectTimeoutMs, requestTimeoutMs });
  for (const expression of prometheusQuery) {
    const gauge = gaugeOfPrometheus(client, expression);
    // A run of hours should not end with the news of a typing error.
    if ((await gauge.read(context.signal)) === undefined)
      context.warn(`${client.name} has no value of ${expression} now`);
    gauges.push(gauge);
  }
  return gauges;
}

function withDrift(outcome: Outcome<SoakResult>): Outcome<SoakResult> {
  const { drift } = outcome.result;
  const has = (verdict: Drift['verdict']) => drift.some((one) => one.verdict === verdict);
  const ofDrift = has('rising') ? 'failed' : has('unclear') ? 'inconclusive' : 'ok';
  const gravestCode = gravest(exitCodeOf[outcome.verdict], exitCodeOf[ofDrift]);
  return {
    ...outcome,
    verdict: gravestCode === exitCodeOf[ofDrift] ? ofDrift : outcome.verdict,
    checks: [...(outcome.checks ?? []), ...drift.map(checkOf)],
  };
}

function checkOf({ name, unit, verdict, rise }: Drift): Check {
  const shown = rise === null ? 'nothing was measured' : signed(unit, rise);
  return {
    name: `${name} does not rise`,
    ...(verdict === 'rising' && { failure: shown }),
    ...(verdict === 'unclear' && { inconclusive: shown }),
  };
}
