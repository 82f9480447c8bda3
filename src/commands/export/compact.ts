import { openCodec } from '../../lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../lib/columnar/parquet/file-format.js';
import { counted, formatBytes } from '../../lib/core/units.js';
import { compact as compactDataset, type Compaction, planCompaction } from '../../lib/export/compact.js';
import { FolderTarget } from '../../lib/export/folder-target.js';
import { codecOf } from '../../lib/export/read/codec-of.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { createdBy } from '../../version.js';
import { fileSizeHelp, writeFlags } from './shared/write-flags.js';

const nothingToMerge = 'no partition has files to merge';

interface Prepared {
  readonly plan: Compaction;
  readonly folder: string;
  readonly fileBytes: number;
  readonly rowGroupRows: number;
  readonly grace: number | undefined;
}

export const compact = changeCommand({
  name: 'export compact',
  summary: 'merge the small files of a Parquet dataset',
  synonyms: ['merge', 'optimize'],
  description:
    'Merges the files of each partition whose rows fit into fewer files. Also rewrites files that lack columns of the dataset or have ' +
    'narrower types. Rows keep their values and their order, and files their compression. Until everything is written, nothing ' +
    'changes. Files that the manifest does not name are not touched.',
  args: { path: { help: 'the dataset', required: true } },
  flags: {
    targetFileSize: flag.size({ help: fileSizeHelp, default: '256MiB' }),
    rowGroupRows: writeFlags.rowGroupRows,
    grace: writeFlags.grace,
  },
  examples: [
    { does: 'a month of nightly files', command: 'metrify export compact lake/readings' },
    {
      does: 'see which partitions would be rewritten',
      command: 'metrify export compact lake/readings --target-file-size 1GiB --dry-run',
    },
  ],

  prepare: async ({ path, targetFileSize: fileBytes, rowGroupRows, grace }, context): Promise<Prepared> => {
    const folder = datasetFolder(path, context.cwd);
    return { plan: await planCompaction(folder, fileBytes), folder, fileBytes, rowGroupRows, grace };
  },

  preview: ({ plan, folder }) => ({
    target: folder,
    partitions: [...plan.partitions],
    files: plan.files.length,
    rows: plan.rows,
    bytes: plan.bytes,
  }),
  presentPreview({ target, partitions, files, rows, bytes }, printer) {
    if (partitions.length === 0) return printer.line(nothingToMerge);
    printer.line(
      `Would rewrite ${counted(rows, 'row')}, ${formatBytes(bytes)} in ${counted(files, 'file')}, of ${target}:`,
    );
    for (const partition of partitions) printer.line(`  ${partition || 'all of it'}`);
  },

  async run({ plan, folder, fileBytes, rowGroupRows, grace }, context) {
    const { manifest, partitions, expired } = plan;
    if (partitions.size === 0 && expired.length === 0)
      return { verdict: 'ok', result: resultOf(manifest.files.length, 0, manifest) };
    const codec = await openCodec(await codecOf(plan.files));
    const options = {
      format: parquetFormat({ codec, createdBy }),
      createdBy,
      rowGroupRows,
      fileBytes,
      ...(grace === undefined ? {} : { keepOldMs: grace }),
    };
    const target = new FolderTarget(folder);
    const after = await context.during('compacting', 'rows', (progress) =>
      compactDataset(plan, target, options, context.signal, progress),
    );
    return { verdict: 'ok', result: resultOf(manifest.files.length, partitions.size, after) };
  },
  counts: ({ rows, files }) => ({ rows, files: files.length }),
  present({ filesBefore, files, partitions, bytes }, printer) {
    if (partitions === 0) printer.ok(nothingToMerge);
    else
      printer.ok(
        `${counted(filesBefore, 'file')} became ${counted(files.length, 'file')}, ${formatBytes(bytes)}; rewrote ${counted(partitions, 'partition')}`,
      );
  },
});

function resultOf(
  filesBefore: number,
  partitions: number,
  { rows, bytes, files, columns }: Compaction['manifest'],
) {
  return { rows, bytes, filesBefore, partitions, files, schema: columns };
}
