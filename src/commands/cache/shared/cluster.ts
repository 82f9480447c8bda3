import { openRedis, type RedisClient } from '../../../lib/clients/redis/client.js';
import { UserError } from '../../../lib/core/errors.js';
import type { Context } from '../../../runtime/context.js';

/** The configured Redis, closed when the command ends. @throws UserError exit 2 when there is none. */
export async function openCluster(context: Context): Promise<RedisClient> {
  const settings = await context.settings();
  if (!settings.redis)
    throw new UserError('no Redis is configured', { code: 'NOT_CONFIGURED', hint: 'Set METRIFY_REDIS_URL.' });
  const client = await openRedis(settings.redis, settings, context.signal);
  context.closing(() => client.close());
  return client;
}
