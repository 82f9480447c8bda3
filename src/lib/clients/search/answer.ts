import { ServiceUnavailable } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';
import { excerpt } from '../../http/excerpt.js';
import type { SearchConnection } from './connection.js';
import type { SearchRequest } from './request.js';
import { pageText } from './refusal.js';

export interface ExpectingRequest extends SearchRequest {
  /** Statuses from 300 on that are answers, and not errors. */
  readonly expected?: readonly number[];
}

/**
 * The answer as it came.
 * @param name of the server, for people
 * @throws SearchRefusal for a status from 300 on that is not expected; HttpFailure; the signal's reason
 */
export async function acceptedAnswer(
  connection: SearchConnection,
  { expected = [], ...request }: ExpectingRequest,
  name: string,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await connection.send(request, signal);
  if (answer.status < 300 || expected.includes(answer.status)) return answer;
  throw connection.refusal(answer, name);
}

/** The answer's JSON, undefined where it is empty; numbers beyond 2^53 are rounded. @throws ServiceUnavailable `NOT_JSON` */
export function answerJson({ body }: Pick<HttpAnswer, 'body'>, name: string): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ServiceUnavailable(`${name} did not answer with JSON`, { code: 'NOT_JSON' });
  }
}

/** Where a system says who it is. */
export interface Introduction<T> {
  /** For messages: `Solr`. */
  readonly system: string;
  readonly path: string;
  /** Undefined where it is something else. @param body JSON */
  readonly read: (body: unknown) => T | undefined;
}

/** Undefined where the text is something else. */
export function readIntroduction<T>({ read }: Introduction<T>, text: string): T | undefined {
  try {
    const body = JSON.parse(text) as unknown;
    return typeof body === 'object' && body !== null ? read(body) : undefined;
  } catch {
    // A page.
    return undefined;
  }
}

/** @throws ServiceUnavailable `NOT_A_SEARCH_SERVER` when what answers is something else; as acceptedAnswer */
export async function introduced<T>(
  connection: SearchConnection,
  introduction: Introduction<T>,
  signal: AbortSignal,
): Promise<T> {
  const { system, path } = introduction;
  const answer = await acceptedAnswer(connection, { path }, connection.name, signal);
  const text = answer.body.toString('utf8');
  const said = readIntroduction(introduction, text);
  if (said !== undefined) return said;
  const page = excerpt(pageText(connection.masked(text)), 100);
  throw new ServiceUnavailable(
    `${connection.address} answers, but not as ${system}${page === '' ? '' : `: ${page}`}`,
    { code: 'NOT_A_SEARCH_SERVER', hint: connection.addressHint },
  );
}
