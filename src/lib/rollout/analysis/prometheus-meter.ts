import type { InstantSeries, Labels, Prometheus } from '../../clients/prometheus.js';
import { formatDuration } from '../../core/units.js';
import type { Arm, Pair } from '../spec.js';
import { fillExpression, rawForm } from './expression.js';
import { type ArmCounts, type Counted, measurementsOf } from './counted.js';
import { type Increment, Increments, seriesKey } from './increments.js';
import type { Look, Meter } from './measurements.js';

/** PromQL with `{{version}}` and `{{window}}`. */
export interface Expressions {
  readonly requests: string;
  /** Undefined: errors are not judged. */
  readonly errors: string | undefined;
  readonly latency: string | undefined;
}

/** What the looks of one moment share. */
interface Moment {
  readonly since: number;
  /** On Prometheus' clock, as the samples are. */
  readonly now: number;
  readonly warnings: Set<string>;
  readonly signal: AbortSignal;
}

/**
 * Counts from Prometheus, cumulative from the step's start. Where an expression is a sum of increases, its raw samples are
 * added up: `increase` extrapolates, and gives 0 for a series born after the start, such as the first error of a version.
 */
export class PrometheusMeter implements Meter {
  constructor(
    private readonly prometheus: Prometheus,
    private readonly expressions: Expressions,
    private readonly versions: Pair,
  ) {}

  readonly remembers = true;

  get name(): string {
    return this.prometheus.name;
  }

  async look(since: number, _carried: unknown, signal: AbortSignal): Promise<Look> {
    const now = await this.prometheus.now(signal);
    const moment: Moment = { since, now, warnings: new Set(), signal };
    // A step that has just begun may be ahead by the clocks' usual difference.
    if (since > now + 2000)
      moment.warnings.add(
        `the clock of ${this.name} is ${formatDuration(since - now)} behind the step's start: nothing is counted until it gets there`,
      );
    const [stable, canary] = await Promise.all([
      this.#measure('stable', moment),
      this.#measure('canary', moment),
    ]);
    const arms = { stable, canary };
    const counts = {
      stable: measurementsOf(stable, silence('stable', arms, moment)),
      canary: measurementsOf(canary, silence('canary', arms, moment)),
    };
    return { counts, tally: undefined, warnings: [...moment.warnings] };
  }

  async #measure(arm: Arm, moment: Moment): Promise<ArmCounts> {
    const version = this.versions[arm].name;
    const { requests, errors, latency } = this.expressions;
    const none = Promise.resolve(undefined);
    const [ofRequests, ofErrors, ofLatency] = await Promise.all([
      this.#count(requests, version, moment),
      errors === undefined ? none : this.#count(errors, version, moment),
      latency === undefined ? none : this.#count(latency, version, moment, true),
    ]);
    return {
      requests: ofRequests,
      errors: ofErrors,
      latency: ofLatency,
      // What Prometheus computed says nothing of when it was scraped; that it computes nothing for the last minutes does.
      gone:
        ofRequests.extrapolated &&
        ofRequests.series !== undefined &&
        moment.now - moment.since > recentMs &&
        (await this.#asGiven(requests, version, { ...moment, since: moment.now - recentMs })).series ===
          undefined,
    };
  }

  async #count(expression: string, version: string, moment: Moment, isLatency = false): Promise<Counted> {
    const form = rawForm(expression);
    return form === undefined || form.byBucket !== isLatency
      ? this.#asGiven(expression, version, moment)
      : this.#fromSamples(fillExpression(form.selector, version, 0), moment, isLatency);
  }

  async #asGiven(
    expression: string,
    version: string,
    { since, now, warnings, signal }: Moment,
  ): Promise<Counted> {
    const filled = fillExpression(expression, version, now - since);
    const answer = await this.prometheus.query(filled, now, signal);
    for (const warning of answer.warnings) warnings.add(warning);
    return {
      series: answer.series.length === 0 ? undefined : answer.series.map(asIncrement),
      extrapolated: true,
      newest: undefined,
      intervalMs: undefined,
    };
  }

  async #fromSamples(selector: string, moment: Moment, histogram: boolean): Promise<Counted> {
    const { since, now, warnings, signal } = moment;
    const increments = new Increments(since, histogram);
    for await (const piece of this.prometheus.samples(selector, since - lookbackMs, now, signal)) {
      for (const warning of piece.warnings) warnings.add(warning);
      increments.add(piece.series);
    }
    const origins = increments.hasBirths ? await this.#origins(selector, moment) : nothingBefore;
    return {
      series: increments.empty ? undefined : increments.finish(origins),
      extrapolated: false,
      newest: increments.newest,
      intervalMs: increments.intervalMs,
    };
  }

  /** Where series come from that have no sample in the lookback: from long before the start, or from nowhere. */
  async #origins(selector: string, { since, now, warnings, signal }: Moment) {
    const [before, targets, targetsNow] = await Promise.all([
      this.prometheus.query(`last_over_time(${selector}[${longLookback}])`, since, signal),
      this.prometheus.query(`count(last_over_time(up[${longLookback}]))`, since, signal),
      this.prometheus.query('count(up)', now, signal),
    ]);
    const values = new Map(before.series.map(({ labels, value }) => [seriesKey(labels), value]));
    const forgotten =
      before.series.length === 0 && targets.series.length === 0 && targetsNow.series.length > 0;
    if (forgotten)
      warnings.add(
        `${this.name} has no samples from before the step (was it started without its data?): counts begin with its first ones`,
      );
    return { before: (labels: Labels) => values.get(seriesKey(labels)), forgotten };
  }
}

const nothingBefore = { before: () => undefined, forgotten: false };

/** Prometheus itself takes a series for gone after 5 minutes without samples. */
const lookbackMs = 300_000;
const recentMs = 300_000;
/** How far back a target that was out of reach when the step began is looked for. */
const longLookback = '1h';
/** Samples may come late (remote storage) by so much without being taken for gone. */
const silentAfterMs = 60_000;
/** The versions are scraped alike: one that falls behind the other by so much is gone. */
const behindAfterMs = 10_000;
/** Where a single sample does not tell how often there is one. */
const unknownIntervalMs = 40_000;

/** For how long an arm's requests have had no samples, when that is too long. */
function silence(arm: Arm, arms: Readonly<Record<Arm, ArmCounts>>, { now }: Moment): number | undefined {
  const { requests, gone } = arms[arm];
  if (gone) return recentMs;
  const { newest } = requests;
  if (newest === undefined) return undefined;
  const beside = arms[arm === 'stable' ? 'canary' : 'stable'].requests;
  const other = beside.newest ?? -Infinity;
  const intervalMs = requests.intervalMs ?? beside.intervalMs ?? unknownIntervalMs;
  const missed = 3 * intervalMs;
  const silent =
    now - newest > Math.max(silentAfterMs, missed) || other - newest > Math.max(behindAfterMs, missed);
  return silent ? now - newest : undefined;
}

function asIncrement({ labels, value }: InstantSeries): Increment {
  return { labels, increase: value, grew: true };
}
