import { isAbsolute } from 'node:path';

import * as z from 'zod/mini';

import { readers } from '../columnar/reader-profiles.js';
import { ServiceConflict } from '../core/errors.js';

/** The name that no reader takes for data. */
export const manifestName = '_manifest.json';

/** From the dataset's root, and within it: whoever can write a manifest has no other files removed. */
export const datasetPath = z
  .string()
  .check(z.refine((path) => path !== '' && !isAbsolute(path) && !/(^|[\\/])\.{1,2}([\\/]|$)/.test(path)));

const file = z.object({
  path: datasetPath,
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string(),
});

const columns = z.array(z.object({ name: z.string(), type: z.string() }));

const schema = z.object({
  format: z.literal('metrify-dataset'),
  version: z.literal(1),
  createdBy: z.string(),
  createdAt: z.string(),
  /** Different for each run. */
  run: z.string(),
  query: z.string(),
  /** `pg_current_snapshot()` of the rows: `xmin:xmax:running`. */
  snapshot: z.optional(z.string()),
  /** When it was taken, as ISO 8601 by the server's clock. */
  snapshotTime: z.optional(z.string()),
  /** What became of infinite times and numbers in some of the files. */
  infinity: z.optional(z.enum(['error', 'null'])),
  /** The last run that left a state to the next one. */
  since: z.optional(
    z.object({
      table: z.string(),
      column: z.string(),
      run: z.string(),
      /** The lowest and highest value of the column among the rows that were new to that run, as text; undefined where there were none. */
      low: z.optional(z.string()),
      high: z.optional(z.string()),
      /** Folders of partitions that were rewritten since: they have rows that the state does not know. */
      repaired: z.optional(z.array(z.string())),
    }),
  ),
  /** Which readers the types are written for. */
  reader: z.enum(readers),
  partitionBy: z.array(z.string()),
  /** Of the partitions, as `partitionBy`; manifests of earlier versions lack it. */
  partitionColumns: z.optional(columns),
  /** Of the files. */
  columns,
  rows: z.number(),
  bytes: z.number(),
  files: z.array(file),
  /** Files that do not count any more, kept for whoever reads them still. The first run after this time removes them. */
  superseded: z.optional(z.array(z.object({ path: datasetPath, until: z.string() }))),
});

/** What a dataset consists of; written last. */
export type Manifest = z.infer<typeof schema>;
export type ManifestFile = z.infer<typeof file>;
/** What a manifest says of the rows, known when they have come. */
export type Facts = Pick<Manifest, 'snapshot' | 'snapshotTime' | 'infinity' | 'since'>;

/**
 * @param where for people: the dataset
 * @throws ServiceConflict `MANIFEST_FOREIGN`
 */
export function parseManifest(text: string, where: string): Manifest {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new ServiceConflict(`${where} has a ${manifestName} that this metrify did not write`, {
      code: 'MANIFEST_FOREIGN',
      cause: error,
      hint: 'Give another folder, or move that file and the data files away.',
    });
  }
}

/** The manifest's text. */
export function printManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Paths of all files that metrify has written there: those that count, and those that do not count any more. */
export function ownPaths({ files, superseded = [] }: Manifest): ReadonlySet<string> {
  return new Set([...files, ...superseded].map(({ path }) => path));
}

/** Paths of superseded files whose time is over. @param now in milliseconds since the epoch */
export function expiredPaths(superseded: Manifest['superseded'] = [], now: number): string[] {
  return superseded.filter(({ until }) => !(Date.parse(until) > now)).map(({ path }) => path);
}
