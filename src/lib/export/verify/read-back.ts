import type { Batch } from '../../columnar/batch.js';
import { withParquetFile } from '../../columnar/parquet-reader/parquet-file.js';
import type { Schema } from '../../columnar/type.js';
import { UserError } from '../../core/errors.js';
import { ExitCode } from '../../core/exit-codes.js';
import { counted } from '../../core/units.js';
import { folderOf, partitionPath } from '../partition-path.js';
import { divide } from '../partitions.js';
import type { WrittenFile } from '../partition-writer.js';
import { sha256Of } from '../sha256.js';
import { digestIn, type Digests, HashedBatch } from './digest.js';

/**
 * Reads the files of a run back before readers see them: their bytes have to be those that were written, and the rows of Parquet files,
 * by partition and in any order, those that came.
 */
export class ReadBack {
  readonly #schema: Schema;
  readonly #partitionBy: readonly string[];
  readonly #numbers: readonly number[];
  readonly #came: Digests = new Map();

  /** @param schema of the files, without the partitions' columns */
  constructor(schema: Schema, partitionBy: readonly string[]) {
    this.#schema = schema;
    this.#partitionBy = partitionBy;
    this.#numbers = schema.map((_, i) => i);
  }

  /** @param batch its last columns are those of the partitions */
  add(batch: Batch): void {
    const hashed = new HashedBatch(batch, this.#numbers);
    for (const { values, rows } of divide(batch, this.#partitionBy.length))
      digestIn(this.#came, partitionPath(this.#partitionBy, values), this.#schema.length).add(hashed, rows);
  }

  /** @throws UserError exit 3 `WRITTEN_DIFFERS`; exit 2 `PARQUET_MALFORMED`; the signal's reason */
  async check(files: readonly WrittenFile[], signal: AbortSignal): Promise<void> {
    const found: Digests = new Map();
    for (const { staged, sha256 } of files) {
      const local = staged.local!;
      if ((await sha256Of(local, signal)) !== sha256)
        throw differs(`${staged.path} has other bytes than were written`);
      if (!staged.path.endsWith('.parquet')) continue;
      const digest = digestIn(found, folderOf(staged.path), this.#schema.length);
      await withParquetFile(local, async (file) => {
        for await (const { batch } of file.batches({ fields: this.#schema, signal }))
          digest.add(new HashedBatch(batch, this.#numbers), undefined);
      });
    }
    for (const [folder, digest] of found) {
      const came = digestIn(this.#came, folder, this.#schema.length);
      if (digest.isEqual(came)) continue;
      const where = folder === '' ? 'the files' : folder;
      const names = digest.differing(came).map((i) => this.#schema[i]!.name);
      throw differs(
        digest.rows === came.rows
          ? `${where} would have other values of ${names.join(', ')}`
          : `${where} would have ${counted(digest.rows, 'row')} of ${came.rows}`,
      );
    }
  }
}

function differs(what: string): UserError {
  return new UserError(`what was written is not what came: ${what}`, {
    code: 'WRITTEN_DIFFERS',
    exitCode: ExitCode.checkFailed,
    hint: 'Nothing of the dataset was changed. Look at the disk and its memory, and run it again.',
  });
}
