import { UserError } from '../../lib/core/errors.js';
import { formatCount } from '../../lib/core/units.js';
import { type MeasuredStep, measureCapacity } from '../../lib/load/capacity/measure.js';
import { checkLimits } from '../../lib/load/limits.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { kneeOf } from '../../lib/statistics/knee.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { formatRate } from '../../ui/load-figures.js';
import { presentStress, type StressResult, stepLine } from '../../ui/load-stress.js';
import { loadFlags } from './shared/load-flags.js';
import { openTest } from './shared/open-test.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import { requestFlags, transportFlags } from './shared/transport-flags.js';

const { connections, poisson, requestTimeout } = loadFlags;

const flags = {
  ...thresholdFlags,
  start: flag.count({ help: 'the first rate, in requests a second, or tasks of a scenario', default: '10' }),
  maxRate: flag.count({ help: 'the highest rate that may be sent', default: '100000' }),
  minRate: flag.count({ help: 'the highest rate that holds has to be at least this' }),
  within: flag.duration({ help: 'how long the search may take', default: '2m' }),
  ...{ connections, poisson, requestTimeout },
  warmup: flag.duration({ help: 'how long requests are sent before each step, uncounted', default: '250ms' }),
  drain: flag.duration({
    help: 'how long requests under way at the end of a step are waited for',
    default: '1s',
  }),
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
  ...requestFlags,
  ...transportFlags,
};

export const stress = readCommand({
  name: 'load stress',
  summary: 'find the highest rate at which the thresholds hold',
  description:
    'The rate doubles until the thresholds do not hold, and then comes closer in short steps. What was found has to hold for ' +
    'ten seconds; then the service is overloaded, and has to recover. It may fail under it: not for a service that others need.',
  synonyms: ['load capacity', 'load breakpoint', 'load ramp'],
  args: { test: { help: 'a URL, or the file of a scenario', required: true } },
  flags,
  examples: [
    {
      does: 'how many requests a second does it hold?',
      command:
        "metrify load stress http://127.0.0.1:8080/api/v1/meter-readings --threshold 'p95<200ms,error_rate<1%'",
    },
    {
      does: 'are there 500, as the contract says?',
      command:
        "metrify load stress load.yaml --threshold 'p95<200ms,error_rate<1%' --min-rate 500 --max-rate 1000",
    },
  ],
  junit: true,

  async read(input, context) {
    const { start, maxRate, minRate, within } = input;
    if (start > maxRate || (minRate ?? 0) > maxRate)
      throw new UserError(`--max-rate ${maxRate} is below ${start > maxRate ? '--start' : '--min-rate'}`, {
        hint: 'Give a higher --max-rate.',
      });
    const test = await openTest(
      { ...input, rate: start, duration: 1000, users: undefined, stages: undefined },
      context,
    );
    const steps: MeasuredStep[] = [];
    const resultWith = (found: Partial<StressResult>): StressResult => ({
      rate: steps.reduce<number | null>(highestHeld, null),
      end: 'stopped',
      confidence: null,
      interval: null,
      recovered: null,
      knee: kneeIn(steps),
      minRate: minRate ?? null,
      steps,
      ...found,
    });
    const measured = await (async () => {
      try {
        const thresholds = [...test.thresholds.map(parseThreshold), ...thresholdsOf(input)];
        if (thresholds.length === 0)
          throw new UserError('what has to hold is not said', {
            hint: "Give --threshold 'p95<200ms,error_rate<1%'.",
          });
        await checkLimits(test.plan, (message) => context.warn(message));
        context.applied(() => resultWith({}));
        const onStep = (step: MeasuredStep) => {
          steps.push(step);
          context.narrator.line(stepLine(step));
        };
        const options = { start, highest: maxRate, budgetMs: within, thresholds, onStep };
        return await measureCapacity(test.plan, options, context.signal);
      } finally {
        await test.stop();
      }
    })();
    const { rate = null, end, confidence, interval, recovered = null } = measured;
    const result = resultWith({ rate, end, confidence, interval, recovered });
    return { verdict: verdictOf(result), result, checks: checksOf(result) };
  },

  counts: ({ steps }) => ({ steps: steps.length, sent: steps.reduce((sum, { sent }) => sum + sent, 0) }),

  present: presentStress,
});

const highestHeld = (most: number | null, { rate, holds }: MeasuredStep): number | null =>
  holds === true ? Math.max(most ?? 0, rate) : most;

/** Of p95 over the rate. */
function kneeIn(steps: readonly MeasuredStep[]): StressResult['knee'] {
  const curve = steps.flatMap(({ phase, rate, holds, latencyMs }) =>
    latencyMs.p95 === null || phase === 'recover' || holds === 'unclear'
      ? []
      : [{ x: rate, y: latencyMs.p95 }],
  );
  const knee = kneeOf(curve);
  return knee ? { rate: knee.x, p95: knee.y } : null;
}

function verdictOf({ rate, end, recovered, minRate }: StressResult) {
  if (recovered === false || end === 'lowest') return 'failed';
  if (minRate !== null && rate !== null && rate < minRate && end === 'converged') return 'failed';
  if (rate === null || end === 'unclear') return 'inconclusive';
  if (minRate !== null && rate < minRate) return 'inconclusive';
  return end === 'budget' && minRate === null ? 'inconclusive' : 'ok';
}

function checksOf(result: StressResult) {
  const { rate, end, recovered, minRate } = result;
  const found = rate === null ? 'no rate held' : `${formatRate(rate)} held (${end})`;
  const verdict = verdictOf({ ...result, recovered: null });
  return [
    {
      name: minRate === null ? 'the highest rate that holds' : `holds ${formatCount(minRate)}/s`,
      ...(verdict === 'failed' && { failure: found }),
      ...(verdict === 'inconclusive' && { inconclusive: found }),
    },
    {
      name: 'recovers from an overload',
      ...(recovered === false && { failure: `60% of ${formatRate(rate ?? 0)} did not hold afterwards` }),
      ...(recovered === null && { inconclusive: 'it was not tried' }),
    },
  ];
}
