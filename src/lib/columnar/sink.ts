/** Where a file's bytes go, in order. */
export interface Sink {
  write(parts: readonly Buffer[]): Promise<void>;
}
