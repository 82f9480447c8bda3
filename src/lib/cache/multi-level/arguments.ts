import { toBytes, type ByteString } from '../../core/bytes.js';
import { operations } from '../write-behind/types.js';
import {
  aFunction,
  type Check,
  checkArgument,
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

const cacheOptions = options(
  {
    ...common,
    levels: listOf(level),
    tiers: list,
    rows: having('write', 'close'),
    queue: having('writeBehind', 'pendingValue', 'close'),
    queueLimits: options({ timeoutMs: positive, breaker }),
  },
  ['levels'],
);

/** Of `new MultiLevelCache`. @throws UserError `OPTION_INVALID` */
export function checkCacheOptions(given: unknown): void {
  checkOptions('MultiLevelCache', given, cacheOptions);
}

const openOptions = options({
  ...common,
  levelTimeoutMs: positive,
  breaker,
  onLoss: aFunction,
  warn: aFunction,
});

/** Of `openCache`. @throws UserError `OPTION_INVALID` */
export function checkOpenOptions(given: unknown): void {
  checkOptions('openCache', given, openOptions);
}

const ttl = duration;
const tags = listOf(text);
const writeOptions = options({ ttl, tags });
const loadOptions = options({ ttl, tags, beta: fromZero });
const rowOptions = {
  writeThrough: options({ ttl }),
  writeBehind: options({ ttl, operationId: text }),
};

/** @throws UserError `OPTION_INVALID` */
export function checkWriteOptions(given: unknown): void {
  checkOptions('set', given, writeOptions);
}

/** @throws UserError `ARGUMENT_INVALID`, `OPTION_INVALID` */
export function checkLoad(load: unknown, given: unknown): void {
  checkArgument('getOrLoad', 'load', load, aFunction);
  checkOptions('getOrLoad', given, loadOptions);
}

/** @throws UserError `ARGUMENT_INVALID` */
export function checkQuery(sql: unknown, params: unknown): void {
  checkArgument('wrap', 'sql', sql, text);
  checkArgument('wrap', 'params', params, list);
}

/** @throws UserError `ARGUMENT_INVALID` */
export function checkTag(tag: unknown): void {
  checkArgument('invalidateTag', 'tag', tag, text);
}

const aVersion: Check = (value) =>
  typeof value === 'bigint' && value > 0n ? undefined : `must be a bigint above zero, not ${kindOf(value)}`;

/** @throws UserError `ARGUMENT_INVALID` */
export function checkVersion(version: unknown): void {
  checkArgument('setVersioned', 'version', version, aVersion);
}

const anOperation: Check = (value) =>
  operations.some((one) => one === value) ? undefined : `must be one of ${operations.join(', ')}`;

/** @throws UserError `ARGUMENT_INVALID`, `OPTION_INVALID` */
export function checkRowWrite(
  whose: keyof typeof rowOptions,
  target: unknown,
  operation: unknown,
  given: unknown,
): void {
  checkArgument(whose, 'target', target, plainObject);
  const { table, row } = target as Record<string, unknown>;
  checkArgument(whose, 'target.table', table, text);
  checkArgument(whose, 'target.row', row, plainObject);
  checkArgument(whose, 'operation', operation, anOperation);
  checkOptions(whose, given, rowOptions[whose]);
}
