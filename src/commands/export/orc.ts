import { openOrcCodec, orcCodecNames } from '../../lib/columnar/orc/codec.js';
import { OrcFileWriter } from '../../lib/columnar/orc/file-writer.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentExport, presentExportPreview } from '../../ui/export-written.js';
import { prepareExport } from './shared/prepare.js';
import { previewExport, runExport } from './shared/run.js';
import { writeFlags } from './shared/write-flags.js';

export const orc = changeCommand({
  name: 'export orc',
  summary: 'write the rows of a query to a folder of ORC files',
  synonyms: ['dump', 'unload'],
  flags: {
    ...writeFlags,
    compression: flag.choice(orcCodecNames, { help: 'of streams', default: 'snappy' }),
    strict: flag.boolean('refuse times that some readers of ORC take for others, instead of a warning'),
  },
  examples: [
    {
      does: 'readings for Hive',
      command: "metrify export orc --sql 'select * from readings' --to lake/readings --compression zlib",
    },
  ],

  prepare: async (input, context) => {
    const options = { codec: await openOrcCodec(input.compression) };
    return prepareExport(
      input,
      { suffix: 'orc', open: (sink, schema) => new OrcFileWriter(sink, schema, options) },
      input.strict ? 'error' : 'keep',
      context,
    );
  },
  preview: previewExport,
  presentPreview: presentExportPreview,
  run: runExport,
  counts: ({ written }) => ({ rows: written.rows, files: written.files.length }),
  present: presentExport,
});
