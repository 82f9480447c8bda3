import { createHash } from 'node:crypto';

import { toBytes, type ByteString } from '../../core/bytes.js';
import type { CallOptions, RedisClient } from './client.js';
import { type CommandPart, RedisError, type Reply } from './resp.js';

/** A Lua script that the server knows by its hash once it has seen it. */
export class Script {
  readonly text: ByteString;
  readonly sha: ByteString;

  constructor(text: string) {
    this.text = toBytes(text);
    this.sha = createHash('sha1').update(text).digest('hex') as ByteString;
  }

  /** Runs on the keys' master. It must bear being run twice: an answer may get lost. @throws what `client.call` throws. */
  async run(
    client: RedisClient,
    keys: readonly ByteString[],
    args: readonly CommandPart[],
    options: Pick<CallOptions, 'repeated'> = {},
  ): Promise<Exclude<Reply, RedisError>> {
    const rest = [`${keys.length}`, ...keys, ...args] as const;
    try {
      return await client.call(['EVALSHA', this.sha, ...rest], keys[0]!, options);
    } catch (error) {
      if (!(error instanceof RedisError) || error.code !== 'NOSCRIPT') throw error;
      return client.call(['EVAL', this.text, ...rest], keys[0]!, options);
    }
  }
}
