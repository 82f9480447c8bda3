import { clusterStatus } from '../../../lib/cache/redis/cluster.js';
import { counted, formatBytes, formatCount } from '../../../lib/core/units.js';
import { readCommand } from '../../../runtime/command.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';

export const status = readCommand({
  name: 'cache cluster status',
  summary: 'masters, replicas, slots, imbalance, and what a failover of each master would lose',
  synonyms: ['ls', 'list', 'show', 'info', 'nodes'],
  flags: { redisUrl },
  examples: [{ does: 'the overview', command: 'metrify cache cluster status' }],
  items: 'masters',

  async read(_, context) {
    return { verdict: 'ok', result: await clusterStatus(await openConfiguredRedis(context)) };
  },

  present({ target, state, slotsAssigned, keys, masters }, printer) {
    printer.heading(`Redis Cluster at ${target}`);
    printer.line(
      `${state === 'ok' ? printer.green('ok') : printer.red(state)}, ${counted(slotsAssigned, 'slot')}, ${counted(keys, 'key')}`,
    );
    printer.line();
    printer.table({
      columns: [
        { title: 'master', cut: true },
        { title: 'slots', align: 'right' },
        { title: 'keys', align: 'right' },
        { title: 'of even share', align: 'right' },
        { title: 'memory', align: 'right' },
        { title: 'replicas' },
        { title: 'a failover would lose' },
      ],
      rows: masters.map((master) => [
        master.node,
        formatCount(master.slots),
        formatCount(master.keys),
        `${master.imbalance.toFixed(2)} ×`,
        formatBytes(master.memoryBytes),
        master.replicas
          .map(({ node, linked }) => (linked ? node : printer.red(`${node} (down)`)))
          .join(', ') || printer.red('none'),
        !master.failover.possible
          ? printer.red(`all ${counted(master.failover.lostKeys, 'key')}`)
          : `${master.failover.lostBytes === 0 ? 'nothing' : `the last ${formatBytes(master.failover.lostBytes)} of writes`}${master.failover.sameHost ? ' (replica on the same host)' : ''}`,
      ]),
    });
  },
});
