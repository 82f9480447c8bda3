import * as z from 'zod/mini';
import { plainText, positiveDuration, positiveSize } from './values.js';
import { text } from './check.js';

export const levelTypes = ['memory', 'redis', 'memcached', 'hazelcast', 'database'] as const;

/** The parts of `cache` that are more than one value. */
export function cacheShape() {
  const name = text((value) => {
    if (!/^[A-Za-z0-9._-]+$/.test(plainText(value)))
      throw new Error(`'${value}' is no name: letters, digits, dot, dash and underscore only`);
  });
  const level = z.strictObject({
    name,
    type: z.enum(levelTypes),
    size: z.optional(text(positiveSize)),
    ttl: z.optional(text(positiveDuration)),
    table: z.optional(text(tableName)),
  });
  const tier = z.strictObject({
    pattern: text(plainText),
    levels: z.array(name).check(z.minLength(1)),
  });
  const columns = z.array(text(plainText)).check(z.minLength(1));
  return {
    levels: z.optional(z.array(level).check(z.minLength(1))),
    tiers: z.optional(z.array(tier)),
    tables: z.optional(z.record(z.string(), z.strictObject({ key: columns }))),
  };
}

/** A table's name, with its schema if it is given. */
function tableName(value: string): void {
  if (!/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$/.test(value))
    throw new Error(`'${value}' is not a table's name`);
}
