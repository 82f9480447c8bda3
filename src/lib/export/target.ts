import type { Sink } from '../columnar/sink.js';

/** A file that readers do not see yet. */
export interface StagedFile extends Sink {
  /** Where the commit puts it, from the dataset's root: `month=2026-01/part-00000.parquet`. */
  readonly path: string;
  /** Written so far. */
  readonly bytes: number;
  /** The file that has what was written; undefined where it cannot be read before the commit. */
  readonly local?: string;
  /** Waits until all of it is durable. @returns its SHA-256, in hexadecimal. @throws NotWritten */
  finish(): Promise<string>;
}

/** What a run changes of a dataset. */
export interface Change {
  /** All finished. One whose path is taken replaces the file there. */
  readonly files: readonly StagedFile[];
  /** Paths of files that are no longer the dataset's. */
  readonly removed: readonly string[];
  /** The text of the new manifest. */
  readonly manifest: string;
}

/** A place where a dataset lives, such as a folder. */
export interface Target {
  /** For people: a path or a URL. */
  readonly name: string;
  /**
   * Waits for no other run. Removes what dead runs staged, and completes the change that one of them was about to make.
   * @throws ServiceConflict `LOCK_HELD`; UserError `TARGET_UNUSABLE`
   */
  open(): Promise<OpenTarget>;
}

/** A target that no other run can change. */
export interface OpenTarget {
  /** The text of the manifest; undefined where there is none. */
  readonly manifest: string | undefined;
  /** Whether a new file may take the path of an old one. Then whoever reads the old one keeps reading it. */
  readonly canReplaceFiles: boolean;
  /** Paths of all files that readers see: no part of them begins with `_` or `.`. */
  list(): Promise<readonly string[]>;
  /** Begins a file. */
  stage(path: string): StagedFile;
  /**
   * Makes the change. Before it begins, the whole change is noted durably, so that the next run settles what this one cannot:
   * all of it is made, or none of it.
   * @throws NotWritten; in S3 ServiceConflict `LEASE_LOST`, `UPLOAD_LOST`, `DATASET_CHANGED`, and as the bucket
   */
  commit(change: Change): Promise<void>;
  /** Removes what was staged and not committed, and lets other runs in. */
  close(): Promise<void>;
}
