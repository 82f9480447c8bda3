import * as z from 'zod/mini';

/** The name that no reader takes for data. */
export const manifestName = '_manifest.json';

const file = z.object({
  /** From the dataset's folder. */
  path: z.string(),
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string(),
});

const schema = z.object({
  format: z.literal('metrify-dataset'),
  version: z.literal(1),
  createdBy: z.string(),
  createdAt: z.string(),
  query: z.string(),
  /** Which readers the types are written for. */
  reader: z.string(),
  partitionBy: z.array(z.string()),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z.number(),
  bytes: z.number(),
  files: z.array(file),
});

/** What a dataset consists of; written last. */
export type Manifest = z.infer<typeof schema>;
export type ManifestFile = z.infer<typeof file>;

/** @returns undefined when it is not a manifest of this version */
export function parseManifest(text: string): Manifest | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Somebody else's file of that name.
    return undefined;
  }
}
