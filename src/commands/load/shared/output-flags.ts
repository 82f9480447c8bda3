import { appendFile } from 'node:fs/promises';

import { errorMessage, NotWritten } from '../../../lib/core/errors.js';
import { writeFileAtomic } from '../../../lib/core/files.js';
import type { LoadResult } from '../../../lib/load/result.js';
import { timelineCsv } from '../../../lib/load/timeline-csv.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import { rehearseReports } from '../../../runtime/reports.js';
import { loadSummary } from '../../../ui/load-summary.js';

export const outputFlags = {
  csv: flag.file({ access: 'write', help: 'the run in slices of time, as CSV' }),
  summaryFile: flag.file({
    access: 'write',
    help: 'the result as Markdown; in GitHub Actions it is added to the summary of the job in any case',
  }),
};

export const saveFlags = {
  save: flag.file({ access: 'write', help: 'all that was counted, for load merge and load compare' }),
};

type Outputs = FlagValues<typeof outputFlags> & Partial<FlagValues<typeof saveFlags>>;

/** Whether all files can be written, before a run whose result would be lost. @throws UserError */
export async function rehearseOutputs(outputs: Outputs): Promise<void> {
  const { csv, summaryFile, save } = outputs;
  await rehearseReports({ '--csv': csv, '--summary-file': summaryFile, '--save': save });
}

/** Writes what is asked for. What cannot be written is told, and the command goes on. @param saved the saved run */
export async function writeOutputs(
  result: LoadResult,
  { csv, summaryFile, save }: Outputs,
  context: Context,
  saved = '',
): Promise<void> {
  const { redactor } = context.terminal;
  const summary = () => loadSummary(redactor.data(result));
  const write = async (what: string, path: string | undefined, content: () => string, add = false) => {
    if (path === undefined || path === '') return;
    try {
      await (add ? appendFile(path, content()) : writeFileAtomic(path, content()));
    } catch (error) {
      context.notWritten(new NotWritten(`${what} ${path} was not written: ${errorMessage(error)}`));
    }
  };
  await write('the saved run', save, () => saved);
  await write('the CSV file', csv, () => timelineCsv(result.timeline));
  await write('the summary', summaryFile, summary);
  await write('the summary of the job', context.env['GITHUB_STEP_SUMMARY'], summary, true);
}
