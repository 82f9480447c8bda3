import { openRedis, type RedisClient } from '../../../lib/clients/redis/client.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import type { Context } from '../../../runtime/context.js';

/** The configured Redis, closed when the command ends. @throws UserError exit 2 when there is none. */
export async function openConfiguredRedis(context: Context): Promise<RedisClient> {
  const settings = await context.settings();
  const redis = requireSystem(settings, 'redis', 'this command');
  const client = await openRedis(redis, settings, context.signal);
  context.closing(() => client.close());
  return client;
}
