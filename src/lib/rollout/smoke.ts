import http from 'node:http';
import https from 'node:https';

import { withTimeout } from '../core/abort.js';
import { errorMessage, systemCode } from '../core/errors.js';
import { maskSecrets } from '../core/redact.js';
import { formatDuration } from '../core/units.js';
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
    const { status, body } = await withTimeout(signal, test.timeoutMs, (within) => ask(test, within));
    const problem =
      status !== test.status
        ? `HTTP ${status}`
        : test.bodyContains !== undefined && !body.includes(test.bodyContains)
          ? `HTTP ${status}, body without '${test.bodyContains}': ${excerpt(body)}`
          : undefined;
    return problem === undefined
      ? { name, verdict: 'passed', observed: limit, limit, where }
      : { name, verdict: 'failed', observed: problem, limit, where };
  } catch (error) {
    signal.throwIfAborted();
    return { name, verdict: 'failed', observed: describe(error, test.timeoutMs), limit, where };
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

/** By a connection of its own: one that is kept goes on leading to the version that it was made to. */
async function ask(test: SmokeTest, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const url = new URL(test.url);
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const asking = request(url, { headers: test.headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const answered = () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size <= BODY_LIMIT) return;
        answered();
        response.destroy();
      });
      response.once('end', answered);
      response.once('error', reject);
    });
    asking.once('error', reject);
    asking.end();
  });
}

function excerpt(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim();
  return line === '' ? '(empty)' : line.length > 60 ? `${line.slice(0, 60)}…` : line;
}

function describe(error: unknown, timeoutMs: number): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if ((cause as Error).name === 'TimeoutError') return `no answer within ${formatDuration(timeoutMs)}`;
  return systemCode(cause) === 'ECONNREFUSED' ? 'connection refused' : maskSecrets(errorMessage(cause));
}
