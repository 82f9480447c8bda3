import type { Age } from '../age.js';

/** What the configuration says of the indices. */
export interface IndexSettings {
  /** Each a rule: `trafo, transformer` or `trafo => transformer`. */
  readonly synonyms: readonly string[];
  /** Of each index; undefined: as the server has it. */
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
  /** By index: how long its documents are kept. */
  readonly retention: Readonly<Record<string, Age>>;
}
