/** What is counted. */
export type ProgressUnit = 'rows' | 'bytes' | 'requests' | 'keys' | 'writes' | 'documents';

/** How long work says where it stands. Drawing it is the terminal's business. */
export interface Progress {
  /** @param done units finished so far; @param total how many there will be, if that is known. */
  update(done: number, total?: number, note?: string): void;
}

export const silentProgress: Progress = { update() {} };
