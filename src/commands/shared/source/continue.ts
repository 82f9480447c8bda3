import type { Checkpoint } from '../../../lib/runs/checkpoint.js';
import { howToContinue } from '../../../lib/runs/continue.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import type { Context } from '../../../runtime/context.js';

type Identified = Pick<RowSource, 'identity' | 'rereadable'>;

/** The checkpoint of a run over this source, which starts over where the source has no place to continue from. */
export function continuing<Reached extends object>(
  checkpoint: Checkpoint<Reached>,
  source: Identified,
  context: Pick<Context, 'warn'>,
): Checkpoint<Reached> {
  if (!startsOver(source)) return checkpoint;
  context.warn(
    checkpoint.reached
      ? 'SQL without --resume-column cannot be continued: starting over'
      : 'SQL without --resume-column cannot be continued: should this run be stopped, it starts over',
  );
  return checkpoint.startingOver();
}

/** What a person can do after a run over this source was stopped by the error. */
export function resumeHint(
  source: Identified,
  checkpoint: Pick<Checkpoint<object>, 'path' | 'exists'> | undefined,
  error: unknown,
): string {
  if (!source.rereadable) return howToContinue({ error });
  return startsOver(source)
    ? howToContinue({ wouldContinueWith: '--resume FILE and --resume-column C', error })
    : howToContinue({ checkpoint, wouldContinueWith: '--resume FILE', error });
}

/** Without an order there is no place to continue from. */
function startsOver({ identity }: Identified): boolean {
  return identity.kind === 'sql' && identity.resumeColumn === undefined;
}
