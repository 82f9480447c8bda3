import type { ByteString } from '../../core/bytes.js';
import { eachMember, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import type { Operation, OperationKind, Outcome } from '../engine.js';
import type { SolrClient } from './client.js';
import { addCommand, deleteCommand, mustBeMissing, mustBeThere, setCommand } from './document.js';
import { UnfitDocument } from './kept-value.js';
import { readStored } from './read.js';
import type { SolrSchema } from './schema.js';
import type { Stored } from './stored.js';
import type { UpdateCommand } from './update.js';

export interface Prepared extends UpdateCommand {
  /** Among the operations. */
  readonly position: number;
  /** It is made from the document as it was read, and refused where that was changed since. */
  readonly isGuarded: boolean;
}

type Unplaced = Omit<Prepared, 'position'>;

/** Commands for operations, or the outcome of those that need none. */
export async function prepare(
  client: SolrClient,
  core: string,
  schema: SolrSchema,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<readonly (Unplaced | Outcome)[]> {
  const isNeeded = (operation: Operation) => needsStored(client, schema, operation);
  const needed = operations.filter(isNeeded).map(({ id }) => id);
  const stored = await readStored(client, core, schema, needed, signal);
  return operations.map((operation) => {
    try {
      return isNeeded(operation)
        ? guarded(schema, operation, stored.get(operation.id))
        : plain(schema, operation);
    } catch (error) {
      if (!(error instanceof UnfitDocument)) throw error;
      return { kind: 'rejected', status: 400, reason: error.message };
    }
  });
}

/**
 * An external version is compared by us, and the members of a source are changed by us. Of a collection's request that failed
 * nobody knows what other nodes did: what may not be done twice depends on what was there before.
 */
function needsStored(
  { isCloud }: SolrClient,
  { keepsSource }: SolrSchema,
  { kind, version }: Operation,
): boolean {
  if (version !== undefined) return true;
  return kind === 'update' ? keepsSource : isCloud && kind !== 'index';
}

function plain(schema: SolrSchema, { kind, id, source, ifRevision }: Operation): Unplaced {
  const expected = ifRevision ?? usuallyExpected[kind];
  const text =
    kind === 'delete'
      ? deleteCommand(id, expected!)
      : kind === 'update'
        ? setCommand(schema, id, source!, expected!)
        : addCommand(schema, id, source!, { expected });
  return { id, text, expected, isGuarded: false };
}

const usuallyExpected: Readonly<Record<OperationKind, string | undefined>> = {
  index: undefined,
  create: mustBeMissing,
  update: mustBeThere,
  delete: mustBeThere,
};

function guarded(
  schema: SolrSchema,
  { kind, id, source, version, ifRevision }: Operation,
  stored: Stored | undefined,
): Unplaced | Outcome {
  if (stored === undefined && (kind === 'update' || kind === 'delete'))
    return { kind: 'rejected', status: 404, reason: 'there is no such document' };
  if (stored !== undefined && kind === 'create')
    return { kind: 'rejected', status: 409, reason: 'there is such a document' };
  if (ifRevision !== undefined && ifRevision !== stored?.ownVersion)
    return { kind: 'rejected', status: 409, reason: 'the document was changed since it was read' };
  const held = stored?.externalVersion;
  if (version !== undefined && held !== undefined && BigInt(held) >= BigInt(version))
    return {
      kind: 'rejected',
      status: 409,
      reason: `version ${held} is there, and not older than ${version}`,
    };
  const expected = stored?.ownVersion ?? mustBeMissing;
  if (kind === 'delete') return { id, text: deleteCommand(id, expected), expected, isGuarded: true };
  const whole = kind === 'update' ? merged(stored!.source, source!) : source!;
  const externalVersion = version ?? held;
  return {
    id,
    text: addCommand(schema, id, whole, { expected, externalVersion }),
    expected,
    isGuarded: true,
  };
}

/** The object with the members of the change in place of its own; objects within objects are merged, too. */
export function merged(object: ByteString, change: ByteString): ByteString {
  const members = new Map<ByteString, ByteString>();
  eachMember(object, (name, value) => members.set(stringText(name), value));
  eachMember(change, (rawName, value) => {
    const name = stringText(rawName);
    const held = members.get(name);
    const both = held?.charCodeAt(0) === 123 && value.charCodeAt(0) === 123;
    members.set(name, both ? merged(held!, value) : value);
  });
  return `{${[...members].map(([name, value]) => `${jsonString(name)}:${value}`).join(',')}}` as ByteString;
}
