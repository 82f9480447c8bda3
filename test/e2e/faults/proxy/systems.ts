import { memcached } from './memcached.js';
import { postgres } from './postgres.js';
import { queue } from './queue.js';
import { redis } from './redis.js';
import { redisCluster } from './redis-cluster.js';
import type { System } from './system.js';

export const systems: Readonly<Record<string, System>> = { redis, redisCluster, memcached, postgres, queue };
