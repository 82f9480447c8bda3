import {
  errorMessage,
  explanation,
  ServiceRefused,
  ServiceUnavailable,
  systemCode,
  UserError,
} from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { HazelcastTarget } from './address.js';

/** The client's names for a member that went away under an operation, or is about to be another. */
const lostNames = new Set([
  'ClientNotActiveError',
  'ClientOfflineError',
  'HazelcastInstanceNotActiveError',
  'IOError',
  'MemberLeftError',
  'OperationTimeoutError',
  'PartitionMigratingError',
  'RetryableHazelcastError',
  'RetryableIOError',
  'TargetDisconnectedError',
  'TargetNotMemberError',
  'WrongTargetError',
]);

export function isLost(error: unknown): boolean {
  return error instanceof Error && lostNames.has(error.constructor.name);
}

export function unreachable({ label }: HazelcastTarget, why: string, cause?: unknown): ServiceUnavailable {
  return new ServiceUnavailable(`Hazelcast at ${label} cannot be reached: ${why}`, {
    hint: 'Check hazelcast.url (METRIFY_HAZELCAST_URL) and that a member runs there.',
    cause,
  });
}

export function silent({ label }: HazelcastTarget, timeoutMs: number): ServiceUnavailable {
  return new ServiceUnavailable(`Hazelcast at ${label} did not answer for ${formatDuration(timeoutMs)}`, {
    hint: 'Is a member stopped or collecting garbage? requestTimeout sets how long to wait.',
  });
}

/** What a member answers to work that it does not do: as it is, for callers, and explained for people. */
export function refusedWork({ label }: HazelcastTarget, error: Error): Error {
  const [said] = error.message.split('\n', 1);
  return Object.assign(error, {
    [explanation]: new ServiceRefused(`Hazelcast at ${label} refused us: ${said}`, { cause: error }),
  });
}

/** Why a client could not start, from what it logged meanwhile: its error itself does not tell. */
export function connectProblem(
  target: HazelcastTarget,
  warnings: readonly string[],
  error: unknown,
): UserError {
  const text = warnings.join('\n');
  if (/could not be authenticated|AuthenticationError/.test(text))
    return new ServiceRefused(
      `Hazelcast at ${target.label} refused us: the cluster is not named '${target.clusterName}', or the login is wrong`,
      { hint: 'Check hazelcast.clusterName, hazelcast.username and hazelcast.password.' },
    );
  if (/not allowed in the cluster/.test(text))
    return new ServiceRefused(`Hazelcast at ${target.label} refused us: clients are not allowed in`, {
      hint: 'The cluster has blocked this client; see its client filters.',
    });
  if (/ECONNREFUSED/.test(text)) return unreachable(target, 'connection refused', error);
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return unreachable(target, 'no such host', error);
  if (/did not finish within timeout/.test(text))
    return unreachable(target, 'it accepts connections, and does not answer', error);
  const last = warnings.findLast((line) => /initial connection/.test(line));
  return unreachable(target, last?.replace(/^.*?Error: /, '') ?? errorMessage(error), error);
}

/** The client is an optional dependency of the library's package. @throws UserError where it is not installed. */
export function withoutClient(error: unknown): never {
  if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
  throw new UserError('Hazelcast needs the package hazelcast-client, which is not installed', {
    code: 'PACKAGE_MISSING',
    hint: 'Run npm install hazelcast-client.',
    cause: error,
  });
}
