import { codecNames, openCodec } from '../../lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../lib/columnar/parquet/file-format.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { createdBy } from '../../version.js';
import { presentExport, presentExportPreview } from '../../ui/export-written.js';
import { prepareExport } from './shared/prepare.js';
import { previewExport, runExport } from './shared/run.js';
import { prepareEngine, sparkFlags } from './shared/spark.js';
import { writeFlags } from './shared/write-flags.js';

export const parquet = changeCommand({
  name: 'export parquet',
  summary: 'write the rows of a query to a folder of Parquet files',
  synonyms: ['dump', 'unload'],
  flags: {
    ...writeFlags,
    compression: flag.choice(codecNames, { help: 'of pages', default: 'snappy' }),
    ...sparkFlags,
  },
  examples: [
    {
      does: 'readings by sensor type',
      command:
        "metrify export parquet --sql 'select * from readings' --to lake/readings --partition-by sensor_type",
    },
  ],

  prepare: async (input, context) => {
    const codec = await openCodec(input.compression);
    const format = parquetFormat({ codec, createdBy });
    return prepareEngine(input, await prepareExport(input, format, 'keep', context), context);
  },
  preview: previewExport,
  presentPreview: presentExportPreview,
  run: runExport,
  counts: ({ written }) => ({ rows: written.rows, files: written.files.length }),
  present: presentExport,
});
