import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { readUrl } from '../../core/url.js';
import { basicAuthorization } from '../../http/authorization.js';
import { HttpClient } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { requestUrl } from '../../http/url-shapes.js';
import { openLoop } from '../../measure/loops.js';
import type { Arm, Pair, ProbeSpec } from '../spec.js';
import type { Buckets, Look, Measurements, Meter, Tally, TallyArm } from './measurements.js';

/** Latency buckets of the probes in seconds: from 1 ms to 60 s, a tenth apart, and one beyond. */
export const probeBounds: readonly number[] = [
  ...Array.from({ length: 116 }, (_, i) => Number((0.001 * 1.1 ** i).toPrecision(4))),
  60,
  Infinity,
];

const maxBodyBytes = 1024 * 1024;
/** Probes of one version that may wait for answers at once; what would exceed it is not sent. */
const maxInFlight = 256;

interface Target {
  readonly http: HttpClient;
  readonly path: string;
  readonly address: string;
}

/** What one look saw of one version. */
interface Seen {
  requests: number;
  errors: number;
  readonly buckets: Map<number, number>;
  inFlight: number;
  answered: boolean;
  /** Why the last one failed. */
  failure: string | undefined;
}

/**
 * Asks both versions itself: at a fixed rate whatever they answer, in turns, so that what happens to one happens to both.
 * A status of 500 or more, a failed connection and a time-out are errors; redirects are answers.
 */
export class ProbeMeter implements Meter {
  readonly name = "metrify's own probes";
  readonly remembers = false;

  constructor(
    private readonly probe: ProbeSpec,
    private readonly versions: Pair,
    private readonly clock: Clock,
    private readonly userAgent = 'metrify',
  ) {}

  async look(_since: number, carried: Tally | undefined, signal: AbortSignal): Promise<Look> {
    signal.throwIfAborted();
    const targets = { stable: this.#target('stable'), canary: this.#target('canary') };
    const seen = { stable: nothingSeen(), canary: nothingSeen() };
    try {
      await Promise.all([targets.stable.http.ready(), targets.canary.http.ready()]);
      await this.#send(targets, seen, signal);
    } finally {
      targets.stable.http.close();
      targets.canary.http.close();
    }
    if (!seen.stable.answered && !seen.canary.answered)
      throw new ServiceUnavailable(
        `neither version answers our probes: ${targets.stable.address}: ${seen.stable.failure ?? 'no probe was sent'}`,
        { hint: 'Probes need an address that is reachable from where metrify runs.' },
      );
    const tally = {
      stable: added(carried?.stable, seen.stable),
      canary: added(carried?.canary, seen.canary),
    };
    const counts = { stable: measurementsOf(tally.stable), canary: measurementsOf(tally.canary) };
    return { counts, tally, warnings: [] };
  }

  /** Sends each probe at its own time, and waits for the last answers. */
  async #send(
    targets: Readonly<Record<Arm, Target>>,
    seen: Readonly<Record<Arm, Seen>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { rate, durationMs } = this.probe;
    const count = 2 * Math.max(1, Math.round((rate * durationMs) / 1000));
    await openLoop({ count, rate: 2 * rate }, this.clock, signal, async (i, intendedAt, signal) => {
      const arm = i % 2 === 0 ? 'stable' : 'canary';
      if (seen[arm].inFlight < maxInFlight) await this.#ask(targets[arm], seen[arm], intendedAt, signal);
    });
  }

  async #ask({ http, path }: Target, seen: Seen, intendedAt: number, signal: AbortSignal): Promise<void> {
    seen.inFlight += 1;
    let isError: boolean;
    // A refused connection is quick, but no quick answer.
    let isTimed = true;
    try {
      const { status } = await http.request({ path, maxBodyBytes, beyond: 'cut', keepBody: false }, signal);
      seen.answered = true;
      isError = status >= 500;
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      isError = true;
      isTimed = error.kind === 'timeout' && error.phase !== 'connect';
      seen.failure = error.reason;
    } finally {
      seen.inFlight -= 1;
    }
    seen.requests += 1;
    if (isError) seen.errors += 1;
    if (!isTimed) return;
    const tookSeconds = (this.clock.monotonic() - intendedAt) / 1000;
    const bucket = probeBounds.findIndex((bound) => tookSeconds <= bound);
    seen.buckets.set(bucket, (seen.buckets.get(bucket) ?? 0) + 1);
  }

  #target(arm: Arm): Target {
    const written = this.probe.url.replaceAll('{{version}}', encodeURIComponent(this.versions[arm].name));
    const authorization = basicAuthorization(readUrl(written, requestUrl));
    const url = new URL(written);
    const address = `${url.protocol}//${url.host}${url.pathname}`;
    const http = new HttpClient(url, {
      target: address,
      connections: maxInFlight,
      connectTimeoutMs: this.probe.timeoutMs,
      requestTimeoutMs: this.probe.timeoutMs,
      headers: {
        'user-agent': this.userAgent,
        accept: '*/*',
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
    return { http, path: `${url.pathname}${url.search}`, address };
  }
}

function nothingSeen(): Seen {
  return {
    requests: 0,
    errors: 0,
    buckets: new Map(),
    inFlight: 0,
    answered: false,
    failure: undefined,
  };
}

function added(carried: TallyArm | undefined, seen: Seen): TallyArm {
  const buckets: Record<string, number> = { ...carried?.buckets };
  for (const [index, count] of seen.buckets) buckets[index] = (buckets[index] ?? 0) + count;
  return {
    requests: (carried?.requests ?? 0) + seen.requests,
    errors: (carried?.errors ?? 0) + seen.errors,
    buckets,
  };
}

function measurementsOf({ requests, errors, buckets }: TallyArm): Measurements {
  const latency: Buckets = { bounds: probeBounds, counts: probeBounds.map((_, i) => buckets[i] ?? 0) };
  return {
    requests,
    errors,
    replicas: [],
    latency,
    latencyReplicas: [],
    latencyProblem: undefined,
    extrapolated: false,
    silentForMs: undefined,
  };
}
