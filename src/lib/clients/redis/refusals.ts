import { explanation, ServiceRefused, ServiceUnavailable, type UserError } from '../../core/errors.js';
import type { CommandPart, RedisError } from './resp.js';
import { isPassing } from './retrier.js';

/** How servers before Redis 6 refuse a login, and any version one with a password where none is set. */
const refusedLogin = /^ERR (?:invalid password|Client sent AUTH|AUTH <password> called without)/;
/** Answers that may be others a little later, though the command is not repeated. */
const busy = /^(?:BUSY|NOREPLICAS|UNKILLABLE)\b|^ERR max number of clients/;
const containers = new Set([
  'ACL',
  'CLIENT',
  'CLUSTER',
  'CONFIG',
  'MEMORY',
  'OBJECT',
  'SCRIPT',
  'XGROUP',
  'XINFO',
]);

/** The code of an answer that a caller may know what to make of. */
export const unexpected = 'REDIS_ERROR';

/**
 * What an error reply to a single command means for the person.
 * @param command its words, to be named
 */
export function refused(node: string, error: RedisError, command: readonly CommandPart[] = []): UserError {
  const { code, message } = error;
  const [word, second] = command;
  const name =
    word !== undefined && containers.has(word) && second !== undefined ? `${word} ${second}` : word;
  if (['NOAUTH', 'WRONGPASS', 'NOPERM'].includes(code) || refusedLogin.test(message))
    return new ServiceRefused(`Redis at ${node} refused us: ${message}`, {
      hint: 'Set redis.username and redis.password (METRIFY_REDIS_PASSWORD) to a user with the rights.',
    });
  if (code === 'MISCONF')
    return new ServiceRefused(
      `Redis at ${node} takes no writes: ${name === undefined ? '' : `${name}: `}${message}`,
      {
        code: 'REDIS_MISCONF',
        hint: 'It could not save its data: see its log, its disk, and rdb_last_bgsave_status in INFO.',
      },
    );
  if (code === 'OOM' || /\bOOM command not allowed/.test(message))
    return new ServiceRefused(
      `Redis at ${node} takes no writes: ${name === undefined ? '' : `${name}: `}${message}`,
      {
        code: 'REDIS_FULL',
        hint: 'Make room (metrify cache inspect says where it went), or raise maxmemory.',
      },
    );
  const said = `Redis at ${node} answered${name === undefined ? '' : ` ${name} with`}: ${message}`;
  if (isPassing(error) || busy.test(message)) return new ServiceUnavailable(said, { code: unexpected });
  return new ServiceRefused(said, {
    code: unexpected,
    ...(/unknown (?:sub)?command/i.test(message)
      ? { hint: 'Is it Redis? A server can also have this command renamed or switched off.' }
      : {}),
  });
}

/** The error reply to a command, to be thrown: callers judge it by its code, and the person gets the explanation. */
export function answered(node: string, command: readonly CommandPart[], error: RedisError): RedisError {
  error[explanation] = refused(node, error, command);
  return error;
}
