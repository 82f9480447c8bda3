import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { openPostgres, type PostgresClient } from '../clients/postgres.js';
import type { Query } from './cache-aside.js';
import { cacheTable, keys, tables, views } from './schema.js';
import type { Town } from './town.js';

const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 20_000 };

/** The town's database, over a few connections. */
export interface Database {
  readonly query: Query;
  /** Makes the tables and fills them. @throws the signal's reason. */
  load(town: Town, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** @throws ServiceUnavailable, ServiceRefused. */
export async function openDatabase(url: string, connections: number): Promise<Database> {
  // Never aborted: what the demo made is taken away after a Ctrl-C, too, and every call ends within its time-out.
  const { signal } = new AbortController();
  const idle: PostgresClient[] = [];
  const waiting: ((client: PostgresClient) => void)[] = [];
  const clients = await Promise.all(
    Array.from({ length: connections }, () => openPostgres({ url }, timeouts, signal)),
  );
  idle.push(...clients);

  async function use<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    const client = idle.pop() ?? (await new Promise<PostgresClient>((resolve) => waiting.push(resolve)));
    try {
      return await work(client);
    } finally {
      const next = waiting.shift();
      if (next) next(client);
      else idle.push(client);
    }
  }

  return {
    query: (text, params) => use(async (client) => (await client.query(text, params)).rows),
    load: (town, signal) => use((client) => load(client, town, signal)),
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

async function load(client: PostgresClient, town: Town, signal: AbortSignal): Promise<void> {
  const copy = (target: string, lines: Iterable<string>) =>
    pipeline(Readable.from(lines), client.copyIn(`copy ${target} from stdin`), { signal });
  // In one transaction with the tables' birth, COPY has nothing to log.
  await client.query(`begin; ${tables}`);
  await copy('tariffs (id, name, price, feed_in)', tariffLines(town));
  await copy('meters (id, kind, tariff_id, district, latitude, longitude)', meterLines(town));
  await copy('readings (meter_id, at, kwh)', readingLines(town));
  await client.query(`${keys} ${views} ${cacheTable} commit`);
  await client.query('vacuum (analyze) tariffs, meters, readings');
}

/** Rows in COPY's text format; nothing in the town needs escaping. */
function* tariffLines({ tariffs }: Town): Iterable<string> {
  for (const { id, name, price, feedIn } of tariffs) yield `${id}\t${name}\t${price}\t${feedIn}\n`;
}

function* meterLines({ meters }: Town): Iterable<string> {
  for (const { id, kind, tariffId, district, latitude, longitude } of meters)
    yield `${id}\t${kind}\t${tariffId}\t${district}\t${latitude}\t${longitude}\n`;
}

/** A chunk a meter. */
function* readingLines(town: Town): Iterable<string> {
  let times: string[] | undefined;
  for (const meter of town.meters) {
    const readings = town.readings(meter);
    times ??= readings.map(({ at }) => new Date(at).toISOString());
    let lines = '';
    for (let i = 0; i < readings.length; i++) lines += `${meter.id}\t${times[i]}\t${readings[i]!.kwh}\n`;
    yield lines;
  }
}
