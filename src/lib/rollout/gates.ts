import { errorMessage } from '../core/errors.js';
import { maskSecrets } from '../core/secrets/mask.js';
import { formatDuration } from '../core/units.js';
import type { CheckResult } from './analysis/judgement.js';
import { childEnvironment } from './child-environment.js';
import type { Workloads } from './route.js';
import type { GatesSpec, Pair, Version } from './spec.js';

/** Passed when the version's Deployment is rolled out, with at least `atLeast` ready replicas; undefined without one. */
export async function replicasGate(
  workloads: Workloads | undefined,
  version: Version,
  atLeast: number,
  signal: AbortSignal,
): Promise<CheckResult | undefined> {
  if (!workloads || version.deployment === undefined) return undefined;
  const fleet = await workloads.fleet(version.deployment, signal);
  const observed = [
    `${fleet.ready} of ${fleet.desired} ready`,
    ...(fleet.serving === undefined ? [] : [`${fleet.serving} serving`]),
    ...(fleet.rolledOut ? [] : ['not rolled out']),
    ...(fleet.problem === undefined ? [] : [fleet.problem]),
  ].join(', ');
  const isReady =
    fleet.rolledOut &&
    fleet.ready >= Math.max(1, atLeast) &&
    (fleet.serving === undefined || fleet.serving >= Math.max(1, atLeast));
  return {
    name: `replicas ${version.name}`,
    verdict: isReady ? 'passed' : 'failed',
    observed: `${version.deployment}: ${observed}`,
    limit: `rolled out, at least ${Math.max(1, atLeast)} ready`,
    numbers: { ready: fleet.ready, desired: fleet.desired },
  };
}

/** The next step of whoever was not let through. */
export function adviceOn(checks: readonly CheckResult[]): string {
  const closed = checks.filter(({ verdict }) => verdict !== 'passed').map(({ name }) => name);
  return `No traffic was moved. Put right what ${closed.join(', ')} found, then run the same command again.`;
}

/** What the operator's command is told of, in its environment. */
export interface NextStep {
  readonly app: string;
  readonly versions: Pair;
  /** The canary's, in percent. */
  readonly weight: number;
}

/** Runs the operator's command, without a shell; passed when it exits with 0 in time. */
export async function commandGate(
  gates: GatesSpec,
  next: NextStep,
  signal: AbortSignal,
): Promise<CheckResult | undefined> {
  const [program, ...args] = gates.command ?? [];
  if (program === undefined) return undefined;
  const limit = `exit 0 within ${formatDuration(gates.commandTimeoutMs)}`;
  const result = (verdict: 'passed' | 'failed', observed: string): CheckResult => ({
    name: 'command',
    verdict,
    observed,
    limit,
  });
  const { execa } = await import('execa');
  // A group of its own, so that whatever it started can be ended with it.
  const child = execa(program, args, {
    extendEnv: false,
    env: {
      // eslint-disable-next-line no-restricted-properties -- what a child inherits is the process's
      ...childEnvironment(process.env),
      METRIFY_APP: next.app,
      METRIFY_STABLE: next.versions.stable.name,
      METRIFY_CANARY: next.versions.canary.name,
      METRIFY_NEXT_WEIGHT: String(next.weight),
    },
    detached: true,
    stdin: 'ignore',
    stdout: 'ignore',
    buffer: false,
    reject: false,
  });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr = `${stderr}${data.toString()}`.slice(-STDERR_TAIL)));
  try {
    const ended = await endOf(child, gates.commandTimeoutMs, signal);
    signal.throwIfAborted();
    if (ended === 'late') return result('failed', `not done after ${formatDuration(gates.commandTimeoutMs)}`);
    if (ended instanceof Error) return result('failed', errorMessage(ended));
    // It is kept with the state, where others read it.
    const said = maskSecrets(stderr.trim().split('\n').at(-1)!).slice(0, 200);
    return ended === '0'
      ? result('passed', 'exit 0')
      : result('failed', `${/^\d+$/.test(ended) ? `exit ${ended}` : ended}${said ? `: ${said}` : ''}`);
  } finally {
    endGroup(child.pid);
    child.stderr.destroy();
  }
}

/** As much of what it says as is looked at, in characters. */
const STDERR_TAIL = 4096;

/** Its exit code or signal, why it could not be run, or `late`. What it left behind in the background is not waited for. */
function endOf(
  child: Pick<NodeJS.EventEmitter, 'once'>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | Error> {
  return new Promise((resolve) => {
    const late = () => end('late');
    const timer = setTimeout(late, timeoutMs);
    const end = (how: string | Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', late);
      resolve(how);
    };
    signal.addEventListener('abort', late, { once: true });
    if (signal.aborted) late();
    child.once('error', end);
    child.once('exit', (code: number | null, by: string | null) => end(String(code ?? by)));
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
