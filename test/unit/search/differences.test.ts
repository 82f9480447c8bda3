import { tmpdir } from 'node:os';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { type ByteString, toBytes } from '../../../src/lib/core/bytes.js';
import { comparePairs, type DifferenceKind } from '../../../src/lib/search/verify/differences.js';
import { DocumentHasher, hashWords } from '../../../src/lib/search/verify/document-hash.js';
import { PairFile, pairWords } from '../../../src/lib/search/verify/pair-file.js';
import { replayable, seeded } from '../../random.js';
import { scaled } from '../../scale.js';

const { seed } = replayable('pairs of hashes');
const { signal } = new AbortController();
const hasher = new DocumentHasher();

type Documents = readonly (readonly [id: string, content: number])[];

it('finds what Maps find, of any documents in any order', async () => {
  const side = fc.array(fc.tuple(fc.nat(30).map(String), fc.nat(2)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(side, side, async (source, index) => {
      const [ours, theirs] = [new Map(source), new Map<string, number>()];
      let doubled = 0;
      // What the index holds twice is compared once.
      for (const [id, content] of index)
        if (theirs.has(id)) doubled++;
        else theirs.set(id, content);
      const expected = new Map<string, DifferenceKind>();
      for (const [id, content] of ours)
        if (!theirs.has(id)) expected.set(id, 'missing');
        else if (theirs.get(id) !== content) expected.set(id, 'stale');
      for (const id of theirs.keys()) if (!ours.has(id)) expected.set(id, 'extra');

      const compared = await compare(source, index);

      expect(compared.found([...ours.keys(), ...theirs.keys()])).toEqual(expected);
      expect(compared).toMatchObject({
        compared: new Set([...ours.keys(), ...theirs.keys()]).size,
        duplicates: source.length - ours.size,
        doubled,
        size: expected.size,
      });
    }),
    { seed, numRuns: scaled(100) },
  );
});

it('finds one difference of each kind among 200,000 documents, which memory alone does not hold', async () => {
  const random = seeded(seed);
  const documents: Documents = Array.from({ length: 200_000 }, (_, i) => [`meter-${i}`, i % 7]);
  const [missing, extra, stale] = [0, 1, 2].map((third) => third * 60_000 + Math.floor(random() * 60_000));
  const index = documents
    .filter((_, i) => i !== missing)
    .map(([id, content]): [string, number] => [id, id === `meter-${stale}` ? 7 : content])
    .reverse();
  const source = documents.filter((_, i) => i !== extra);
  const compared = await compare(source, index);
  expect(compared.found(documents.map(([id]) => id))).toEqual(
    new Map<string, DifferenceKind>([
      [`meter-${missing}`, 'missing'],
      [`meter-${extra}`, 'extra'],
      [`meter-${stale}`, 'stale'],
    ]),
  );
  expect(compared).toMatchObject({ compared: 200_000, duplicates: 0, doubled: 0, size: 3 });
});

async function compare(source: Documents, index: Documents) {
  const files = await Promise.all([source, index].map(fileOf));
  const { differences, ...counts } = await comparePairs(files[0]!, files[1]!, signal);
  for (const file of files) await file.close();
  return {
    ...counts,
    size: differences.size,
    found: (ids: readonly string[]) => {
      const found = new Map<string, DifferenceKind>();
      for (const id of ids) {
        const number = differences.find(pairOf(id, 0).subarray(0, hashWords));
        if (number !== undefined) found.set(id, differences.at(number).kind);
      }
      return found;
    },
  };
}

async function fileOf(documents: Documents): Promise<PairFile> {
  const file = new PairFile(tmpdir());
  for (const [i, [id, content]] of documents.entries()) {
    file.add(pairOf(id, content));
    if (i % 5000 === 0) await file.flush();
  }
  await file.flush();
  return file;
}

function pairOf(id: string, content: number): Int32Array {
  const pair = new Int32Array(pairWords);
  hasher.text(toBytes(id), pair, 0);
  hasher.document(`{"content":${content}}` as ByteString, pair, hashWords);
  return pair;
}
