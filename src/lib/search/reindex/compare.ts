import type { ByteString } from '../../core/bytes.js';
import { keyOf } from '../document-key.js';
import type { DocumentName, HeldForm, SearchEngine } from '../engine.js';
import { comparePairs, type DifferenceKind, type Differences } from '../verify/differences.js';
import { differing } from '../verify/differing.js';
import { PairFile } from '../verify/pair-file.js';
import { hashSide, type Side, type SideDocument } from '../verify/side.js';

export interface ComparedIndices {
  readonly source: string;
  readonly destination: string;
}

export interface CompareIndicesOptions {
  readonly signal: AbortSignal;
  /** False: by id alone. */
  readonly content: boolean;
  /** Where 32 bytes a document of each side are kept. */
  readonly temporaryFolder: string;
  /** Documents read so far, of both sides. */
  readonly seen: (documents: number) => void;
}

/** A document under the key that tells it apart from all others of its index. */
interface KeyedDocument extends SideDocument {
  readonly name: DocumentName;
}

const nothing = 'null' as ByteString;

/** What separates two indices. */
export interface IndexDifferences {
  /** Documents that are not among the batches: there are too many. */
  readonly beyond: number;
  /** Documents that are missing in the destination, that it has alone, or that differ. */
  readonly batches: AsyncIterable<readonly DocumentName[]>;
}

/** Compares every document by id, and by content as far as that is asked for, in constant memory. */
export async function compareIndices(
  engine: SearchEngine,
  { source, destination }: ComparedIndices,
  { signal, content, temporaryFolder, seen }: CompareIndicesOptions,
): Promise<IndexDifferences> {
  let count = 0;
  const advance = (documents: number) => seen((count += documents));
  const files = [new PairFile(temporaryFolder), new PairFile(temporaryFolder)] as const;
  try {
    await hashSide(sideOf(engine, destination, content), files[1], signal, advance);
    const held = content ? await engine.heldForm?.(destination, signal) : undefined;
    await hashSide(sideOf(engine, source, content, held), files[0], signal, advance);
    const { differences, beyond } = await comparePairs(files[0], files[1], signal);
    return {
      beyond: beyond.missing + beyond.extra + beyond.stale,
      batches: batches(engine, { source, destination }, differences, signal),
    };
  } finally {
    for (const file of files) await file.close();
  }
}

async function* batches(
  engine: SearchEngine,
  { source, destination }: ComparedIndices,
  found: Differences,
  signal: AbortSignal,
): AsyncGenerator<readonly DocumentName[]> {
  const kinds = new Set<DifferenceKind>();
  for (let number = 0; number < found.size; number++) kinds.add(found.at(number).kind);
  if (kinds.has('extra')) yield* named(engine, destination, found, ['extra'], signal);
  if (kinds.has('missing') || kinds.has('stale'))
    yield* named(engine, source, found, ['missing', 'stale'], signal);
}

/** The names of those documents of an index that are among the differences: the hashes do not tell. */
async function* named(
  engine: SearchEngine,
  index: string,
  found: Differences,
  kinds: readonly DifferenceKind[],
  signal: AbortSignal,
): AsyncGenerator<readonly DocumentName[]> {
  const isWanted = (number: number) => kinds.includes(found.at(number).kind);
  for await (const batch of differing(keyed(engine, index, false, signal), found, isWanted))
    yield [...batch.values()].map(({ name }) => name);
}

/** @param held as the other side would give the documents back */
function sideOf(engine: SearchEngine, index: string, content: boolean, held?: HeldForm): Side {
  return {
    label: index,
    estimate: undefined,
    documents: (signal) => keyed(engine, index, content, signal, held),
  };
}

async function* keyed(
  engine: SearchEngine,
  index: string,
  content: boolean,
  signal: AbortSignal,
  held: HeldForm = (_, source) => source,
): AsyncGenerator<readonly KeyedDocument[]> {
  for await (const hits of engine.scan(index, { signal, source: content }))
    yield hits.map(({ id, routing, source }) => ({
      id: keyOf({ id, routing }),
      name: { id, routing },
      source: content ? held(id, source) : nothing,
    }));
}
