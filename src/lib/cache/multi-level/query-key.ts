import { createHash } from 'node:crypto';

import type { ByteString } from '../../core/bytes.js';

/** The key under which a statement's result with these parameters is cached. */
export function queryKey(sql: string, params: readonly unknown[]): ByteString {
  const described = JSON.stringify([sql, params.map(describe)]);
  return `query:${createHash('sha256').update(described).digest('hex')}` as ByteString;
}

/** Parameters that are equal as JSON need not be equal: a date is no text, `undefined` no null in an array. */
function describe(param: unknown): unknown {
  if (typeof param === 'bigint') return ['bigint', String(param)];
  if (param instanceof Date) return ['date', param.getTime()];
  if (param instanceof Uint8Array) return ['bytes', Buffer.from(param).toString('base64')];
  if (typeof param === 'number' && !Number.isFinite(param)) return ['number', String(param)];
  if (Array.isArray(param)) return ['array', param.map(describe)];
  if (typeof param === 'object' && param !== null) return ['object', param];
  return param ?? null;
}
