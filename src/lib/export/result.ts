import type { Manifest, ManifestFile } from './manifest.js';
import type { IncrementalSummary } from './since/incremental-run.js';

export interface Exported {
  readonly manifest: Manifest;
  /** Files of this run. The manifest may have more. */
  readonly written: readonly ManifestFile[];
  /** What the person may not expect. */
  readonly notes: readonly string[];
}

export type Verified = 'rows' | 'bytes';

/** What the dataset is after a run, and what the run wrote. */
export interface ExportResult {
  /** Of the dataset. */
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ManifestFile[];
  /** By this run: less than the dataset has, where files of earlier runs stay. */
  readonly written: {
    readonly rows: number;
    readonly bytes: number;
    /** Paths from the dataset's root. */
    readonly files: readonly string[];
  };
  /** The files were read back: their rows are those that came, or only their bytes are those that were written. */
  readonly verified?: Verified;
  /** Of a run with `--since-column`. */
  readonly since?: IncrementalSummary;
  readonly schema: Manifest['columns'];
}

/** What a run would write. */
export interface ExportPreview {
  readonly target: string;
  readonly schema: readonly { readonly name: string; readonly type: string }[];
  readonly partitionBy: readonly string[];
  /** As PostgreSQL's planner expects it; bytes are those before compression. Nobody knows it of files. */
  readonly estimate?: { readonly rows: number; readonly bytes: number; readonly partitions: number };
}

export function resultOf(
  { manifest, written }: Pick<Exported, 'manifest' | 'written'>,
  since?: IncrementalSummary,
  verified?: Verified,
): ExportResult {
  const { rows, bytes, files, columns } = manifest;
  const sum = (of: 'rows' | 'bytes') => written.reduce((total, file) => total + file[of], 0);
  return {
    ...{ rows, bytes, files },
    written: { rows: sum('rows'), bytes: sum('bytes'), files: written.map(({ path }) => path) },
    ...(verified && { verified }),
    ...(since && { since }),
    schema: columns,
  };
}
