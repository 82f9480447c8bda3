import { verdictOf } from '../src/lib/statistics/difference.js';
import { binomial, type Random, seeded } from '../test/unit/statistics/sampling.js';
import type { Benchmark, Finding } from './lib/bench.js';
import { peers, type Seen } from './lib/canary-peers.js';
import { median } from './lib/report.js';

interface Scenario {
  /** Of the stable version. */
  readonly rate: number;
  readonly tolerance: number;
  readonly share: number;
  /** Of sick canaries: error rate − that of stable. */
  readonly increase: number;
}

const scenarios: Scenario[] = [
  { rate: 0.0001, tolerance: 0.01, share: 0.05, effects: [2, 5] },
  { rate: 0.001, tolerance: 0.01, share: 0.1, effects: [1.5, 4] },
  { rate: 0.01, tolerance: 0.01, share: 0.01, effects: [2, 5] },
  { rate: 0.01, tolerance: 0.01, share: 0.1, effects: [1.5, 2, 4, 10] },
  { rate: 0.01, tolerance: 0.01, share: 0.5, effects: [2, 4] },
  { rate: 0.05, tolerance: 0.02, share: 0.25, effects: [1.5, 3] },
  { rate: 0.1, tolerance: 0.01, share: 0.1, effects: [2, 10] },
  { rate: 0.0001, tolerance: 0.001, share: 0.5, effects: [2, 5] },
  { rate: 0.001, tolerance: 0.001, share: 0.1, effects: [2, 10] },
]
  .flatMap(({ effects, ...scenario }) =>
    effects.map((effect) => ({ ...scenario, increase: scenario.tolerance * effect })),
  )
  .concat([
    // Without a tolerance: healthy is equal.
    { rate: 0.001, tolerance: 0, share: 0.1, increase: 0.001 },
    { rate: 0.001, tolerance: 0, share: 0.1, increase: 0.004 },
    { rate: 0.01, tolerance: 0, share: 0.5, increase: 0.005 },
    { rate: 0.01, tolerance: 0, share: 0.25, increase: 0.03 },
  ]);

const looks = 40;
const falseAbort = 0.01;

export const canaryJudge: Benchmark = {
  name: 'canary-judge',
  summary:
    'canary requests until a sick version is rejected ÷ the best peer, calibrated to as many false aborts as ours',
  rounds: 1,
  async measure({ scale, say, signal }) {
    const seed = 20_250_101;
    const random = seeded(seed);
    const [healthy, sick] = [Math.ceil(3000 * scale), Math.ceil(500 * scale)];
    say(`  seed ${seed}; a scenario: ${healthy} healthy canaries, ${sick} sick ones, ${looks} looks each`);
    say(
      '  healthy: as much worse as tolerated. In brackets: the false aborts that the peers are calibrated to,',
    );
    say(
      '  and those that they have as they are usually set, looked at as often. Figures: median canary requests',
    );
    return scenarios.map((scenario) => {
      signal.throwIfAborted();
      const { finding, line } = compare(random, scenario, healthy, sick);
      say(line);
      return finding;
    });
  },
};

function compare(
  random: Random,
  scenario: Scenario,
  healthy: number,
  sick: number,
): { finding: Finding; line: string } {
  const good = Array.from({ length: healthy }, () => watch(random, scenario, scenario.tolerance));
  const falseAborts = good.filter(({ ours }) => ours < looks).length;
  const bad = Array.from({ length: sick }, () => watch(random, scenario, scenario.increase));
  const perLook = canaryPerLook(scenario);
  const requests = (detectedAt: readonly number[]): number => {
    const look = median(detectedAt);
    return look < looks ? (look + 1) * perLook : Infinity;
  };
  const ours = requests(bad.map((canary) => canary.ours));
  const others = peers
    .map(({ name, usual }, i) => {
      const highest = good.map(({ statistics }) => Math.max(...statistics[i]!)).sort((a, b) => b - a);
      const critical = highest[falseAborts]!;
      return {
        name,
        usual: highest.filter((value) => value > usual).length / healthy,
        requests: requests(bad.map(({ statistics }) => first(statistics[i]!, critical))),
      };
    })
    .sort((a, b) => a.requests - b.requests);
  const what = nameOf(scenario);
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
  return {
    finding: {
      what: `canary requests to reject: ${what}`,
      series: [
        { name: 'metrify', values: [ours], unit: 'requests' },
        ...others.map((peer) => ({ name: peer.name, values: [peer.requests], unit: 'requests' as const })),
      ],
      judged: 'ratio',
      bar: 2,
    },
    line: [
      `  ${what}: metrify ${ours} (${percent(falseAborts / healthy)})`,
      ...others.map(
        ({ name, usual, requests }) =>
          `${name} ${Number.isFinite(requests) ? requests : 'never'} (usual: ${percent(usual)})`,
      ),
      `ratio ${(ours / others[0]!.requests).toFixed(2)}`,
    ].join(', '),
  };
}

interface Watched {
  /** The look at which it was rejected, from 0; `looks` when it was not. */
  readonly ours: number;
  /** Of each peer, at each look. */
  readonly statistics: readonly (readonly number[])[];
}

function watch(random: Random, scenario: Scenario, increase: number): Watched {
  const { rate, tolerance, share } = scenario;
  const toCanary = canaryPerLook(scenario);
  const toStable = Math.round((toCanary * (1 - share)) / share);
  const stable = { events: 0, trials: 0 };
  const canary = { events: 0, trials: 0 };
  const seen = { stable, canary, stableRates: [] as number[], canaryRates: [] as number[] } satisfies Seen;
  const statistics = peers.map((): number[] => []);
  let ours = looks;
  for (let look = 0; look < looks; look++) {
    const ofStable = binomial(random, toStable, rate);
    const ofCanary = binomial(random, toCanary, rate + increase);
    stable.events += ofStable;
    stable.trials += toStable;
    canary.events += ofCanary;
    canary.trials += toCanary;
    seen.stableRates.push(ofStable / toStable);
    seen.canaryRates.push(ofCanary / toCanary);
    peers.forEach((peer, i) => statistics[i]!.push(peer.statistic(seen, tolerance)));
    if (ours < looks) continue;
    const verdict = verdictOf(stable, canary, { tolerance, share, falseAbort, falsePromotion: 0.05 });
    if (verdict === 'worse') ours = look;
  }
  return { ours, statistics };
}

/** So many that the sick canary's excess over the tolerance is about seven standard errors at the last look. */
function canaryPerLook({ rate, tolerance, share, increase }: Scenario): number {
  const sickRate = rate + increase;
  const variance = sickRate * (1 - sickRate) + (rate * (1 - rate) * share) / (1 - share);
  return Math.max(4, Math.ceil((7 ** 2 * variance) / (increase - tolerance) ** 2 / looks));
}

function first(statistics: readonly number[], critical: number): number {
  const look = statistics.findIndex((statistic) => statistic > critical);
  return look < 0 ? looks : look;
}

function nameOf({ rate, tolerance, share, increase }: Scenario): string {
  const percent = (value: number): string => `${+(value * 100).toPrecision(3)} %`;
  return `errors ${percent(rate)} → ${percent(rate + increase)}, tolerance ${percent(tolerance)}, canary ${percent(share)}`;
}
