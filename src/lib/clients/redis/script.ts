import { createHash } from 'node:crypto';

import type { ByteString } from '../../core/bytes.js';
import type { RedisClient } from './client.js';
import { RedisError, type Reply } from './resp.js';

/** A Lua script that the server knows by its hash once it has seen it. */
export class Script {
  readonly sha: string;

  constructor(readonly text: string) {
    this.sha = createHash('sha1').update(text).digest('hex');
  }

  /** Runs on the keys' master. It must bear being run twice: an answer may get lost. @throws what `client.call` throws. */
  async run(
    client: RedisClient,
    keys: readonly ByteString[],
    args: readonly ByteString[],
  ): Promise<Exclude<Reply, RedisError>> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await client.call(['EVALSHA', this.sha, ...rest], keys[0]!);
    } catch (error) {
      if (!(error instanceof RedisError) || error.code !== 'NOSCRIPT') throw error;
      return client.call(['EVAL', this.text, ...rest], keys[0]!);
    }
  }
}
