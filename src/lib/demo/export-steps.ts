import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { formatCount } from '../core/units.js';
import { stepGroup } from './stage.js';

/** Below the folder where the commands run. */
const dataset = 'lake/readings';
const readings = 'select r.*, m.kind from readings r join meters m on m.id = r.meter_id';

export interface ExportCounts {
  /** Rows that the manifest has. */
  rows: number;
  files: number;
}

/** The town's readings as files for analysts. */
export const exportSteps = stepGroup({
  name: 'export',
  state: (): ExportCounts => ({ rows: 0, files: 0 }),
  steps: [
    {
      title: 'export the readings to Parquet files, a folder for each kind of meter',
      async run(stage, state) {
        const report = await stage.metrify([
          ...['export', 'parquet', '--to', dataset, '--partition-by', 'kind', '--sql', readings],
        ]);
        const manifest = JSON.parse(await readFile(join(stage.desk, dataset, '_manifest.json'), 'utf8')) as {
          readonly rows: number;
          readonly files: readonly unknown[];
        };
        state.rows = manifest.rows;
        state.files = manifest.files.length;
        return report;
      },
    },
    {
      title: 'read them back, and compare every row with the database',
      run: (stage) => stage.metrify(['export', 'verify', dataset, '--sql', readings]),
    },
    {
      title: 'look for meters that draw much, without a database',
      run: (stage) =>
        stage.metrify([
          ...['export', 'read', dataset, '--where', "kind = 'commercial' and kwh > 1", '--limit', '5'],
          ...['--columns', 'meter_id,at,kwh'],
        ]),
    },
  ],
  summary: (state) => state,
  highlight: ({ rows, files }, { green }) =>
    rows > 0 ? `${green(formatCount(rows))} exported to ${files} files` : undefined,
});
