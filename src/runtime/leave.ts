import { ExitCode } from '../lib/core/exit-codes.js';

/** What Node does in a thread of its pool. */
const inThreads = new Set(['FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'GetNameInfoReqWrap']);
const pollMs = 10;

/** How a process that was stopped ends that cannot exit, and how long it tries to. */
const deaths: Partial<Record<ExitCode, { signal: NodeJS.Signals; patienceMs: number }>> = {
  [ExitCode.hungUp]: { signal: 'SIGHUP', patienceMs: 200 },
  [ExitCode.interrupted]: { signal: 'SIGINT', patienceMs: 200 },
  [ExitCode.terminated]: { signal: 'SIGTERM', patienceMs: 200 },
  [ExitCode.timeout]: { signal: 'SIGKILL', patienceMs: 800 },
};

/**
 * Ends the process. `process.exit` waits for the threads in which files are read and names are looked up, and one of them
 * may be on a file system that hangs. A process that was stopped then dies of the signal that it was sent, which a shell
 * shows as the same exit code; after `--timeout` of SIGKILL, which it shows as 137.
 */
export async function leave(own: NodeJS.Process, code: ExitCode): Promise<never> {
  const death = deaths[code];
  for (let waited = 0; death && isBusy(own); waited += pollMs) {
    if (waited >= death.patienceMs) {
      own.removeAllListeners(death.signal);
      own.kill(own.pid, death.signal);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return own.exit(code);
}

function isBusy(own: NodeJS.Process): boolean {
  return own.getActiveResourcesInfo().some((name) => inThreads.has(name));
}
