import aws4 from 'aws4';

import type { Clock } from '../../core/clock.js';
import type { UserError } from '../../core/errors.js';
import { encodeText } from '../../core/url.js';
import { HttpClient, type HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import type { Timeouts } from '../settings.js';
import { readTls } from '../tls-files.js';
import { encodeKey, type S3Access, s3Access, type S3Settings } from './access.js';
import { isTransient, readRefusal, refusalError, type S3Refusal } from './errors.js';
import { elements } from './xml.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Undefined: the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Codes that are answers, and not errors. */
  readonly expected?: readonly string[];
  /** For messages: `write`. */
  readonly verb: string;
}

const attempts = 6;
const firstPauseMs = 100;
const longestPauseMs = 5000;
/** Of all requests at once: each may hold a part. */
const connections = 8;

/** Requests to a bucket, signed (version 4). Whatever may succeed in a moment is sent again, after pauses that double. */
export class SignedRequests {
  /** Of the bucket. */
  readonly bucket: string;
  /** `S3 at HOST` */
  readonly name: string;
  readonly #access: S3Access;
  readonly #http: HttpClient;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;

  /**
   * Nothing is asked yet.
   * @param env where AWS's variables are
   * @throws UserError `S3_CREDENTIALS_MISSING`, `S3_ENDPOINT`, `TLS_CA_UNREADABLE`
   */
  static async open(
    bucket: string,
    settings: S3Settings,
    timeouts: Timeouts,
    { env, signal, clock }: { env: NodeJS.ProcessEnv; signal: AbortSignal; clock: Clock },
  ): Promise<SignedRequests> {
    const tls = await readTls(settings, 's3');
    const access = s3Access(bucket, settings, env);
    const name = `S3 at ${access.base.host}`;
    const http = new HttpClient(access.base, { ...timeouts, target: name, connections, tls });
    return new SignedRequests(bucket, name, access, http, signal, clock);
  }

  private constructor(
    bucket: string,
    name: string,
    access: S3Access,
    http: HttpClient,
    signal: AbortSignal,
    clock: Clock,
  ) {
    this.bucket = bucket;
    this.name = name;
    this.#access = access;
    this.#http = http;
    this.#signal = signal;
    this.#clock = clock;
  }

  /** The same bucket, whose requests end with another signal. */
  with(signal: AbortSignal): SignedRequests {
    return new SignedRequests(this.bucket, this.name, this.#access, this.#http, signal, this.#clock);
  }

  close(): void {
    this.#http.close();
  }

  /**
   * Sends a request until its answer is one.
   * @throws HttpFailure, ServiceUnavailable, ServiceRefused, UserError `S3_NO_BUCKET`; the signal's reason
   */
  async send(request: S3Request): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(request);
      if (!('error' in outcome)) return outcome;
      if (!outcome.again || attempt === attempts) throw outcome.error;
      // Full jitter: runs that were refused together come back apart.
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt) * Math.random();
      await this.#clock.sleep(Math.max(pause, Math.min(longestPauseMs, outcome.afterMs)), this.#signal);
    }
  }

  async #attempt(
    request: S3Request,
  ): Promise<HttpAnswer | { readonly error: UserError; readonly again: boolean; readonly afterMs: number }> {
    let answer;
    try {
      answer = await this.#http.request(this.#signed(request), this.#signal);
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      return { error, again: ['unreachable', 'timeout', 'closed'].includes(error.kind), afterMs: 0 };
    }
    const refusal = refusalOf(answer, request);
    if (refusal === undefined || request.expected?.includes(refusal.code)) return answer;
    const { bucket, name } = this;
    const what = `${request.verb} s3://${bucket}/${request.key ?? request.query?.['prefix'] ?? ''}`;
    return {
      error: refusalError(name, bucket, what, refusal),
      again: isTransient(refusal),
      afterMs: retryAfterMs(answer.headers['retry-after'], this.#clock.now()) ?? 0,
    };
  }

  #signed({ method, key, query = {}, headers, body = '' }: S3Request) {
    const { base, root, region, credentials } = this.#access;
    const path = key === undefined ? root.replace(/(?<=.)\/$/, '') : root + encodeKey(key);
    const search = Object.entries(query).map(([name, value]) => `${name}=${encodeText(value)}`);
    const signed = aws4.sign(
      {
        service: 's3',
        region,
        method,
        host: base.host,
        path: search.length === 0 ? path : `${path}?${search.join('&')}`,
        headers: { ...headers, 'user-agent': 'metrify' },
        body,
      },
      credentials,
    );
    return {
      method,
      path: signed.path!,
      headers: signed.headers as Record<string, string>,
      ...(body.length === 0 ? {} : { body }),
    };
  }
}

function refusalOf(
  { status, headers, body }: HttpAnswer,
  { method, query }: S3Request,
): S3Refusal | undefined {
  // While an upload is completed, S3 begins its answer before it knows how that ends.
  const mayFailLate = method === 'POST' && query?.['uploadId'] !== undefined;
  const text = status === 200 && !mayFailLate ? '' : body.toString('utf8');
  const isSuccess = status >= 200 && status < 300 && elements(text, 'Error').length === 0;
  return isSuccess ? undefined : readRefusal(status, headers, text);
}

export function header({ headers }: HttpAnswer, name: string): string {
  return String(headers[name] ?? '');
}

/** By `encoding-type=url`, without which a key with a control character is not XML. */
export function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}
