import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import type { RowSource } from '../../sources/row-source.js';
import type { BulkLevel, StoredValue } from '../bulk-level.js';
import type { WarmReached } from './checkpoint.js';
import { compileKey } from './key-template.js';

export interface WarmPlan<Row = unknown> {
  source: RowSource<Row>;
  levels: BulkLevel[];
  /** `meter:{meter_id}:latest` */
  key: string;
  /** `json`, `hash`, or `column:NAME`. */
  value: string;
  /** Milliseconds for each level; 0 keeps keys forever. */
  ttlMs: number[];
  /** Share of the time to live, 0 to 1: each key gets TTL × (1 ± jitter). */
  ttlJitter: number;
  nx: boolean;
  /** Rows a second. */
  rate?: number | undefined;
  /** What a stopped run continues from. */
  resume?: Checkpoint<WarmReached> | undefined;
  deadLetter?: string | undefined;
  /** How many of the written keys are compared afterwards. */
  verify?: number | 'all' | undefined;
}

/** @throws UserError exit 2 when the template or the value names a column that the source does not have. */
export function compileEntry<Row>(
  plan: Pick<WarmPlan<Row>, 'source' | 'key' | 'value' | 'levels'>,
): (row: Row) => { key: ByteString | null; value: StoredValue | null } {
  const { source, value } = plan;
  const key = compileKey(plan.key, source);
  if (value === 'json') return (row) => ({ key: key(row), value: source.json(row) });
  if (value === 'hash') {
    const without = plan.levels.find((level) => !level.hashes);
    if (without)
      throw new UserError(`level '${without.name}' (${without.type}) has no hashes`, {
        hint: 'Use --value json, or a Redis level.',
      });
    return (row) => ({ key: key(row), value: source.fields(row) });
  }
  const column = source.column(value.slice('column:'.length));
  return (row) => ({ key: key(row), value: column(row) });
}
