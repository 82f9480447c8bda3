/* What `import … from 'metrify/cache'` gives. */
export { systemClock, type Clock } from '../lib/core/clock.js';
export { ServiceConflict, ServiceRefused, ServiceUnavailable, UserError } from '../lib/core/errors.js';
export { json, text, type BinaryCodec, type Codec, type TextCodec } from '../lib/cache/multi-level/codec.js';
export { MultiLevelCache } from '../lib/cache/multi-level/cache.js';
export type {
  CacheStats,
  LoadOptions,
  MultiLevelCacheOptions,
  WriteBehindCall,
  WriteOptions,
} from '../lib/cache/multi-level/cache-options.js';
export type { Duration } from '../lib/cache/multi-level/values.js';
export type { GuardedLevelOptions, LevelStats } from '../lib/cache/multi-level/guarded-level.js';
export { openCache, type OpenOptions } from '../lib/cache/multi-level/open.js';
export type { DurationSetting, OpenSettings } from '../lib/cache/multi-level/open-settings.js';
export type { QueueLimits, WriteQueue } from '../lib/cache/multi-level/queue.js';
export type { RowWriter } from '../lib/cache/multi-level/rows.js';
export type { WriteLeases } from '../lib/cache/multi-level/writes.js';
export { WriteUnsettled } from '../lib/cache/write-behind/sender.js';
export type { LostWrite, Operation, Queued, RowTarget } from '../lib/cache/write-behind/types.js';
export { MemoryLevel } from '../lib/cache/memory/keyed-level.js';
export type { Found, Lease, Lookup, KeyedWriteOutcome, KeyedLevel } from '../lib/cache/keyed-level.js';
