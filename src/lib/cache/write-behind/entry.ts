import type { ByteString } from '../../core/bytes.js';
import type { Reply } from '../../clients/redis/resp.js';
import { isOperationId } from './operation-id.js';
import { operations, type Operation } from './operation.js';

/** One queued write, as the worker reads it. What was queued is data: nothing of it is trusted unseen. */
export interface QueueEntry {
  /** In the stream it was read from. */
  id: string;
  /** Of its partition; undefined where somebody else wrote it. */
  number: number | undefined;
  operationId: string;
  key: ByteString;
  table: string;
  operation: Operation;
  row: ByteString;
  /** The row's columns, in its order. */
  columns: string[];
}

export interface BadEntry {
  id: string;
  number: number | undefined;
  key: ByteString;
  reason: string;
}

type Parsed = { entry: QueueEntry } | { bad: BadEntry };

export function parseEntry(reply: Reply): Parsed {
  const [id, list] = reply as [string, ByteString[]];
  const field: Record<string, ByteString> = {};
  for (let i = 0; i < list.length; i += 2) field[list[i]!] = list[i + 1]!;
  const { op, table, operation, row } = field;
  const number = field.n !== undefined && /^\d{1,15}$/.test(field.n) ? Number(field.n) : undefined;
  // Entries without a key hold back nothing but themselves.
  const key = field.key ?? `?${field.origin ?? id}`;
  const bad = (reason: string): Parsed => ({ bad: { id, number, key, reason } });
  if (field.key === undefined) return bad('malformed: it has no key');
  if (op === undefined || !isOperationId(op)) return bad('malformed: its operation id is no UUID');
  if (table === undefined) return bad('malformed: it names no table');
  if (!(operations as readonly string[]).includes(operation ?? ''))
    return bad(`malformed: '${operation ?? ''}' is no operation`);
  let value: unknown;
  try {
    value = JSON.parse(row ?? '');
  } catch {
    return bad('malformed: its row is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad('malformed: its row is no JSON object');
  const columns = Object.keys(value);
  if (columns.length === 0) return bad('malformed: its row has no column');
  return {
    entry: {
      id,
      number,
      operationId: op,
      key,
      table,
      operation: operation as Operation,
      row: row!,
      columns,
    },
  };
}
