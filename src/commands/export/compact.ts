import { openCodec } from '../../lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../lib/columnar/parquet/file-format.js';
import { formatBytes, formatCount } from '../../lib/core/units.js';
import { compact as compactDataset, type Compaction, planCompaction } from '../../lib/export/compact.js';
import { FolderTarget } from '../../lib/export/folder-target.js';
import { codecOf } from '../../lib/export/read/codec-of.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { createdBy } from '../../version.js';
import { writeFlags } from './shared/write.js';

interface Prepared {
  readonly plan: Compaction;
  readonly folder: string;
  readonly fileBytes: number;
  readonly rowGroupRows: number;
}

export const compact = changeCommand({
  name: 'export compact',
  summary: 'merge the small files of a Parquet dataset',
  synonyms: ['merge', 'optimize'],
  description:
    'Writes the partitions again that fewer files would hold, or that have files without all columns of the dataset or with ' +
    'narrower ones. Rows keep their values and their order, and pages their compression. Until everything is written, nothing ' +
    'changes; files that the manifest does not name are not touched.',
  args: { folder: { help: 'the dataset', required: true } },
  flags: {
    targetFileSize: flag.size({ help: 'how long files should be', default: '256MiB' }),
    rowGroupRows: writeFlags.rowGroupRows,
  },
  examples: [
    { does: 'a month of nightly files', command: 'metrify export compact lake/readings' },
    {
      does: 'see which partitions would be written again',
      command: 'metrify export compact lake/readings --target-file-size 1GiB --dry-run',
    },
  ],

  prepare: async ({ folder: given, targetFileSize: fileBytes, rowGroupRows }, context): Promise<Prepared> => {
    const folder = datasetFolder(given, context.cwd);
    return { plan: await planCompaction(folder, fileBytes), folder, fileBytes, rowGroupRows };
  },

  preview: ({ plan, folder }) => ({
    target: folder,
    partitions: [...plan.partitions],
    files: plan.files.length,
    rows: plan.rows,
    bytes: plan.bytes,
  }),
  presentPreview({ target, partitions, files, rows, bytes }, printer) {
    printer.line(
      `Would write ${formatCount(rows)} rows, ${formatBytes(bytes)} in ${formatCount(files)} files, of ${target} again:`,
    );
    for (const partition of partitions) printer.line(`  ${partition || 'all of it'}`);
  },

  async run({ plan, folder, fileBytes, rowGroupRows }, context) {
    const { manifest, partitions } = plan;
    if (partitions.size === 0) return { verdict: 'ok', result: resultOf(manifest.files.length, 0, manifest) };
    const codec = await openCodec(await codecOf(plan.files));
    const options = {
      format: parquetFormat({ codec, createdBy }),
      createdBy,
      rowGroupRows,
      fileBytes,
    };
    const target = new FolderTarget(folder);
    const after = await context.during('compacting', 'rows', (progress) =>
      compactDataset(plan, target, options, context.signal, progress),
    );
    return { verdict: 'ok', result: resultOf(manifest.files.length, partitions.size, after) };
  },
  counts: ({ rows, files }) => ({ rows, files: files.length }),
  present({ filesBefore, files, partitions, bytes }, printer) {
    if (partitions === 0) printer.ok('no partition has files to merge');
    else
      printer.ok(
        `${formatCount(filesBefore)} files became ${formatCount(files.length)}, ${formatBytes(bytes)}; ${formatCount(partitions)} partitions were written again`,
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
