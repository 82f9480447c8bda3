import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import type { Checkpoint } from './checkpoint.js';

export interface StoppedRun {
  /** Undefined for a run without one, or one that starts over. */
  checkpoint?: Pick<Checkpoint<object>, 'path' | 'exists'> | undefined;
  /** With which flags it could have continued; undefined when nothing makes it resumable. */
  wouldContinueWith?: string | undefined;
  /** What stopped it. */
  error: unknown;
}

/** What a person can do after a run has stopped before its end. */
export function howToContinue({ checkpoint, wouldContinueWith, error }: StoppedRun): string {
  if (endsTheSameWay(error)) return 'What was written stays.';
  if (checkpoint?.exists)
    return `To continue, run the same command again: it continues from ${checkpoint.path}.`;
  if (checkpoint)
    return `To continue, run the same command again: there is no checkpoint in ${checkpoint.path} yet, so it starts over.`;
  const again = 'What was written stays. Run the same command again';
  return wouldContinueWith === undefined
    ? `${again}.`
    : `${again}; with ${wouldContinueWith} it could have continued from here.`;
}

/** Whether the same command meets it again: what it was given must change first, as the error's own hint says. */
function endsTheSameWay(error: unknown): boolean {
  return (
    error instanceof UserError && (error.exitCode === ExitCode.usage || error.exitCode === ExitCode.refused)
  );
}
