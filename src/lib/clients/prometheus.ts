import { ServiceUnavailable, UserError } from '../core/errors.js';
import { formatDuration } from '../core/units.js';
import { excerpt } from '../http/excerpt.js';
import { ANSWER_TOO_LARGE } from '../http/failure.js';
import { HttpService, type HttpText } from './http.js';
import type { HttpSettings, Timeouts } from './settings.js';

export type Labels = Readonly<Record<string, string>>;

/** One series of an instant query. NaN and infinities are handed on. */
export interface InstantSeries {
  readonly labels: Labels;
  readonly value: number;
}

/** Raw samples as they were scraped, in order of time; staleness markers are not among them. */
export interface RawSeries {
  readonly labels: Labels;
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

export interface Answered<S> {
  readonly series: readonly S[];
  /** What Prometheus said beside the answer: parts of it may be missing. */
  readonly warnings: readonly string[];
}

export interface PrometheusLimits {
  /** Of one answer. Longer ones are asked for in shorter pieces of time. */
  readonly maxAnswerBytes?: number;
  /** How much time one request for raw samples covers at most. */
  readonly maxSpanMs?: number;
}

/** The query API of Prometheus (and of Thanos, Mimir, VictoriaMetrics). */
export class Prometheus {
  readonly #http: HttpService;
  readonly #requestTimeoutMs: number;
  readonly #maxAnswerBytes: number;
  readonly #maxSpanMs: number;

  constructor(settings: HttpSettings, timeouts: Timeouts, limits: PrometheusLimits = {}) {
    this.#http = new HttpService('Prometheus', settings, timeouts);
    this.#requestTimeoutMs = timeouts.requestTimeoutMs;
    this.#maxAnswerBytes = limits.maxAnswerBytes ?? 32 * 1024 * 1024;
    this.#maxSpanMs = limits.maxSpanMs ?? 3_600_000;
  }

  /** `Prometheus at 10.0.0.5:9090`; never a password. */
  get name(): string {
    return `Prometheus at ${this.#http.host}`;
  }

  /** Prometheus' own time in milliseconds since the epoch: what its samples are stamped with. @throws like `query` */
  async now(signal: AbortSignal): Promise<number> {
    const { series } = await this.query('time()', undefined, signal);
    return Math.round(series[0]!.value * 1000);
  }

  /**
   * An instant query of an expression that gives a vector or a scalar.
   * @param at milliseconds since the epoch; undefined: now
   * @throws ServiceUnavailable, ServiceRefused; UserError with Prometheus' own words when it cannot be evaluated
   */
  async query(
    expression: string,
    at: number | undefined,
    signal: AbortSignal,
  ): Promise<Answered<InstantSeries>> {
    const { data, warnings } = await this.#ask(expression, at, signal);
    if (data.resultType === 'scalar')
      return { series: [{ labels: {}, value: parseValue((data.result as [number, string])[1]) }], warnings };
    if (data.resultType !== 'vector')
      throw new UserError(
        `the expression gives a ${data.resultType}, not numbers at one time: ${expression}`,
        {
          hint: 'Aggregate it, as in sum(increase(http_requests_total[{{window}}])).',
          code: 'PROMQL',
        },
      );
    const series = (data.result as { metric: Labels; value?: [number, string] }[]).map(
      ({ metric, value }) => ({
        labels: metric,
        value: value === undefined ? NaN : parseValue(value[1]),
      }),
    );
    return { series, warnings };
  }

  /**
   * The raw samples of a selector later than `after`, up to `upTo` (milliseconds since the epoch), in pieces of time from
   * the oldest to the newest.
   * @throws like `query`; UserError when half a minute of samples is too long an answer
   */
  async *samples(
    selector: string,
    after: number,
    upTo: number,
    signal: AbortSignal,
  ): AsyncGenerator<Answered<RawSeries>> {
    let span = this.#maxSpanMs;
    for (let from = after; from < upTo;) {
      const to = Math.min(upTo, from + span);
      let answer;
      try {
        answer = await this.#ask(`${selector}[${Math.ceil(to - from)}ms]`, to, signal);
      } catch (error) {
        if (!(error instanceof UserError) || error.code !== ANSWER_TOO_LARGE) throw error;
        if (to - from <= shortestSpanMs)
          throw new UserError(
            `${selector} matches too many series: ${formatDuration(to - from)} of its samples are too many`,
            { hint: 'Add label matchers, or use a recording rule that sums them.', code: 'PROMQL' },
          );
        span = Math.max(shortestSpanMs, Math.floor((to - from) / 2));
        continue;
      }
      const { data, warnings } = answer;
      const series = (data.result as { metric: Labels; values?: [number, string][] }[]).map((found) =>
        // Up to version 2 a range includes its older end, which the piece before this one had.
        rawSeries(found.metric, found.values ?? [], from),
      );
      yield { series, warnings };
      from = to;
    }
  }

  async #ask(expression: string, at: number | undefined, signal: AbortSignal) {
    const parameters = new URLSearchParams({ query: expression });
    if (at !== undefined) parameters.set('time', (at / 1000).toFixed(3));
    parameters.set('timeout', `${this.#requestTimeoutMs}ms`);
    // GET, since a role that may only read is often refused a POST.
    const path = `/api/v1/query?${parameters.toString()}`;
    const answer = await this.#http.text(path, signal, this.#maxAnswerBytes);
    if (answer.status !== 200) throw this.#failure(answer, expression);
    const body = this.#http.parse(answer) as QueryBody;
    if (body?.status !== 'success' || body.data === undefined)
      throw new ServiceUnavailable(`${this.name} did not answer as Prometheus does: is it Prometheus?`);
    return { data: body.data, warnings: body.warnings ?? [] };
  }

  #failure({ status, text }: HttpText, expression: string): UserError {
    let body: QueryBody = {};
    try {
      body = (JSON.parse(text) as QueryBody | null) ?? {};
    } catch {
      // A proxy's page.
    }
    const { errorType } = body;
    const error = excerpt(body.error ?? '');
    if (errorType === undefined || error === '')
      return new ServiceUnavailable(`${this.name} answered HTTP ${status}`, {
        hint: 'Its URL is the one to which /api/v1/query is added.',
      });
    if (errorType === 'execution' && error.includes('too many samples'))
      return new ServiceUnavailable(`${this.name} refused: ${error}`, { code: ANSWER_TOO_LARGE });
    if (errorType === 'bad_data' || errorType === 'execution')
      return new UserError(`${this.name} cannot evaluate the expression: ${error}`, {
        hint: `It was: ${expression}`,
        code: 'PROMQL',
      });
    return new ServiceUnavailable(`${this.name} could not answer: ${error}`);
  }
}

interface QueryBody {
  status?: string;
  data?: { resultType: string; result: unknown };
  warnings?: string[];
  errorType?: string;
  error?: string;
}

function rawSeries(labels: Labels, pairs: readonly [number, string][], after: number): RawSeries {
  const times: number[] = [];
  const values: number[] = [];
  for (const [seconds, value] of pairs) {
    const at = Math.round(seconds * 1000);
    if (at <= after) continue;
    times.push(at);
    values.push(parseValue(value));
  }
  return { labels, times, values };
}

/** A number as Prometheus writes it. */
export function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

const shortestSpanMs = 30_000;
