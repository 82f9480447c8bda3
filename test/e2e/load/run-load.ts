import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, onTestFinished } from 'vitest';

import type { LoadResult } from '../../../src/lib/load/result.js';
import { metrify, type RunOptions } from '../run.js';

/** Its URL, until the test ends; or with `afterAll`, all tests of the file. */
export async function listen(
  server: Server | TcpServer,
  atEnd: (stop: () => void) => void = onTestFinished,
): Promise<string> {
  atEnd(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A server that answers request n, from 0. */
export const http = (answer: (request: IncomingMessage, response: ServerResponse, n: number) => void) => {
  let n = 0;
  return listen(createServer((request, response) => answer(request, response, n++)));
};

export interface LoadEnd<R> {
  readonly code: number | null;
  readonly result: R;
  readonly verdict: string;
  readonly warnings: readonly string[];
}

/** A stall of this process, which is the server, changes what becomes of a request whose time-out it comes near. */
const mostStallMs = 150;

/** Runs a verb of load; again while this machine was too busy to send in time, as metrify says itself, or to answer in time. */
export async function loadOnceQuiet<R extends LoadResult = LoadResult>(
  args: readonly string[],
  options: RunOptions & { readonly before?: () => void } = {},
): Promise<LoadEnd<R>> {
  for (let tries = 0; ; tries++) {
    options.before?.();
    const stalls = monitorEventLoopDelay();
    stalls.enable();
    const end = await metrify(['load', ...args, '--json'], options);
    stalls.disable();
    expect(end.stderr).not.toContain('a bug in metrify');
    const { result, verdict, warnings } = end.json<{ result: R; verdict: string; warnings: string[] }>();
    expect(result.sent).toBe(result.answered + result.failed + result.incomplete);
    const wasBusy =
      / late at p9\d$/.test(result.generator.bottleneck ?? '') || stalls.max / 1e6 > mostStallMs;
    if (tries === 10 || !wasBusy) return { code: end.code, result, verdict, warnings };
    await delay(tries * 1000);
  }
}
