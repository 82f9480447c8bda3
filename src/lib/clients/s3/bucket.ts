import aws4 from 'aws4';

import type { Clock } from '../../core/clock.js';
import type { UserError } from '../../core/errors.js';
import { HttpClient, type HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { readAuthorities } from '../authorities.js';
import type { Timeouts } from '../settings.js';
import { encodeKey, encodeText, type S3Access, s3Access, type S3Settings } from './access.js';
import { isTransient, readRefusal, refusalError, type S3Refusal } from './errors.js';
import { elements, elementText, escapeXml } from './xml.js';

export interface S3Object {
  readonly key: string;
  /** Changes with every write. */
  readonly etag: string;
}

export interface S3Part {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
}

export interface S3Upload {
  readonly key: string;
  readonly uploadId: string;
}

/** What has to hold for a write: there is no such object yet, or it is still this one. */
export type Condition = 'absent' | { readonly etag: string };

interface Request {
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

/**
 * A bucket of S3, or of a store that speaks as S3 does (REST API of 2006-03-01, signature version 4). Whatever may succeed in a
 * moment is sent again, after pauses that double: a caller whose request is not idempotent finds out what became of it.
 */
export class S3Bucket {
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
  ): Promise<S3Bucket> {
    const { tlsVerify: verify, tlsCa } = settings;
    const ca = tlsCa === undefined ? undefined : await readAuthorities(tlsCa, 's3.tlsCa');
    const access = s3Access(bucket, settings, env);
    const name = `S3 at ${access.base.host}`;
    const http = new HttpClient(access.base, { ...timeouts, target: name, connections, tls: { verify, ca } });
    return new S3Bucket(bucket, name, access, http, signal, clock);
  }

  private constructor(
    readonly bucket: string,
    name: string,
    access: S3Access,
    http: HttpClient,
    signal: AbortSignal,
    clock: Clock,
  ) {
    this.name = name;
    this.#access = access;
    this.#http = http;
    this.#signal = signal;
    this.#clock = clock;
  }

  /** The same bucket, whose requests end with another signal. */
  with(signal: AbortSignal): S3Bucket {
    return new S3Bucket(this.bucket, this.name, this.#access, this.#http, signal, this.#clock);
  }

  /**
   * Writes a small object. @returns its ETag; undefined when the condition does not hold (also where an earlier attempt, whose
   * answer was lost, has written it)
   * @throws as `#send`
   */
  async put(key: string, body: string, condition?: Condition): Promise<string | undefined> {
    const answer = await this.#send({
      method: 'PUT',
      key,
      body,
      headers: {
        'content-type': 'application/json',
        ...(condition === 'absent'
          ? { 'if-none-match': '*' }
          : condition
            ? { 'if-match': condition.etag }
            : {}),
      },
      // To If-Match a missing object is none, and not another one.
      expected:
        condition === undefined ? [] : ['PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'],
      verb: 'write',
    });
    return answer.status === 200 ? header(answer, 'etag') : undefined;
  }

  /** A small object; undefined where there is none. */
  async get(key: string): Promise<{ readonly text: string; readonly etag: string } | undefined> {
    const answer = await this.#send({ method: 'GET', key, expected: ['NoSuchKey'], verb: 'read' });
    if (answer.status === 404) return undefined;
    return { text: answer.body.toString('utf8'), etag: header(answer, 'etag') };
  }

  /** The value of a piece of an object's metadata; undefined where it is missing, or the object is. */
  async metadata(key: string, name: string): Promise<string | undefined> {
    // To HEAD there is no body, and so no code.
    const { headers } = await this.#send({ method: 'HEAD', key, expected: ['HTTP 404'], verb: 'look at' });
    const value = headers[`x-amz-meta-${name}`];
    return typeof value === 'string' ? value : undefined;
  }

  /** Removes an object, if it is there. */
  async delete(key: string): Promise<void> {
    await this.#send({ method: 'DELETE', key, expected: ['NoSuchKey'], verb: 'remove' });
  }

  /** All objects below a prefix, by key. */
  async *list(prefix: string): AsyncGenerator<S3Object> {
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = {
        'list-type': '2',
        prefix,
        'encoding-type': 'url',
        ...(token && { 'continuation-token': token }),
      };
      const { body } = await this.#send({ method: 'GET', query, verb: 'list' });
      const xml = body.toString('utf8');
      for (const one of elements(xml, 'Contents'))
        yield { key: decodeKey(elementText(one, 'Key')!), etag: elementText(one, 'ETag')! };
      token = elementText(xml, 'NextContinuationToken');
    }
  }

  /** All multipart uploads below a prefix that were neither completed nor aborted. */
  async *uploads(prefix: string): AsyncGenerator<S3Upload> {
    for (let marker: Record<string, string> | undefined = {}; marker !== undefined;) {
      const query = { uploads: '', prefix, 'encoding-type': 'url', ...marker };
      const { body } = await this.#send({ method: 'GET', query, verb: 'list the uploads of' });
      const xml = body.toString('utf8');
      for (const one of elements(xml, 'Upload'))
        yield { key: decodeKey(elementText(one, 'Key')!), uploadId: elementText(one, 'UploadId')! };
      const key = elementText(xml, 'NextKeyMarker');
      marker =
        elementText(xml, 'IsTruncated') === 'true' && key
          ? { 'key-marker': decodeKey(key), 'upload-id-marker': elementText(xml, 'NextUploadIdMarker') ?? '' }
          : undefined;
    }
  }

  /** Begins a multipart upload: readers see nothing of it before it is completed. @param metadata of the object */
  async createUpload(key: string, metadata: Readonly<Record<string, string>>): Promise<string> {
    const headers = Object.fromEntries(
      Object.entries(metadata).map(([k, value]) => [`x-amz-meta-${k}`, value]),
    );
    const { body } = await this.#send({
      method: 'POST',
      key,
      query: { uploads: '' },
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      verb: 'begin to write',
    });
    return elementText(body.toString('utf8'), 'UploadId')!;
  }

  /** @param number from 1 to 10,000 @param body at least 5 MiB, but for the last part @returns its ETag */
  async uploadPart({ key, uploadId }: S3Upload, number: number, body: Buffer): Promise<string> {
    const answer = await this.#send({
      method: 'PUT',
      key,
      query: { partNumber: String(number), uploadId },
      headers: { 'content-type': 'application/octet-stream' },
      body,
      verb: 'write',
    });
    return header(answer, 'etag');
  }

  /** Makes the object of the parts. @returns false when there is no such upload: it was completed before, or aborted */
  async completeUpload({ key, uploadId }: S3Upload, parts: readonly S3Part[]): Promise<boolean> {
    const list = parts
      .map(
        ({ number, etag }) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
      )
      .join('');
    const answer = await this.#send({
      method: 'POST',
      key,
      query: { uploadId },
      headers: { 'content-type': 'application/xml' },
      body: `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`,
      expected: ['NoSuchUpload'],
      verb: 'complete',
    });
    return answer.status === 200;
  }

  /** Removes the parts of an upload, if it is there. */
  async abortUpload({ key, uploadId }: S3Upload): Promise<void> {
    const query = { uploadId };
    await this.#send({ method: 'DELETE', key, query, expected: ['NoSuchUpload'], verb: 'give up' });
  }

  close(): void {
    this.#http.close();
  }

  /**
   * Sends a request until its answer is one.
   * @throws HttpFailure, ServiceUnavailable, ServiceRefused, UserError `S3_NO_BUCKET`; the signal's reason
   */
  async #send(request: Request): Promise<HttpAnswer> {
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
    request: Request,
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

  #signed({ method, key, query = {}, headers, body = '' }: Request) {
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

function refusalOf({ status, headers, body }: HttpAnswer, { method, query }: Request): S3Refusal | undefined {
  // While an upload is completed, S3 begins its answer before it knows how that ends.
  const mayFailLate = method === 'POST' && query?.['uploadId'] !== undefined;
  const text = status === 200 && !mayFailLate ? '' : body.toString('utf8');
  const isSuccess = status >= 200 && status < 300 && elements(text, 'Error').length === 0;
  return isSuccess ? undefined : readRefusal(status, headers, text);
}

function header({ headers }: HttpAnswer, name: string): string {
  return String(headers[name] ?? '');
}

/** By `encoding-type=url`, without which a key with a control character is not XML. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}
