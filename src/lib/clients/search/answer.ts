import { ServiceUnavailable } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';
import type { SearchConnection, SearchRequest } from './connection.js';

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
