import { expect } from 'vitest';

import type { SearchEngine } from '../../../../src/lib/search/engine.js';
import { openEngine } from '../../../../src/lib/search/open-engine.js';
import { type Asked, questionOf } from '../../../../src/lib/search/query/asked.js';
import type { Found, Question } from '../../../../src/lib/search/query/question.js';
import { replayable } from '../../../random.js';
import type { SharedSearch } from '../../../servers/search.js';
import { SearchIndex } from './index-of.js';
import { mappings, type Sensor, sourceOf, worldOf } from './world.js';

export const { seed, random } = replayable('questions');
/** Together more than servers count by default. */
export const counts = { real: 8000, world: 2500 };

/** An engine and an index full of sensors, from `start` to `stop`. */
export class QueryWorld {
  readonly signal = AbortSignal.timeout(300_000);
  server!: SharedSearch;
  engine!: SearchEngine;
  index!: SearchIndex;
  sensors!: Sensor[];

  async start(server: SharedSearch): Promise<void> {
    this.server = server;
    const { url, prefix } = server;
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 60_000 };
    this.engine = await openEngine('elasticsearch', { urls: [url] }, timeouts, this.signal);
    this.index = await SearchIndex.create(url, `${prefix}query`, { mappings, shards: 3 });
    this.sensors = await worldOf(random, counts);
    await this.index.put(this.sensors.map((sensor) => [sensor.id, sourceOf(sensor)]));
  }

  async stop(): Promise<void> {
    await this.index.remove();
    this.engine.close();
  }

  readonly question = async (asked: Partial<Asked>): Promise<Question> => {
    const fields = await this.engine.fields(this.index.name, this.signal);
    return questionOf({ limit: 10, ...asked }, this.index.name, fields, Date.now());
  };

  readonly ask = async (asked: Partial<Asked>): Promise<Found> =>
    this.engine.search(this.index.name, await this.question(asked), this.signal);

  /** Ids of all hits. */
  readonly all = async (asked: Partial<Asked>): Promise<Set<string>> => {
    const { signal } = this;
    const filter = this.engine.filterOf(await this.question(asked));
    const ids: string[] = [];
    for await (const hits of this.engine.scan(this.index.name, { signal, filter, source: false }))
      ids.push(...hits.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    return new Set(ids);
  };

  /** All that are meant, and no others; those on the rim may be either. */
  readonly expectIds = (
    found: Set<string>,
    isMeant: (sensor: Sensor) => boolean,
    isOnRim: (sensor: Sensor) => boolean,
  ): void => {
    const wrong = this.sensors.filter((one) => found.has(one.id) !== isMeant(one));
    expect(wrong.filter((one) => !isOnRim(one))).toEqual([]);
  };
}
