import { systemClock } from '../../core/clock.js';
import type { Examiner } from '../../core/examiner.js';
import { hostOf } from '../host-of.js';
import type { HazelcastSettings } from '../settings.js';
import { HazelcastConnection } from './connection.js';
import { memberVersion } from './member.js';

export function examineHazelcast(settings: HazelcastSettings): Examiner {
  return {
    system: 'Hazelcast',
    target: settings.urls.map(hostOf).join(','),
    async ask(inquiry) {
      const { signal } = inquiry;
      const connection = await HazelcastConnection.open(settings, inquiry, systemClock, signal);
      try {
        const { target } = connection;
        const { members, size } = await connection.run(
          async ({ client, map }) => ({ members: client.getCluster().getMembers(), size: await map.size() }),
          signal,
        );
        const versions = new Set(members.flatMap((member) => memberVersion(member) ?? []));
        return {
          target: target.label,
          version: [...versions].join(', '),
          latencyMs: await inquiry.latency(() => connection.run(({ map }) => map.size(), signal)),
          notes: [
            `cluster '${target.clusterName}' of ${members.length} member${members.length === 1 ? '' : 's'}`,
            `map ${target.map}: ${size} ${size === 1 ? 'entry' : 'entries'}`,
          ],
        };
      } finally {
        await connection.close();
      }
    },
  };
}
