import { openOrcCodec, orcCodecNames } from '../../lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../lib/columnar/orc/file-writer.js';
import type { FileFormat } from '../../lib/columnar/sink.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentExport, presentExportPreview } from '../../ui/export-written.js';
import { prepareExport } from './shared/prepare.js';
import { previewExport, runExport } from './shared/run.js';
import { prepareEngine, sparkFlags } from './shared/spark.js';
import { writeFlags } from './shared/write-flags.js';

export const orc = changeCommand({
  name: 'export orc',
  summary: 'write the rows of a query to a folder of ORC files',
  synonyms: [],
  flags: {
    ...writeFlags,
    compression: flag.choice(orcCodecNames, { help: 'of streams', default: 'snappy' }),
    ...sparkFlags,
    strict: flag.boolean('refuse times that some readers of ORC misread, instead of a warning'),
  },
  examples: [
    {
      does: 'readings for Hive',
      command: "metrify export orc --sql 'select * from readings' --to lake/readings --compression zlib",
    },
  ],

  prepare: async (input, context) => {
    const options = { codec: await openOrcCodec(input.compression) };
    const format: FileFormat & { readonly suffix: 'orc' } = {
      suffix: 'orc',
      open: (sink, schema) => new OrcFileWriter(sink, schema, options),
    };
    const misread = input.strict ? 'error' : 'keep';
    return prepareEngine(input, await prepareExport(input, format, misread, context), context);
  },
  preview: previewExport,
  presentPreview: presentExportPreview,
  run: runExport,
  counts: ({ written }) => ({ rows: written.rows, files: written.files.length }),
  present: presentExport,
});
