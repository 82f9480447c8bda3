import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { memberText } from '../../sources/json-members.js';
import type { RowSource } from '../../sources/row-source.js';
import type { Operation, OperationKind } from '../engine.js';
import { documentOf, idOf, isWellFormed } from '../row-document.js';
import { Ordinals } from './ordinals.js';

/** What becomes of each row. */
export interface RowPlan {
  readonly kind: OperationKind;
  /** The field with the id; without one it is the SHA-256 of the document. */
  readonly id?: string | undefined;
  /** The field with an external version. */
  readonly version?: string | undefined;
  /** The field by which the server chooses the shard. */
  readonly routing?: string | undefined;
  /** Rows are lines of a dump, with `_id`, `_routing`, `_version` and `_source`. */
  readonly isDump: boolean;
  /** Without an id: a document that is there twice is written twice. */
  readonly keepDuplicates: boolean;
}

export interface RowOperation<Row> extends Operation {
  /** Of the input, from 1. */
  readonly line: number | undefined;
  readonly row: Row;
}

/** Why a row is not an operation. */
export interface Unfit {
  readonly unfit: string;
}

export type MakeOperation<Row> = (row: Row, line: number | undefined) => RowOperation<Row> | Unfit;

/** @throws UserError `COLUMN_MISSING`; exit 2 where the source has no such rows */
export function compileOperation<Row>(source: RowSource<Row>, plan: RowPlan): MakeOperation<Row> {
  return plan.isDump ? fromDump(source, plan) : fromDocuments(source, plan);
}

function fromDocuments<Row>(source: RowSource<Row>, plan: RowPlan): MakeOperation<Row> {
  const { kind } = plan;
  const document = documentOf(source);
  const id = idOf(source, plan.id);
  const version = plan.version === undefined ? undefined : source.column(plan.version);
  const routing = plan.routing === undefined ? undefined : source.column(plan.routing);
  const ordinals = plan.keepDuplicates ? new Ordinals() : undefined;
  const isDelete = kind === 'delete';
  return (row, line) => {
    const json = isDelete && plan.id !== undefined ? undefined : document(row);
    let name = id(row, json ?? none);
    if (name === null) return { unfit: `'${plan.id}', the id, is null, empty or not Unicode text` };
    if (ordinals) {
      const before = ordinals.next(name);
      if (before > 0) name = `${name}-${before}` as ByteString;
    }
    const number = version && versionOf(version(row));
    if (version && number === undefined)
      return { unfit: `'${plan.version}', the version, is not a whole number from 0` };
    return {
      kind,
      id: name,
      routing: routing?.(row) || undefined,
      version: number,
      source: isDelete ? undefined : json,
      line,
      row,
    };
  };
}

const none = '' as ByteString;

function fromDump<Row>({ members, label }: RowSource<Row>, { kind }: RowPlan): MakeOperation<Row> {
  if (members === undefined)
    throw new UserError(`${label} has no lines of JSON, as a dump has`, {
      hint: 'A dump is what metrify search query INDEX --all --meta --output ndjson prints.',
    });
  return (row, line) => {
    let id: ByteString | null = null;
    let routing: ByteString | null = null;
    let version: ByteString | null = null;
    let source: ByteString | undefined;
    members(row, (name, value) => {
      if (name === '"_id"') id = isWellFormed(value) ? memberText(value) : null;
      else if (name === '"_routing"') routing = memberText(value);
      else if (name === '"_version"') version = memberText(value);
      else if (name === '"_source"') source = value;
    });
    if (!id) return { unfit: 'it has no _id, or one that is not Unicode text: not a line of a dump' };
    if (kind !== 'delete' && source?.charCodeAt(0) !== 123) return { unfit: 'its _source is not an object' };
    const number = versionOf(version);
    if (version !== null && number === undefined)
      return { unfit: 'its _version is not a whole number from 0' };
    return {
      kind,
      id,
      routing: routing ?? undefined,
      // Others have no versions of ours.
      version: kind === 'index' || kind === 'delete' ? number : undefined,
      source: kind === 'delete' ? undefined : source,
      line,
      row,
    };
  };
}

/** As decimal digits; undefined for what is not a whole number from 0 to 2^63 - 1. */
function versionOf(text: ByteString | null): string | undefined {
  if (text === null || !/^\d{1,30}$/.test(text)) return undefined;
  const version = BigInt(text);
  return version < 2n ** 63n ? String(version) : undefined;
}
