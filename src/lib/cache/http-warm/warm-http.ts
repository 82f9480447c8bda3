import type { Timeouts } from '../../clients/settings.js';
import { fromBytes } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { Pace } from '../../runs/pace.js';
import type { Progress } from '../../core/progress.js';
import { isNotCacheable } from './cache-status.js';
import { HitRatio, sampleByCount } from './hit-ratio.js';
import type { LogTally, WarmPath } from './log-tally.js';
import { HttpClient, type HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { closedLoop } from '../../measure/loops.js';
import { Patience } from './patience.js';
import { firstVariant, otherVariants, type VariantHeaders } from './variants.js';

export interface OriginOptions extends Timeouts {
  /** Sent as `Host`, and the name that the certificate must carry. */
  host?: string | undefined;
  connections: number;
  userAgent: string;
}

export interface HttpWarmPlan {
  base: URL;
  origin: OriginOptions;
  log: LogTally;
  /** What is requested, most frequent first. */
  paths: WarmPath[];
  /** Requests a second. */
  rate?: number | undefined;
  /** How many paths are asked for again afterwards. */
  sample: number | 'all';
}

export interface HttpWarmResult {
  base: string;
  /** Lines of the log. */
  read: number;
  malformed: number;
  skipped: LogTally['skipped'];
  distinct: number;
  /** False when rare paths did not fit into memory. */
  exact: boolean;
  /** Paths that were asked for, each once. */
  requested: number;
  /** Requests for further variants of them, because of `Vary`. */
  variants: number;
  /** Answers below 400, variants included. */
  ok: number;
  /** 404 and 410: what the log shows is not there any more. */
  gone: number;
  failed: number;
  /** Paths whose answers are not to be kept. */
  notCacheable: number;
  /** Of bodies. */
  bytes: number;
  /** Bodies too long to be read to their end. */
  cut: number;
  /** Requests that were sent again after a failure. */
  retries: number;
  /** By the cache's own header, weighted by the log's frequencies; null where no answer told. */
  hitRatio: {
    /** Each path's first answer of this run. */
    before: number | null;
    /** A sample asked for again at the end. */
    after: number | null;
    header: string | null;
    /** Paths of that sample. */
    sampled: number;
  };
  /** The share of the log's requests that were for the paths of this run. */
  coverage: number;
  statuses: Record<string, number>;
  /** Reasons, most frequent first. */
  failures: { reason: string; count: number; example: string }[];
}

export interface HttpWarmHooks {
  clock: Clock;
  signal: AbortSignal;
  progress: Progress;
  /** Called with the first answer: from here on something may be cached. */
  started(result: () => HttpWarmResult): void;
}

/** Attempts of one request: for answers that ask for a pause, and for connections that broke. */
const maxAttempts = 3;
/** Longer bodies are cut off. */
const maxBodyBytes = 256 * 1024 * 1024;

/**
 * Requests every path once, and what `Vary` calls for.
 * @throws ServiceUnavailable when the server cannot be reached, or not any more; the signal's reason.
 */
export async function warmHttp(plan: HttpWarmPlan, hooks: HttpWarmHooks): Promise<HttpWarmResult> {
  return new HttpWarmRun(plan, hooks).run();
}

class HttpWarmRun {
  readonly #http: HttpClient;
  readonly #pace: Pace;
  readonly #patience: Patience;
  readonly #before = new HitRatio();
  readonly #after = new HitRatio();
  readonly #statuses = new Map<string, number>();
  readonly #failures = new Map<string, { count: number; example: string }>();
  readonly #counts = {
    requested: 0,
    variants: 0,
    ok: 0,
    gone: 0,
    failed: 0,
    notCacheable: 0,
    bytes: 0,
    cut: 0,
  };
  #begun = false;
  #retries = 0;
  #sampled = 0;

  constructor(
    private readonly plan: HttpWarmPlan,
    private readonly hooks: HttpWarmHooks,
  ) {
    const { host, userAgent, ...options } = plan.origin;
    this.#http = new HttpClient(plan.base, {
      ...options,
      headers: { 'user-agent': userAgent, accept: '*/*', ...(host === undefined ? {} : { host }) },
    });
    this.#pace = new Pace(plan.rate, hooks.clock);
    this.#patience = new Patience(plan.base.origin, plan.origin.requestTimeoutMs * 2, hooks.clock);
  }

  async run(): Promise<HttpWarmResult> {
    const { paths, sample } = this.plan;
    try {
      await this.#all(paths, (path, signal) => this.#warm(path, signal));
      if (this.#before.ratio !== null) {
        const again = sampleByCount(paths, sample === 'all' ? paths.length : sample);
        await this.#all(again, ({ item, weight }, signal) => this.#askAgain(item, weight, signal));
      }
    } finally {
      this.#http.close();
    }
    return this.#result();
  }

  async #warm(path: WarmPath, signal: AbortSignal): Promise<void> {
    const answer = await this.#exchange(path, firstVariant(path.seen), signal);
    this.#counts.requested++;
    this.hooks.progress.update(this.#counts.requested, this.plan.paths.length);
    if (!this.#record(path, answer)) return;
    this.#before.add(answer.headers, path.count);
    if (isNotCacheable(answer.headers)) {
      this.#counts.notCacheable++;
      return;
    }
    for (const variant of otherVariants(path.seen, answer.headers.vary)) {
      const other = await this.#exchange(path, variant, signal);
      this.#counts.variants++;
      this.#record(path, other);
    }
  }

  async #askAgain(path: WarmPath, weight: number, signal: AbortSignal): Promise<void> {
    const answer = await this.#exchange(path, firstVariant(path.seen), signal);
    this.#sampled++;
    if (typeof answer !== 'string' && answer.status < 400) this.#after.add(answer.headers, weight);
  }

  /** Notes what came of one request. @returns whether it is an answer that a cache may keep. */
  #record(path: WarmPath, answer: HttpAnswer | string): answer is HttpAnswer {
    if (typeof answer === 'string') {
      this.#fail(path, answer);
      return false;
    }
    const { status, bytes, cut } = answer;
    this.#counts.bytes += bytes;
    if (cut) this.#counts.cut++;
    this.#statuses.set(String(status), (this.#statuses.get(String(status)) ?? 0) + 1);
    if (status < 400) this.#counts.ok++;
    else if (status === 404 || status === 410) this.#counts.gone++;
    else this.#fail(path, `HTTP ${status}`);
    return status < 400;
  }

  #fail({ path }: WarmPath, reason: string): void {
    this.#counts.failed++;
    const known = this.#failures.get(reason);
    if (known) known.count++;
    else this.#failures.set(reason, { count: 1, example: fromBytes(path) });
  }

  /** The answer, or why there is none; repeated where that may help. */
  async #exchange(
    { path, method }: WarmPath,
    variant: VariantHeaders,
    signal: AbortSignal,
  ): Promise<HttpAnswer | string> {
    const headers = Object.fromEntries(Object.entries(variant).filter(([, value]) => value !== ''));
    const { clock } = this.hooks;
    for (let attempt = 1; ;) {
      await this.#patience.ready(signal);
      await this.#pace.take(1, signal);
      const startedAt = clock.monotonic();
      try {
        const answer = await this.#http.request(
          { method, path, headers, maxBodyBytes, beyond: 'cut', keepBody: false },
          signal,
        );
        this.#begin();
        if (!this.#asksForPause(answer) || attempt++ >= maxAttempts) return answer;
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        const { kind, phase, reason } = error;
        const refused = phase === 'connect';
        this.#patience.failed(startedAt, refused, reason);
        // Whoever does not even take the connection is waited for; a path that breaks the connection may do so again.
        if (!refused && (kind === 'timeout' || attempt++ >= maxAttempts)) return reason;
      }
      this.#retries++;
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.hooks.started(() => this.#result());
  }

  #asksForPause({ status, headers }: HttpAnswer): boolean {
    const pauseMs = retryAfterMs(headers['retry-after'], this.hooks.clock.now());
    // A 503 without Retry-After is about its own path: a cache that could not fetch it.
    const pause = status === 429 || (status === 503 && pauseMs !== undefined);
    if (pause) this.#patience.throttled(pauseMs);
    else this.#patience.answered();
    return pause;
  }

  /** Works on the items in their order, as many at once as there are connections. */
  async #all<T>(items: readonly T[], work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
    const { connections } = this.plan.origin;
    await closedLoop(items.length, connections, this.hooks.signal, (i, signal) => work(items[i]!, signal));
  }

  #result(): HttpWarmResult {
    const { base, log, paths } = this.plan;
    const asked = paths.slice(0, this.#counts.requested).reduce((sum, { count }) => sum + count, 0);
    return {
      base: base.origin,
      ...{ read: log.read, malformed: log.malformed, skipped: log.skipped },
      ...{ distinct: log.distinct, exact: log.exact },
      ...this.#counts,
      retries: this.#retries,
      hitRatio: {
        before: this.#before.ratio,
        after: this.#after.ratio,
        header: this.#before.header,
        sampled: this.#sampled,
      },
      coverage: log.requests === 0 ? 0 : Math.min(1, asked / log.requests),
      statuses: Object.fromEntries([...this.#statuses].sort(([a], [b]) => a.localeCompare(b))),
      failures: [...this.#failures]
        .map(([reason, { count, example }]) => ({ reason, count, example }))
        .sort((a, b) => b.count - a.count),
    };
  }
}
