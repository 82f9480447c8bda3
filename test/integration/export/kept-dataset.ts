import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parquetReadObjects } from 'hyparquet';

import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import { orcCodecs } from '../../../src/lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../../src/lib/columnar/orc/file-writer.js';
import { openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../../src/lib/columnar/parquet/file-format.js';
import { profileOf, type Reader } from '../../../src/lib/columnar/reader-profiles.js';
import type { MisfitRules } from '../../../src/lib/columnar/refusals.js';
import type { FileFormat } from '../../../src/lib/columnar/sink.js';
import { compact, planCompaction } from '../../../src/lib/export/compact.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import type { Manifest } from '../../../src/lib/export/manifest.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { findParquet, type FoundDataset } from '../../../src/lib/export/read/find-dataset.js';
import type { OnChange } from '../../../src/lib/export/since/changes.js';
import { IncrementalRun } from '../../../src/lib/export/since/incremental-run.js';
import { wholeTable } from '../../../src/lib/export/since/source.js';
import { StateFile } from '../../../src/lib/export/since/state.js';
import { findTable } from '../../../src/lib/export/table.js';
import { repairPartitions } from '../../../src/lib/export/verify/repair.js';
import { verifyDataset } from '../../../src/lib/export/verify/verify.js';
import { createdBy } from './written.js';

const { signal } = new AbortController();
const progress = { update: () => {} };

export interface KeptOptions {
  readonly partitionBy?: readonly string[];
  readonly column?: string;
  readonly reader?: Reader;
  readonly format?: 'parquet' | 'orc';
}

export interface RepairOptions {
  readonly infinity?: MisfitRules['infinity'];
  readonly seen?: FoundDataset;
}

/** A dataset of a table that is kept up to date, verified, repaired and compacted, all in this process. */
export class KeptDataset {
  readonly #options: Required<KeptOptions>;

  static async open(
    url: string,
    table: string,
    parent: string,
    options: KeptOptions = {},
  ): Promise<KeptDataset> {
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    const folder = await mkdtemp(join(parent, 'kept-'));
    return new KeptDataset(await openPostgres({ url }, timeouts, signal), table, folder, options);
  }

  private constructor(
    readonly client: PostgresClient,
    readonly table: string,
    readonly parent: string,
    options: KeptOptions,
  ) {
    this.#options = { partitionBy: [], column: 'ts', reader: 'all', format: 'parquet', ...options };
  }

  get folder(): string {
    return join(this.parent, 'dataset');
  }

  get statePath(): string {
    return join(this.parent, 'state.json');
  }

  get #target(): FolderTarget {
    return new FolderTarget(this.folder);
  }

  /** Brings it up to date. */
  async night(onChange: OnChange = 'append') {
    const { column, partitionBy } = this.#options;
    const { client } = this;
    const table = await client.readOnly(() => findTable(client, this.table));
    const update = new IncrementalRun({
      ...{ table: table.name, source: wholeTable(table.name), column, partitionBy, onChange, most: 10_000 },
      state: new StateFile(this.statePath),
      dataset: this.folder,
    });
    return { ...(await this.#export(table.sql, 'error', update)), summary: update.summary() };
  }

  /** Writes all of it. */
  async whole(infinity: MisfitRules['infinity'] = 'error') {
    return this.#export(`SELECT * FROM ${this.table}`, infinity, undefined);
  }

  async #export(sql: string, infinity: MisfitRules['infinity'], update: IncrementalRun | undefined) {
    const { client } = this;
    const { partitionBy, reader, format } = this.#options;
    const rules = {
      ...{ profile: profileOf(format, reader), numeric: undefined },
      misfits: { infinity, misread: 'keep' as const },
    };
    const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
    const orc: FileFormat = {
      suffix: 'orc',
      open: (sink, schema) => new OrcFileWriter(sink, schema, { codec: orcCodecs.zlib }),
    };
    const writer = format === 'orc' ? orc : parquetFormat({ codec: await openCodec('snappy'), createdBy });
    const job = {
      query,
      sql,
      target: this.#target,
      format: writer,
      partitionBy,
      rowGroupRows: 1000,
      createdBy,
    };
    return exportQuery(client, { ...job, ...(update && { update }) }, signal, progress);
  }

  async verify(infinity?: MisfitRules['infinity']) {
    const sql = `SELECT * FROM ${this.table}`;
    return verifyDataset(this.client, { sql, infinity }, await findParquet(this.folder), signal, progress);
  }

  /**
   * Writes what differs again.
   * @param seen the dataset as it was before somebody else came
   * @returns folders of the partitions
   */
  async repair({ infinity, seen }: RepairOptions = {}): Promise<readonly string[]> {
    const { partitions, files } = await this.verify(infinity);
    const folders = partitions.filter(({ isEqual }) => !isEqual).map(({ partition }) => partition);
    const found = seen ?? (await findParquet(this.folder));
    const broken = new Set(files.map(({ path }) => path));
    const options = {
      format: parquetFormat({ codec: await openCodec('snappy'), createdBy }),
      ...{ target: this.#target, createdBy, rowGroupRows: 1000, folders },
      isWhole: (path: string) => !broken.has(path),
    };
    const source = { sql: `SELECT * FROM ${this.table}`, infinity };
    await repairPartitions(
      this.client,
      { ...found, manifest: found.manifest! },
      source,
      options,
      signal,
      progress,
    );
    return folders;
  }

  async compact(): Promise<void> {
    const plan = await planCompaction(this.folder, 1_000_000);
    const format = parquetFormat({ codec: await openCodec('snappy'), createdBy });
    const options = { format, createdBy, rowGroupRows: 1000, fileBytes: 1_000_000 };
    await compact(plan, this.#target, options, signal, progress);
  }

  async manifest(): Promise<Manifest> {
    return JSON.parse(await readFile(join(this.folder, '_manifest.json'), 'utf8')) as Manifest;
  }

  /** Values of a column in all files, as a reader that is not ours finds them, in order. */
  async values(column: string): Promise<unknown[]> {
    const { files } = await this.manifest();
    const rows = await Promise.all(
      files.map(async ({ path }) => {
        const bytes = await readFile(join(this.folder, path));
        const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
        return parquetReadObjects({ file });
      }),
    );
    return rows
      .flat()
      .map((row) => row[column] as unknown)
      .sort((a, b) => Number(a) - Number(b));
  }

  close(): Promise<void> {
    return this.client.close();
  }
}
