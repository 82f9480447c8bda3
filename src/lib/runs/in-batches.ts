import type { Clock } from '../core/clock.js';
import { NotWritten } from '../core/errors.js';
import { readAhead } from '../core/read-ahead.js';
import { checkpointCode } from './codes.js';
import type { DeadLetterFile } from './dead-letters.js';

/** Rows of a source, and where the source stands after them. */
interface Positioned<Position> {
  readonly position: Position;
}

export interface BatchRun<Batch extends Positioned<Position>, Position> {
  /** From `from` on. @param signal is aborted when nobody reads on */
  readonly batches: (signal: AbortSignal) => AsyncIterable<Batch>;
  /** Where the source stood when an earlier run stopped. */
  readonly from: Position | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Begins what is to happen to a batch. It may be under way when this returns. */
  write(batch: Batch): Promise<void>;
  /** Settles what is under way. */
  drain(): Promise<void>;
  /** Keeps how far the run got; undefined where it cannot continue. @throws NotWritten */
  readonly save: ((position: Position) => Promise<void>) | undefined;
  /** An output is not whole, beside what is thrown. */
  notWritten(problem: NotWritten): void;
}

const saveEveryMs = 1000;

/**
 * Works through a source's batches, each of which is read while the one before is worked on. What is under way is settled before how far
 * the run got is kept, and before the run ends, however it does.
 * @throws the signal's reason; as `write`, `drain` and `save`
 */
export async function inBatches<Batch extends Positioned<Position>, Position>({
  batches,
  from,
  clock,
  signal,
  write,
  drain,
  save,
  notWritten,
}: BatchRun<Batch, Position>): Promise<void> {
  const settled = async (position: Position) => {
    await drain();
    await save!(position);
  };
  let position = from;
  let savedAt = clock.monotonic();
  // Whether the counts are those of `position`: they are not in the middle of a batch.
  let isWhole = true;
  try {
    for await (const batch of readAhead(batches, signal)) {
      isWhole = false;
      await write(batch);
      position = batch.position;
      if (save && clock.monotonic() - savedAt > saveEveryMs) {
        await settled(position);
        savedAt = clock.monotonic();
      }
      isWhole = true;
    }
    isWhole = false;
    await drain();
  } catch (error) {
    // What is under way is settled, so that the counts are right and the checkpoint is as far as it can be. A batch
    // that was cut short is read again as a whole; and a server that is gone is not waited for twice.
    const tidying =
      isWhole && save && position !== undefined
        ? settled(position)
        : isWhole || signal.aborted || error instanceof NotWritten
          ? drain()
          : undefined;
    await tidying?.catch((also: unknown) => {
      // Dead letters are told in the end. Whatever else fails here is what stopped the run.
      if (also instanceof NotWritten && also.code === checkpointCode && !isOf(error, also)) notWritten(also);
    });
    throw error;
  }
}

/**
 * Closes the dead letters of a run that has ended, and throws what stopped it. What is missing in the file is thrown where nothing
 * else is, and told otherwise.
 * @param stopped undefined after a run that came to its end
 */
export async function endRun(
  stopped: Error | undefined,
  deadLetters: DeadLetterFile | undefined,
  notWritten: (problem: NotWritten) => void,
): Promise<void> {
  await deadLetters?.close();
  // Only now is it known how many are missing.
  const incomplete = deadLetters?.incomplete();
  if (incomplete && (!stopped || isOf(stopped, incomplete))) throw incomplete;
  if (incomplete) notWritten(incomplete);
  if (stopped) throw stopped;
}

/** Whether it is about the same output. */
function isOf(error: unknown, problem: NotWritten): boolean {
  return error instanceof NotWritten && error.code === problem.code;
}
