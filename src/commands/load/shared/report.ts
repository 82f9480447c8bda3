import { errorMessage, NotWritten } from '../../../lib/core/errors.js';
import { writeFileAtomic } from '../../../lib/core/files.js';
import type { Context } from '../../../runtime/context.js';
import { flag } from '../../../runtime/flags.js';
import { rehearseReports } from '../../../runtime/reports.js';
import type { ReportedRun } from '../../../ui/load-report/page.js';
import { version } from '../../../version.js';

export const reportFlags = {
  report: flag.file({ access: 'write', help: 'write a report with charts, as one HTML file' }),
};

/** @throws UserError exit 2 when the report cannot be written; asked before any load is generated */
export async function rehearseReport(path: string | undefined): Promise<void> {
  await rehearseReports({ '--report': path });
}

/** Writes the report, with `--report`. What cannot be written does not take the result away. */
export async function writeReport(
  path: string | undefined,
  run: () => Omit<ReportedRun, 'version'>,
  { terminal, notWritten }: Pick<Context, 'terminal' | 'notWritten'>,
): Promise<void> {
  if (path === undefined) return;
  const [{ reportPage }, { readAssets }] = await Promise.all([
    import('../../../ui/load-report/page.js'),
    import('../../../ui/load-report/assets.js'),
  ]);
  const page = reportPage({ ...run(), version }, await readAssets(), terminal.redactor);
  try {
    await writeFileAtomic(path, page);
  } catch (error) {
    notWritten(new NotWritten(`the report was not written, and is as it was: ${errorMessage(error)}`));
  }
}
