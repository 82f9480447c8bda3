import { appendFile } from 'node:fs/promises';

import { errorMessage, NotWritten } from '../../../lib/core/errors.js';
import { writeFileAtomic } from '../../../lib/core/files.js';
import type { LoadResult } from '../../../lib/load/result.js';
import { timelineCsv } from '../../../lib/load/timeline-csv.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import { rehearseReports } from '../../../runtime/reports.js';
import { loadSummary } from '../../../ui/load-summary.js';
import { reportOf, type ReportedTally } from './report.js';

export const outputFlags = {
  report: flag.file({ access: 'write', help: 'charts and tables of the result, as one HTML file' }),
  csv: flag.file({ access: 'write', help: 'the run in slices of time, as CSV' }),
  summaryFile: flag.file({
    access: 'write',
    help: 'the result as Markdown; in GitHub Actions it is added to the summary of the job in any case',
  }),
};

export const saveFlags = {
  save: flag.file({ access: 'write', help: 'all that was counted, for load merge and load compare' }),
};

type Outputs = Partial<FlagValues<typeof outputFlags & typeof saveFlags>>;

/** Whether all files can be written, before a run whose result would be lost. @throws UserError */
export async function rehearseOutputs(outputs: Outputs): Promise<void> {
  const { report, csv, summaryFile, save } = outputs;
  await rehearseReports({ '--report': report, '--csv': csv, '--summary-file': summaryFile, '--save': save });
}

/** What the files say in addition to the result. */
interface Ran extends ReportedTally {
  /** The saved run. */
  readonly saved?: string;
}

/** Writes what is asked for. What cannot be written is told, and the command goes on. */
export async function writeOutputs(
  result: LoadResult,
  { report, csv, summaryFile, save }: Outputs,
  context: Context,
  ran?: Ran,
): Promise<void> {
  const { redactor } = context.terminal;
  const page = report === undefined || !ran ? '' : await reportOf(result, ran, context);
  const summary = () => loadSummary(redactor.data(result));
  const write = async (what: string, path: string | undefined, content: () => string, add = false) => {
    if (path === undefined || path === '') return;
    try {
      await (add ? appendFile(path, content()) : writeFileAtomic(path, content()));
    } catch (error) {
      context.notWritten(new NotWritten(`${what} ${path} was not written: ${errorMessage(error)}`));
    }
  };
  await write('the saved run', save, () => ran?.saved ?? '');
  await write('the report', report, () => page);
  await write('the CSV file', csv, () => timelineCsv(result.timeline));
  await write('the summary', summaryFile, summary);
  await write('the summary of the job', context.env['GITHUB_STEP_SUMMARY'], summary, true);
}
