import { isAbsolute } from 'node:path';

import * as z from 'zod/mini';

import { readers } from '../columnar/postgres/profiles.js';
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
  /** The last run that left a state to the next one. */
  since: z.optional(z.object({ table: z.string(), column: z.string(), run: z.string() })),
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
});

/** What a dataset consists of; written last. */
export type Manifest = z.infer<typeof schema>;
export type ManifestFile = z.infer<typeof file>;

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
