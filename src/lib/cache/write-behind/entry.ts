import { fromBytes, type ByteString } from '../../core/bytes.js';
import type { Reply } from '../../clients/redis/resp.js';
import { isOperationId } from './operation-id.js';
import { type Operation, operations } from './types.js';
import { type RowKind, RowKinds } from './row-kinds.js';

/** One queued write, as the worker reads it. What was queued is data: nothing of it is trusted unseen. */
export interface QueueEntry extends RowKind {
  /** In the stream it was read from. */
  id: ByteString;
  /** Of its partition; undefined where somebody else wrote it. */
  number: number | undefined;
  operationId: ByteString;
  key: ByteString;
  /** JSON text. */
  row: string;
}

export interface BadEntry {
  id: ByteString;
  number: number | undefined;
  key: ByteString;
  reason: string;
}

/** `held`: its key is held back, so that it cannot be tried. */
export type Parsed = { held: boolean } & ({ entry: QueueEntry } | { bad: BadEntry });

/** @param kinds what earlier entries were like, which saves parsing. */
export function parseEntry(reply: Reply, kinds = new RowKinds(), held = false): Parsed {
  const [id, list] = reply as [ByteString, ByteString[]];
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
  const key = name ?? (`?${origin ?? id}` as ByteString);
  const bad = (reason: string): Parsed => ({
    held,
    bad: { id, number, key, reason },
  });
  if (name === undefined) return bad('malformed: it has no key');
  const operationId = job?.slice(0, 36) ?? ('' as ByteString);
  if (!isOperationId(operationId) || job![36] !== ' ') return bad('malformed: its operation id is no UUID');
  const what = job!.slice(37);
  const text = fromBytes(row ?? ('' as ByteString));
  let kind: RowKind | string | undefined = kinds.find(what, text);
  if (!kind) {
    kind = readKind(what, text);
    if (typeof kind === 'string') return bad(`malformed: ${kind}`);
    kinds.add(what, kind);
  }
  const { table, operation, columns, shape } = kind;
  return {
    held,
    entry: {
      id,
      number,
      operationId,
      key,
      table,
      operation,
      row: text,
      columns,
      shape,
    },
  };
}

/** @returns what is wrong, as text. */
function readKind(what: ByteString, row: string): RowKind | string {
  const space = what.indexOf(' ');
  const operation = space < 0 ? what : what.slice(0, space);
  const table = space < 0 ? '' : fromBytes(what.slice(space + 1));
  if (!(operations as readonly string[]).includes(operation))
    return `'${fromBytes(operation)}' is no operation`;
  if (table === '') return 'it names no table';
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    return 'its row is no JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'its row is no JSON object';
  const columns = Object.keys(value);
  if (columns.length === 0) return 'its row has no column';
  if (columns.some((column) => column.includes('\0'))) return 'a name has a NUL in it';
  const shape = `${table}\0${operation}\0${columns.join('\0')}`;
  return { table, operation: operation as Operation, columns, shape };
}
