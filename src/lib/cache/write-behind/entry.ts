import { fromBytes, type ByteString } from '../../core/bytes.js';
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
  /** JSON text. */
  row: string;
  /** The row's columns, in its order. */
  columns: string[];
  /** Entries of one shape fit one statement: table, operation and columns. */
  shape: string;
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
  let job, name, row, n, origin: ByteString | undefined;
  for (let i = 0; i < list.length; i += 2) {
    const value = list[i + 1]!;
    switch (list[i]) {
      case 'do':
        job = value;
        break;
      case 'key':
        name = value;
        break;
      case 'row':
        row = value;
        break;
      case 'n':
        n = value;
        break;
      case 'origin':
        origin = value;
        break;
      default:
    }
  }
  const number = n !== undefined && /^\d{1,15}$/.test(n) ? Number(n) : undefined;
  // Entries without a key hold back nothing but themselves.
  const key = name ?? `?${origin ?? id}`;
  const bad = (reason: string): Parsed => ({ bad: { id, number, key, reason } });
  if (name === undefined) return bad('malformed: it has no key');
  const [op = '', operation = '', ...rest] = job?.split(' ') ?? [];
  const table = fromBytes(rest.join(' '));
  if (!isOperationId(op)) return bad('malformed: its operation id is no UUID');
  if (!(operations as readonly string[]).includes(operation))
    return bad(`malformed: '${fromBytes(operation)}' is no operation`);
  if (table === '') return bad('malformed: it names no table');
  let value: unknown;
  let text: string;
  try {
    text = fromBytes(row ?? '');
    value = JSON.parse(text);
  } catch {
    return bad('malformed: its row is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad('malformed: its row is no JSON object');
  const columns = Object.keys(value);
  if (columns.length === 0) return bad('malformed: its row has no column');
  const shape = `${table}\0${operation}\0${columns.join('\0')}`;
  if (row!.includes('\\u0000') && shape.split('\0').length !== columns.length + 2)
    return bad('malformed: a name has a NUL in it');
  return {
    entry: {
      id,
      number,
      operationId: op,
      key,
      table,
      operation: operation as Operation,
      row: text,
      columns,
      shape,
    },
  };
}
