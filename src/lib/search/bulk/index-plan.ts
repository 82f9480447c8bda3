import type { Checkpoint } from '../../runs/checkpoint.js';
import type { RowSource } from '../../sources/row-source.js';
import type { SearchEngine, WriteTarget } from '../engine.js';
import type { IndexReached } from './checkpoint.js';
import type { RowPlan } from './row-operation.js';

/** What `search index` does. */
export interface IndexPlan<Row = unknown> {
  readonly source: RowSource<Row>;
  readonly engine: SearchEngine;
  readonly target: WriteTarget;
  /** Behind the name at the beginning, by uuid; none where a template will make it. */
  readonly indices: readonly string[];
  /** The mapping has a time field, and the server takes documents without it. */
  readonly wantsTime: boolean;
  readonly rows: RowPlan;
  /** Rows a second. */
  readonly rate: number | undefined;
  readonly stallMs: number;
  readonly deadLetter: string | undefined;
  /** What a stopped run continues from. */
  readonly resume: Checkpoint<IndexReached> | undefined;
  /** Afterwards, so that searches see what was written. */
  readonly refresh: boolean;
}
