import { toBytes, type ByteString } from '../../core/bytes.js';
import { operations } from '../write-behind/types.js';
import {
  aFunction,
  type Check,
  checkArguments,
  checkOptions,
  duration,
  fromZero,
  having,
  invalid,
  kindOf,
  list,
  listOf,
  options,
  plainObject,
  positive,
  text,
} from './checks.js';

/*
 * What services give to the library, many of them without a type check. What is wrong is an error at once: were it handed
 * on, a level would be blamed for it.
 */

/** @throws UserError `KEY_INVALID` */
export function keyOf(key: unknown): ByteString {
  const wrong = text(key);
  if (wrong !== undefined) throw invalid(`a key ${wrong}`, 'KEY_INVALID');
  return toBytes(key as string);
}

const breaker = options({ failures: positive, pauseMs: positive, longestPauseMs: positive });

const common = {
  query: aFunction,
  codec: having('encode', 'decode'),
  redisTimeoutMs: positive,
  clock: having('now', 'monotonic', 'sleep'),
  random: aFunction,
};

const level = options(
  {
    level: having('lookup', 'lease', 'fill', 'set', 'remove', 'close'),
    ttlMs: positive,
    timeoutMs: positive,
    breaker,
  },
  ['level'],
);

/** Of `new MultiLevelCache`. @throws UserError `OPTION_INVALID` */
export function checkCacheOptions(given: unknown): void {
  const checks = {
    ...common,
    levels: listOf(level),
    tiers: list,
    rows: having('write', 'close'),
    queue: having('writeBehind', 'pendingValue', 'close'),
    queueLimits: options({ timeoutMs: positive, breaker }),
  };
  checkOptions('MultiLevelCache', given, checks, ['levels']);
}

/** Of `openCache`. @throws UserError `OPTION_INVALID` */
export function checkOpenOptions(given: unknown): void {
  checkOptions('openCache', given, {
    ...common,
    levelTimeoutMs: positive,
    breaker,
    onLoss: aFunction,
    warn: aFunction,
  });
}

const ttl = duration;
const tags = listOf(text);

/** @throws UserError `OPTION_INVALID` */
export function checkWriteOptions(given: unknown): void {
  checkOptions('set', given, { ttl, tags });
}

/** @throws UserError `ARGUMENT_INVALID`, `OPTION_INVALID` */
export function checkLoad(load: unknown, given: unknown): void {
  checkArguments('getOrLoad', { load }, { load: aFunction });
  checkOptions('getOrLoad', given, { ttl, tags, beta: fromZero });
}

/** @throws UserError `ARGUMENT_INVALID` */
export function checkQuery(sql: unknown, params: unknown): void {
  checkArguments('wrap', { sql, params }, { sql: text, params: list });
}

/** @throws UserError `ARGUMENT_INVALID` */
export function checkTag(tag: unknown): void {
  checkArguments('invalidateTag', { tag }, { tag: text });
}

const aVersion: Check = (value) =>
  typeof value === 'bigint' && value > 0n ? undefined : `must be a bigint above zero, not ${kindOf(value)}`;

/** @throws UserError `ARGUMENT_INVALID` */
export function checkVersion(version: unknown): void {
  checkArguments('setVersioned', { version }, { version: aVersion });
}

const anOperation: Check = (value) =>
  operations.some((one) => one === value) ? undefined : `must be one of ${operations.join(', ')}`;

/** @throws UserError `ARGUMENT_INVALID`, `OPTION_INVALID` */
export function checkRowWrite(
  whose: 'writeThrough' | 'writeBehind',
  target: unknown,
  operation: unknown,
  given: unknown,
): void {
  checkArguments(whose, { target, operation }, { target: plainObject, operation: anOperation });
  checkArguments(`${whose}: target`, target as Record<string, unknown>, { table: text, row: plainObject });
  checkOptions(whose, given, whose === 'writeBehind' ? { ttl, operationId: text } : { ttl });
}
