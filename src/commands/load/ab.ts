import { UserError } from '../../lib/core/errors.js';
import { counted, formatDuration, formatPercent } from '../../lib/core/units.js';
import type { ComparisonResult } from '../../lib/load/compare/result.js';
import { takeTurns, type Turn } from '../../lib/load/compare/turns.js';
import type { LoadPlan } from '../../lib/load/generator.js';
import { checkLimits } from '../../lib/load/limits.js';
import { nothingAnswered } from '../../lib/load/nothing-answered.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import { change, presentComparison } from '../../ui/load-compare.js';
import { formatRate } from '../../ui/load-figures.js';
import { compareSides, comparisonCounts, comparisonFlags, concludeComparison } from './shared/comparison.js';
import { loadFlags } from './shared/load-flags.js';
import { openTest } from './shared/open-test.js';
import { requestFlags, transportFlags } from './shared/transport-flags.js';

const { rate, users, connections, poisson, drain, requestTimeout } = loadFlags;

const flags = {
  ...{ rate, users, connections, poisson },
  duration: flag.duration({
    help: 'how long each of the two is under load, in all (default: as long as it takes to find 10% at p95)',
  }),
  slice: flag.duration({ help: 'how long a turn lasts', default: '2s' }),
  warmup: flag.duration({ help: 'how long requests are sent before each turn, uncounted', default: '500ms' }),
  ...{ drain, requestTimeout },
  ...comparisonFlags,
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
  ...requestFlags,
  ...transportFlags,
};

/** Turns of each, from which it is known how many are needed. */
const pilot = 12;
/** Of both, where no duration is given. */
const mostMs = 10 * 60_000;
/** Turns in which the generator was the limit, of all. */
const mostLimited = 0.1;

interface AbResult extends ComparisonResult {
  /** Turns in which the generator, and not a server, was the limit. */
  readonly limitedTurns: number;
}

export const ab = readCommand({
  name: 'load ab',
  summary: 'judge which of two services is slower: they are under load in turns',
  description:
    'A and B take turns of a few seconds in the order A B B A, so that a noisy machine or network is as noisy for both. Without ' +
    '--duration, the first turns tell how many are needed. The result is that of load compare.',
  synonyms: ['load diff', 'load versus'],
  args: {
    a: { help: 'the URL of A, what is known', required: true },
    b: { help: 'the URL of B, what is new', required: true },
  },
  flags,
  examples: [
    {
      does: 'is the new build slower by more than a tenth?',
      command:
        'metrify load ab http://127.0.0.1:8080/readings http://127.0.0.1:8081/readings --rate 200 --max-increase 10%',
    },
  ],
  junit: true,

  async read(input, context) {
    const plans = { a: await planOf(input.a, input, context), b: await planOf(input.b, input, context) };
    for (const { plan } of Object.values(plans)) await checkLimits(plan, (message) => context.warn(message));
    const names = { a: input.a, b: input.b };
    const turns: Turn[] = [];
    const result = async (): Promise<AbResult> => {
      const sides = (['a', 'b'] as const).map((side) => ({
        name: names[side],
        slices: turns.filter((turn) => turn.side === side).map(({ slice }) => slice),
      }));
      const limitedTurns = turns.filter((turn) => turn.result.generator.bottleneck !== undefined).length;
      return { ...(await compareSides(sides[0]!, sides[1]!, input)), limitedTurns };
    };
    let wanted = input.duration === undefined ? pilot : Math.max(1, Math.ceil(input.duration / input.slice));
    let soFar = await result();
    context.applied(() => soFar);
    tellPlan(input, wanted, context);
    await context.during('load', 'requests', async (progress) => {
      let sent = 0;
      for await (const turn of takeTurns({ a: plans.a.plan, b: plans.b.plan }, context.signal)) {
        // One that was cut short is not like the others.
        context.signal.throwIfAborted();
        const { side, slice, result: ran } = turn;
        if (ran.answered === 0 && ran.requests > 0 && turns.length < 2)
          throw nothingAnswered(ran, plans[side].host);
        turns.push(turn);
        progress.update((sent += slice.sent), undefined, `${counted(turns.length, 'turn')} of ${2 * wanted}`);
        if (turns.length % 2 === 1) continue;
        soFar = await result();
        if (turns.length / 2 === pilot && input.duration === undefined)
          wanted = neededAfterPilot(soFar, input, context);
        if (turns.length / 2 >= wanted) return;
      }
    });
    const outcome = concludeComparison(soFar);
    const { limitedTurns } = soFar;
    if (limitedTurns === 0) return outcome;
    context.warn(
      `in ${limitedTurns} of ${counted(turns.length, 'turn')} the generator was the limit: ${turns.find((turn) => turn.result.generator.bottleneck !== undefined)!.result.generator.bottleneck}`,
    );
    return limitedTurns <= mostLimited * turns.length ? outcome : { ...outcome, verdict: 'inconclusive' };
  },

  counts: comparisonCounts,

  present: presentComparison,
});

type Input = FlagValues<typeof flags>;

async function planOf(
  url: string,
  input: Input,
  context: Context,
): Promise<{ readonly plan: LoadPlan; readonly host: string }> {
  if (!url.includes('://'))
    throw new UserError(`'${url}' is not a URL`, {
      hint: 'Give two URLs. Two runs of a scenario are compared by load compare.',
    });
  return openTest({ ...input, test: url, duration: input.slice, stages: undefined }, context);
}

function tellPlan(input: Input, turns: number, { narrator }: Context): void {
  const { slice, warmup, rate, duration } = input;
  const requests =
    rate === undefined ? '' : `, ${counted(Math.round((rate * slice) / 1000), 'request')} each`;
  narrator.line(
    `${counted(turns, 'turn')} of ${formatDuration(slice)} for A and for B${requests}: ` +
      `${formatDuration(2 * turns * (slice + warmup))} in all` +
      (duration === undefined ? ', and then as many as these show to be needed' : ''),
  );
  if (rate !== undefined) narrator.line(narrator.dim(`${formatRate(rate)} in the order A B B A`));
}

/** @returns turns of each */
function neededAfterPilot({ quantiles }: ComparisonResult, input: Input, { narrator }: Context): number {
  const known = quantiles.filter(({ plan }) => plan !== null);
  const chosen = known.find(({ quantile }) => quantile === 0.95) ?? known.at(-1);
  if (!chosen?.plan) return pilot;
  const { slices, increase, certainty } = chosen.plan;
  const most = Math.max(pilot, Math.floor(mostMs / (2 * (input.slice + input.warmup))));
  const needed = Math.max(pilot, slices ?? Infinity);
  const turns = Math.min(most, needed);
  narrator.line(
    `To find ${change(1 + increase)} at p${100 * chosen.quantile} with a certainty of ${formatPercent(certainty, 0)} it takes ` +
      `${slices === null ? 'more turns than there is time for' : `${counted(needed, 'turn')} of each`}` +
      (turns < needed ? `; ${turns} are made (--duration makes more)` : ''),
  );
  return turns;
}
