/** The codes of `NotWritten` by which a run's own files can be told apart. */
export const checkpointCode = 'CHECKPOINT_NOT_WRITTEN';
export const deadLetterCode = 'DEAD_LETTER';
