import { flag } from '../../../runtime/flags.js';

/** Flags that name a server for this run, instead of the configuration. */
export const redisUrl = flag.forSetting('redis.url', {
  help: 'Redis of this run; several, comma-separated, mean a cluster',
});
export const memcachedServers = flag.forSetting('memcached.servers', {
  placeholder: 'HOST:PORT,…',
  help: 'Memcached servers of this run',
});
export const hazelcastUrl = flag.forSetting('hazelcast.url', {
  help: 'Hazelcast of this run; several members, comma-separated',
});
export const postgresUrl = flag.forSetting('postgres.url', { help: 'PostgreSQL of this run' });

export const levelFlag = flag.text({
  placeholder: 'NAME',
  complete: 'levels',
  help: 'cache level: its configured name, or redis, memcached, hazelcast, database (default: the first)',
});
