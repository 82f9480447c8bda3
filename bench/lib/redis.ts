import { startRedis, type RedisServer } from '../../test/servers/redis.js';
import type { Bench } from './bench.js';
import { run } from './run.js';

/** A private Redis that keeps nothing on disk. */
export async function privateRedis(bench: Bench): Promise<RedisServer> {
  const redis = await startRedis({ args: ['--enable-debug-command', 'yes'] });
  bench.closing(() => redis.stop());
  return redis;
}

/** Sends ready-made commands. */
export function pipe(bench: Bench, redis: RedisServer, commands: string) {
  return run('redis-cli', ['-p', String(redis.port), '--pipe'], { bench, stdin: commands });
}

/** Number of keys, and Redis's own checksum of all keys and values, whatever their order. */
export async function contentsOf(redis: RedisServer): Promise<{ keys: number; digest: string }> {
  return { keys: Number(await redis.cli('DBSIZE')), digest: await redis.cli('DEBUG', 'DIGEST') };
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the comparison is void: ${what}`);
}
