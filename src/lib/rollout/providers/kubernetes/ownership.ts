import { FIELD_MANAGER } from '../../../clients/kubernetes/client.js';
import type { ManagedFieldsEntry } from '../../../clients/kubernetes/resource.js';

/**
 * The API server hands every field that a write changes to its writer, so that the operator's next server-side apply
 * of an unchanged manifest would conflict with us. Rewriting `managedFields` in the same request is to no avail: the
 * server takes what the request says for the state before it and hands the changed fields over all the same
 * (seen with kube-apiserver 1.36). A second request that changes nothing else is taken as it is. Between the two, a
 * note on the object says whose fields they were, so that the next commit can finish after a kill.
 */
export type Owners = readonly ManagedFieldsEntry[];

/** Who owns what stands at `ownedAt`, beside us; of each entry only that part. */
export function ownersOf(fields: readonly ManagedFieldsEntry[], ownedAt: readonly string[]): Owners {
  return fields.flatMap((entry) => {
    const owned = at(entry.fieldsV1, ownedAt);
    return owned === undefined || isOurs(entry) ? [] : [{ ...entry, fieldsV1: nested(ownedAt, owned) }];
  });
}

/** Whether a write of ours still has to be given back. */
export function isOwnedByUs(fields: readonly ManagedFieldsEntry[], ownedAt: readonly string[]): boolean {
  return fields.some((entry) => isOurs(entry) && at(entry.fieldsV1, ownedAt) !== undefined);
}

/** The same entries with what we took at `ownedAt` given back. Somebody else's later claim stays. */
export function givenBack(
  fields: readonly ManagedFieldsEntry[],
  owners: Owners,
  ownedAt: readonly string[],
): ManagedFieldsEntry[] {
  const rest = fields
    .map((entry) => (isOurs(entry) ? { ...entry, fieldsV1: without(entry.fieldsV1 ?? {}, ownedAt) } : entry))
    .filter(({ fieldsV1 = {} }) => Object.keys(fieldsV1).length > 0);
  if (!isOwnedByUs(fields, ownedAt)) return rest;
  for (const owner of owners) {
    const known = rest.findIndex((entry) => isSame(entry, owner));
    if (known < 0) rest.push(owner);
    else
      rest[known] = { ...rest[known]!, fieldsV1: union(rest[known]!.fieldsV1 ?? {}, owner.fieldsV1 ?? {}) };
  }
  return rest;
}

/** What one note and a look at the object say together: those of the note were there first. */
export function joined(first: Owners, second: Owners): Owners {
  return [...first, ...second.filter((entry) => !first.some((other) => isSame(entry, other)))];
}

/** A note is read from a shared object: anything but a list of owners counts as no owners. */
export function parseOwners(note: string, ownedAt: readonly string[]): Owners {
  try {
    const value: unknown = JSON.parse(note);
    return Array.isArray(value) ? ownersOf(value.filter(isEntry), ownedAt) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is ManagedFieldsEntry {
  const { manager, operation, apiVersion, fieldsV1 } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof manager === 'string' &&
    (operation === 'Apply' || operation === 'Update') &&
    typeof apiVersion === 'string' &&
    typeof fieldsV1 === 'object'
  );
}

export interface Writer {
  readonly manager: string;
  /** RFC 3339, whole seconds. */
  readonly time: string | undefined;
}

/** The last one who wrote what stands at `ownedAt`; of two in one second (times are no finer) not ourselves. */
export function lastWriter(
  fields: readonly ManagedFieldsEntry[],
  ownedAt: readonly string[],
): Writer | undefined {
  const other = latest(ownersOf(fields, ownedAt));
  const ours = latest(fields.filter(isOurs));
  return writer(ours && (!other || (ours.time ?? '') > (other.time ?? '')) ? ours : other);
}

/** Who wrote there since: one who did not own it, or not with that time; else it was one of us. */
export function writerSince(
  before: readonly ManagedFieldsEntry[],
  fields: readonly ManagedFieldsEntry[],
  ownedAt: readonly string[],
): Writer | undefined {
  const known = ownersOf(before, ownedAt);
  const others = ownersOf(fields, ownedAt).filter(
    (entry) => !known.some((one) => isSame(one, entry) && one.time === entry.time),
  );
  return writer(latest(others) ?? latest(fields.filter(isOurs)));
}

function latest(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry | undefined {
  return entries.reduce<ManagedFieldsEntry | undefined>(
    (last, entry) => (last && (last.time ?? '') >= (entry.time ?? '') ? last : entry),
    undefined,
  );
}

function writer(entry: ManagedFieldsEntry | undefined): Writer | undefined {
  return entry && { manager: entry.manager ?? '', time: entry.time };
}

function isOurs({ manager, operation }: ManagedFieldsEntry): boolean {
  return manager === FIELD_MANAGER && operation === 'Update';
}

function isSame(one: ManagedFieldsEntry, other: ManagedFieldsEntry): boolean {
  return (['manager', 'operation', 'apiVersion', 'subresource'] as const).every(
    (key) => (one[key] ?? '') === (other[key] ?? ''),
  );
}

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(fields: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isFields(value) ? value[key] : undefined), fields);
}

function nested(path: readonly string[], value: unknown): Fields {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Fields;
}

/** Parents that hold nothing else go as well. */
function without(fields: Fields, [key, ...rest]: readonly string[]): Fields {
  const { [key!]: inner, ...others } = fields;
  if (rest.length === 0 || !isFields(inner)) return rest.length === 0 ? others : fields;
  const left = without(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...fields, [key!]: left };
}

function union(one: Fields, other: Fields): Fields {
  const result = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const mine = result[key];
    result[key] = isFields(mine) && isFields(value) ? union(mine, value) : value;
  }
  return result;
}
