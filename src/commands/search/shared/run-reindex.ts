import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { DeadLetterFile } from '../../../lib/runs/dead-letters.js';
import type { SearchEngine } from '../../../lib/search/engine.js';
import { writeRejections } from '../../../lib/search/reindex/dead-letters.js';
import type { ReindexEnd, ReindexIo, ReindexResult } from '../../../lib/search/reindex/reindex.js';
import type { Context } from '../../../runtime/context.js';

export interface AbandonResult {
  readonly source: string;
  readonly abandoned: string;
  readonly deleted: boolean;
}

/** A reindex with what it tells, and a file of the documents that were refused. */
export async function runReindex(
  from: { readonly engine: SearchEngine; readonly name: string },
  fill: (io: ReindexIo) => Promise<ReindexEnd>,
  deadLetter: string | undefined,
  context: Context,
): Promise<ReindexResult> {
  const { clock, signal } = context;
  // Before anything is changed: it may not be writable.
  const file =
    deadLetter === undefined ? undefined : await DeadLetterFile.open(resolve(context.cwd, deadLetter), 0);
  context.closing(() => file?.close());
  const { result, rejections } = await fill({
    clock,
    signal,
    temporaryFolder: tmpdir(),
    during: (label, work) => context.during(label, 'documents', work),
    warn: (message) => context.warn(message),
    started: (soFar) =>
      context.applied(soFar, () => 'To continue, run the same command again with --resume.'),
  });
  if (file !== undefined) await writeRejections(from.engine, from.name, rejections, file, signal);
  return result;
}
