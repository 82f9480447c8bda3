import { errorMessage } from '../core/errors.js';
import { maskSecrets } from '../core/secrets/mask.js';
import { readUrl } from '../core/url.js';
import { basicAuthorization } from '../http/authorization.js';
import { HttpClient } from '../http/client.js';
import { excerpt } from '../http/excerpt.js';
import { HttpFailure } from '../http/failure.js';
import { requestUrl } from '../http/url-shapes.js';
import type { CheckResult } from './analysis/judgement.js';
import type { SmokeTest } from './spec.js';

/** As much of an answer as is looked at, in bytes. */
const BODY_LIMIT = 1 << 20;

/**
 * Asks the address once; passed when it answers in time with the status and the text wanted. Redirects are answers.
 * @param version stands for `{{version}}` in the address, the headers and the text wanted
 * @param name of the check; the address is no part of it, since checks are kept where others can read and write
 */
export async function smokeTest(
  written: SmokeTest,
  version: string,
  name: string,
  signal: AbortSignal,
): Promise<CheckResult> {
  const test = forVersion(written, version);
  const where = maskSecrets(test.url);
  const limit = [
    `HTTP ${test.status}`,
    ...(test.bodyContains === undefined ? [] : [`body with '${test.bodyContains}'`]),
  ].join(', ');
  try {
    const { status, body } = await ask(test, signal);
    const problem =
      status !== test.status
        ? `HTTP ${status}`
        : test.bodyContains !== undefined && !body.includes(test.bodyContains)
          ? `HTTP ${status}, body without '${test.bodyContains}': ${excerpt(body, 60) || '(empty)'}`
          : undefined;
    return problem === undefined
      ? { name, verdict: 'passed', observed: limit, limit, where }
      : { name, verdict: 'failed', observed: problem, limit, where };
  } catch (error) {
    signal.throwIfAborted();
    return { name, verdict: 'failed', observed: describe(error), limit, where };
  }
}

function forVersion(test: SmokeTest, version: string): SmokeTest {
  const fill = (text: string) => text.replaceAll('{{version}}', version);
  return {
    ...test,
    url: test.url.replaceAll('{{version}}', encodeURIComponent(version)),
    bodyContains: test.bodyContains === undefined ? undefined : fill(test.bodyContains),
    headers: Object.fromEntries(Object.entries(test.headers).map(([key, value]) => [key, fill(value)])),
  };
}

/** Whether what answered is proved to be a version, not only something. */
export function provesVersion(test: SmokeTest): boolean {
  return test.bodyContains !== undefined;
}

/** Over its own connection: one that is kept continues leading to the version that it was made to. */
async function ask(test: SmokeTest, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const url = new URL(test.url);
  const http = new HttpClient(url, {
    connections: 1,
    connectTimeoutMs: test.timeoutMs,
    requestTimeoutMs: test.timeoutMs,
  });
  try {
    const { status, body } = await http.request(
      {
        path: `${url.pathname}${url.search}`,
        headers: { authorization: basicAuthorization(readUrl(test.url, requestUrl)), ...test.headers },
        maxBodyBytes: BODY_LIMIT,
        beyond: 'cut',
        close: true,
      },
      signal,
    );
    return { status, body: body.toString('utf8') };
  } finally {
    http.close();
  }
}

function describe(error: unknown): string {
  return error instanceof HttpFailure ? error.reason : excerpt(errorMessage(error));
}
