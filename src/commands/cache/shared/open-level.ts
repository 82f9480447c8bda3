import type { BulkLevel } from '../../../lib/cache/bulk-level.js';
import { findLevel, openBulkLevel } from '../../../lib/cache/open-bulk-level.js';
import type { LevelSettings } from '../../../lib/cache/settings.js';
import type { Context } from '../../../runtime/context.js';

/**
 * A configured level, closed when the command ends.
 * @param level its settings, or its name or type; undefined is the first that a command can reach.
 * @throws UserError exit 2 when there is none; ServiceUnavailable, ServiceRefused.
 */
export async function openLevel(
  level: LevelSettings | string | undefined,
  context: Context,
): Promise<BulkLevel> {
  const settings = await context.settings();
  const chosen = typeof level === 'object' ? level : findLevel(settings.cache, level);
  const open = await openBulkLevel(chosen, settings, context.clock, context.signal);
  context.closing(() => open.close());
  return open;
}
