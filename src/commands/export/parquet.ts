import { codecNames, openCodec } from '../../lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../lib/columnar/parquet/scratch.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import {
  createdBy,
  prepareExport,
  presentExport,
  presentExportPreview,
  previewExport,
  runExport,
  writeFlags,
} from './shared/write.js';
import { prepareSpark, runSpark, sparkFlags } from './shared/spark.js';

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
    const options = { codec, createdBy, scratch: new Scratch() };
    const prepared = await prepareExport(
      input,
      { suffix: 'parquet', open: (sink, schema) => new ParquetFileWriter(sink, schema, options) },
      'keep',
      context,
    );
    return { prepared, spark: await prepareSpark(input, prepared, context) };
  },
  preview: ({ prepared }) => previewExport(prepared),
  presentPreview: presentExportPreview,
  run: ({ prepared, spark }, context) =>
    spark === undefined ? runExport(prepared, context) : runSpark(spark, context),
  counts: ({ rows, files }) => ({ rows, files: files.length }),
  present: presentExport,
});
