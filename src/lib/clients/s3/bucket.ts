import type { Clock } from '../../core/clock.js';
import type { Timeouts } from '../settings.js';
import type { S3Settings } from './access.js';
import { decodeKey, header, SignedRequests } from './signed-requests.js';
import { S3Uploads } from './uploads.js';
import { elements, elementText } from './xml.js';

/** What has to hold for a write: there is no such object yet, or it is still this one. */
export type Condition = 'absent' | { readonly etag: string };

/**
 * A bucket of S3, or of a store that speaks as S3 does (REST API of 2006-03-01). A request may be sent again: a caller whose
 * request is not idempotent finds out what became of it.
 */
export class S3Bucket {
  readonly #requests: SignedRequests;
  readonly uploads: S3Uploads;

  /**
   * Nothing is asked yet.
   * @param env where AWS's variables are
   * @throws UserError `S3_CREDENTIALS_MISSING`, `S3_ENDPOINT`, `TLS_CA_UNREADABLE`
   */
  static async open(
    bucket: string,
    settings: S3Settings,
    timeouts: Timeouts,
    options: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal; readonly clock: Clock },
  ): Promise<S3Bucket> {
    return new S3Bucket(await SignedRequests.open(bucket, settings, timeouts, options));
  }

  private constructor(requests: SignedRequests) {
    this.#requests = requests;
    this.uploads = new S3Uploads(requests);
  }

  /** Its name. */
  get bucket(): string {
    return this.#requests.bucket;
  }

  /** `S3 at HOST` */
  get name(): string {
    return this.#requests.name;
  }

  /** The same bucket, whose requests end with another signal. */
  with(signal: AbortSignal): S3Bucket {
    return new S3Bucket(this.#requests.with(signal));
  }

  /**
   * Writes a small object. @returns its ETag; undefined when the condition does not hold (also where an earlier attempt, whose
   * answer was lost, has written it)
   * @throws as `SignedRequests.send`
   */
  async put(key: string, body: string, condition?: Condition): Promise<string | undefined> {
    const answer = await this.#requests.send({
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
    const answer = await this.#requests.send({ method: 'GET', key, expected: ['NoSuchKey'], verb: 'read' });
    if (answer.status === 404) return undefined;
    return { text: answer.body.toString('utf8'), etag: header(answer, 'etag') };
  }

  /** The value of a piece of an object's metadata; undefined where it is missing, or the object is. */
  async metadata(key: string, name: string): Promise<string | undefined> {
    // To HEAD there is no body, and so no code.
    const { headers } = await this.#requests.send({
      method: 'HEAD',
      key,
      expected: ['HTTP 404'],
      verb: 'look at',
    });
    const value = headers[`x-amz-meta-${name}`];
    return typeof value === 'string' ? value : undefined;
  }

  /** Removes an object, if it is there. */
  async delete(key: string): Promise<void> {
    await this.#requests.send({ method: 'DELETE', key, expected: ['NoSuchKey'], verb: 'remove' });
  }

  /** Keys of all objects below a prefix, in order. */
  async *list(prefix: string): AsyncGenerator<string> {
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = {
        'list-type': '2',
        prefix,
        'encoding-type': 'url',
        ...(token && { 'continuation-token': token }),
      };
      const { body } = await this.#requests.send({ method: 'GET', query, verb: 'list' });
      const xml = body.toString('utf8');
      for (const one of elements(xml, 'Contents')) yield decodeKey(elementText(one, 'Key')!);
      token = elementText(xml, 'NextContinuationToken');
    }
  }

  close(): void {
    this.#requests.close();
  }
}
