import { checkCluster, clusterStatus } from '../../../lib/cache/redis/cluster.js';
import { readCommand } from '../../../runtime/command.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';

export const check = readCommand({
  name: 'cache cluster check',
  summary: 'whether every slot is served and every master could fail over; exit 3 if not',
  synonyms: ['verify'],
  flags: { redisUrl },
  examples: [{ does: 'as a CI step', command: 'metrify cache cluster check --junit cluster.xml' }],
  items: 'checks',
  junit: true,

  async read(_, context) {
    const { target, ...status } = await clusterStatus(await openConfiguredRedis(context));
    const checks = checkCluster({ target, ...status });
    const failed = checks.some(({ failure }) => failure !== undefined);
    return { verdict: failed ? 'failed' : 'ok', result: { target, checks }, checks };
  },

  present({ checks }, printer) {
    for (const { name, failure } of checks)
      if (failure === undefined) printer.ok(name);
      else printer.bad(`${name}: ${failure}`);
  },
});
